"""What is asked: a rack, what comes to it, its line and its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dockd.planning.steps import Steps

Proof = Literal["receipt", "digest", "read-back"]
SECOND_LOOK = (
    24 * 3600.0
)  # a store without a durable promise is looked at once more, a day later, before the spool's copy goes
READS_TO_PULL = 2  # a camera is read to copy it, and once more to verify that
READS_TO_WIPE = 2  # and again before the deletion, and under its permit

DAY_BEGINS = 6 * 3600.0  # after midnight UTC: where a day of capture begins in the queue (docs/decisions/0026)
_FASTEST = 1e11
MOST_CAMERAS = 10_000
MOST_BYTES = 1e17  # 100 PB in all: beyond it, parts of a byte are all that a float tells apart


class NotAsked(ValueError):
    """The question makes no sense; the text says which part of it."""


@dataclass(frozen=True, kw_only=True)
class Station:
    """The rack and what surrounds it.

    `cameras` come in at the end of each shift, each with `footage` bytes, of which the share `evidential` goes first, past the
    limit if `bypass`. A camera is read at `camera_rate` bytes/s, all together at `together`. `spool`: bytes that may be in it, None for as many as
    there are. `keep_confirmed`, `grace`: seconds that a confirmed copy stays in the spool, and on the camera. `wipe`: whether cameras are emptied at all.
    """

    bays: int
    cameras: int
    footage: float
    evidential: float = 0.0
    bypass: bool = False
    camera_rate: float = 30e6
    together: float = 120e6
    proof: Proof = "receipt"
    spool: float | None = None
    keep_confirmed: float = 0.0
    grace: float = 0.0
    wipe: bool = True
    reads_to_wipe: int = READS_TO_WIPE

    def __post_init__(self) -> None:
        for wrong, text in (
            (not 1 <= self.bays <= MOST_CAMERAS, f"bays: from 1 to {MOST_CAMERAS}"),
            (not 1 <= self.cameras <= MOST_CAMERAS, f"cameras: from 1 to {MOST_CAMERAS}"),
            (
                not 1 <= self.footage <= MOST_BYTES,
                "footage: a camera brings at least a byte, and no more than there can be",
            ),
            (not 0 <= self.evidential <= 1, "evidential: a share from 0 to 1"),
            (
                not (0 < self.camera_rate <= _FASTEST and self.together > 0),
                "cameras are read above 0, and up to 100 GB/s",
            ),
            (self.together > _FASTEST, "all cameras together are read at up to 100 GB/s"),
            (self.spool is not None and self.spool < 1, "the spool has no room at all above what is kept free"),
        ):
            if wrong:
                raise NotAsked(text)

    @property
    def delay(self) -> float:
        """Seconds from the proof until the spool's copy may go."""
        return self.keep_confirmed if self.proof == "receipt" else max(self.keep_confirmed, SECOND_LOOK)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the line carries of footage, bytes/s: `up` at most, of that `limit` by the timetable (infinity: unlimited), `down` for what is read back."""

    up: Steps
    down: Steps
    limit: Steps

    def times(self, factor: float) -> Line:
        """The same line and the same limits, `factor` times as fast."""

        def more(rate: float) -> float:
            return rate * factor

        return Line(up=self.up.each(more), down=self.down.each(more), limit=self.limit.each(more))


@dataclass(frozen=True, kw_only=True)
class Question:
    """`ends`: when shifts end (ascending), the last of them only being the end of the one before: nobody docks then."""

    station: Station
    line: Line
    ends: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.ends) < 2 or list(self.ends) != sorted(set(self.ends)):
            raise NotAsked("at least one shift, and the end of the next")
        if self.station.footage * self.station.cameras * len(self.ends) > MOST_BYTES:
            raise NotAsked("more footage than there can be: look at --cameras, --hours and --bit-rate")


def day_of(ends: Sequence[float], shift: int) -> int:
    """The day on which a shift's footage was captured, as the queue counts days: that of its middle."""
    before = ends[shift - 1] if shift else ends[0] - (ends[1] - ends[0])
    return int(((before + ends[shift]) / 2 - DAY_BEGINS) // 86400)
