"""A line in simulated time: what it carries, how far away the store is, and what one connection can carry of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.goodput import Piece, Width

_STEP = 0.05  # seconds


@dataclass
class Line:
    """`rate` and `each` (what one connection carries at most) in bytes per second; `cost`: seconds in which a request carries nothing.

    `noise`: by how much what it carries goes up and down from one moment to the next, relatively.
    """

    rate: float
    each: float = float("inf")
    cost: float = 0.0
    noise: float = 0.0


@dataclass
class _Request:
    left: float
    length: int
    began: float
    waits: float


@dataclass
class Sender:
    """Always has more to send: `lanes` and `piece` decide how. `widths` and `carried`: what there was in each second."""

    most: int = 8
    chunk: int = 64 << 20
    now: float = 0.0
    widths: list[int] = field(default_factory=list)
    carried: list[float] = field(default_factory=list)
    requests: list[_Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.width = Width(self.most, now=self.now)
        self.piece = Piece(self.chunk)
        self._chance = random.Random(1)

    def run(self, line: Line, *, seconds: int, wanted: Callable[[float], bool] = lambda _now: True) -> None:
        """So many seconds on this line. `wanted`: whether more waits than the lanes carry."""
        for _ in range(seconds):
            self.carried.append(sum(self._moment(line, wanted) for _ in range(round(1 / _STEP))))
            self.widths.append(self.width.lanes)

    def _moment(self, line: Line, wanted: Callable[[float], bool]) -> float:
        self.now += _STEP
        self.requests = [one for one in self.requests if one.left > 0]
        while len(self.requests) < self.width.lanes:
            self.requests.append(_Request(self.piece.size, self.piece.size, self.now, line.cost))
        sending = [one for one in self.requests if one.waits <= 0]
        share = line.rate * self._chance.uniform(1 - line.noise, 1 + line.noise) / max(1, len(sending))
        went = 0.0
        for one in self.requests:
            if one.waits > 0:
                one.waits -= _STEP
                continue
            size = min(one.left, min(line.each, share) * _STEP)
            one.left -= size
            went += size
            self.width.carried(int(size), now=self.now, taken=len(self.requests), wanted=wanted(self.now))
            if one.left <= 0:
                self.piece.worked(one.length, seconds=self.now - one.began)
        return went

    def rate(self, *, last: int) -> float:
        """Bytes per second over the last so many seconds."""
        return sum(self.carried[-last:]) / last
