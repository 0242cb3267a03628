"""What flows where at one moment: the rates between cameras, spool, line, store and emptied cameras. Pure.

Cameras are read in the order in which they came. What is sent is the oldest day's first, and within a day as much of each camera as of another
(docs/decisions/0026). What comes in goes straight on where nothing waits before it. Rates are those of a
moment: they hold until something runs empty, the spool runs full, or a step of the calendar comes (`simulation` finds which is first).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

Amounts = Mapping[int, float]
"""Bytes, or bytes per second, by wave: the cameras that were docked together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """By what a wave's turn comes: the day on which its footage was captured, and how many cameras it is."""

    day: int
    cameras: int


Turns = Sequence[Turn]
"""By wave."""

_TRIES = 60
_AT_ONCE = 1e13  # bytes per second, of what only has to be asked for


@dataclass(kw_only=True)
class Contents:
    """Where the bytes are, by wave.

    On cameras: `camera` (to be pulled). In the spool: `first` (evidential) and `rest` to be sent, `unread` (sent, and to be read back).
    On cameras still: `wipe` (proven, to be read again and deleted). In the spool still, all waves together: `held` (proven, too young to go),
    `due` (old enough, to be looked at once more).
    """

    camera: dict[int, float] = field(default_factory=dict)
    first: dict[int, float] = field(default_factory=dict)
    rest: dict[int, float] = field(default_factory=dict)
    unread: dict[int, float] = field(default_factory=dict)
    wipe: dict[int, float] = field(default_factory=dict)
    held: float = 0.0
    due: float = 0.0

    @property
    def unsent(self) -> float:
        """Bytes in the spool that are not proven."""
        return sum(self.first.values()) + sum(self.rest.values()) + sum(self.unread.values())

    @property
    def spool(self) -> float:
        """All bytes in the spool."""
        return self.unsent + self.held + self.due


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may flow at this moment, bytes/s: `read` off all cameras, `pull`ed off those that are full, `up` and `down` the line, of that `limit`; `maturing`: what becomes old enough."""

    read: float
    pull: float
    up: float
    down: float
    limit: float
    maturing: float


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How this station works: see `question.Station`."""

    evidential: float
    bypass: bool
    read_back: bool
    reads_to_pull: int
    reads_to_wipe: int
    holds: bool
    """Whether what is proven stays in the spool for a while."""


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Bytes per second, by wave: `pull`ed, `first` and `rest` sent, `prove`n, `wipe`d; `release`d from the spool."""

    pull: Amounts
    first: Amounts
    rest: Amounts
    prove: Amounts
    wipe: Amounts
    release: float


def served(waiting: Amounts, coming: Amounts, capacity: float, *, turns: Turns | None = None) -> dict[int, float]:
    """How a queue is served: all of the capacity for what waits; of what only comes in, no more than that.

    `turns`: a day before the next, and each camera of a day alike. None: a wave before the next.
    """
    found: dict[int, float] = {}
    group: dict[int, float] = {}
    for wave in sorted({*waiting, *coming}):
        bound = math.inf if waiting.get(wave, 0.0) > 0 else coming.get(wave, 0.0)
        if group and (turns is None or turns[wave].day != turns[next(iter(group))].day):
            capacity -= _shared(group, found, capacity, turns)
            group = {}
            if capacity <= 0:
                return found
        if bound > 0:
            group[wave] = bound
    if capacity > 0:
        _shared(group, found, capacity, turns)
    return found


def _shared(group: Mapping[int, float], found: dict[int, float], capacity: float, turns: Turns | None) -> float:
    """Give each camera of a group as much as another, and none more than its bound. Returns how much was given."""
    left, open_ = capacity, dict(group)
    while open_:
        weights = {wave: 1 if turns is None else turns[wave].cameras for wave in open_}
        fair = left / sum(weights.values())
        sated = [wave for wave, bound in open_.items() if bound <= fair * weights[wave]]
        for wave in sated:
            found[wave] = open_.pop(wave)
            left -= found[wave]
        if not sated:
            found.update({wave: fair * weight for wave, weight in weights.items()})
            return capacity
    return capacity - left


def flows(contents: Contents, bounds: Bounds, manner: Manner, *, turns: Turns, full: bool, wipeable: Set[int]) -> Flows:
    """The rates now. `full`: the spool takes no more than it gives; `wipeable`: the waves of which something may be deleted."""
    pull = served(contents.camera, {}, bounds.pull)
    if not full:
        return _rates(contents, bounds, manner, pull=pull, turns=turns, wipeable=wipeable)
    found = _rates(contents, bounds, manner, pull=pull, turns=turns, wipeable=wipeable)
    wanted = sum(pull.values())
    if found.release >= wanted:
        return found

    def more_than_goes(rate: float) -> float:
        """By how much the spool gives more than it takes, if it takes `rate`: what comes in may go out at once, or keep the line from what would."""
        return _rates(contents, bounds, manner, pull=_within(pull, rate), turns=turns, wipeable=wipeable).release - rate

    taken = _falls_to_zero(more_than_goes, high=wanted, at_high=found.release - wanted)
    return _rates(contents, bounds, manner, pull=_within(pull, taken), turns=turns, wipeable=wipeable)


def _falls_to_zero(function: Callable[[float], float], *, high: float, at_high: float) -> float:
    """Where a falling function, piecewise linear and not below 0 at 0, comes to 0: from below, by the Illinois method."""
    wanted, low, at_low = high, 0.0, function(0.0)
    left, right = at_low, at_high  # as they are weighed: an end that stays is given less weight each time
    for _ in range(_TRIES):
        if at_low <= wanted * 1e-12:
            break
        middle = low + (high - low) * left / (left - right)
        found = function(middle)
        if found >= 0:
            low, at_low, left, right = middle, found, found, right / 2
        else:
            high, right, left = middle, found, left / 2
    return low


def _within(wanted: Amounts, room: float) -> dict[int, float]:
    found: dict[int, float] = {}
    for wave, rate in sorted(wanted.items()):
        found[wave] = min(rate, room)
        room -= found[wave]
    return found


def _rates(
    contents: Contents, bounds: Bounds, manner: Manner, *, pull: Mapping[int, float], turns: Turns, wipeable: Set[int]
) -> Flows:
    share = manner.evidential
    coming_first = {wave: rate * share for wave, rate in pull.items()}
    coming_rest = {wave: rate * (1 - share) for wave, rate in pull.items()}
    line = bounds.up if manner.bypass else min(bounds.up, bounds.limit)
    first = served(contents.first, coming_first, line, turns=turns)
    left = line - sum(first.values())
    rest = served(contents.rest, coming_rest, min(left, bounds.limit), turns=turns)
    sent = {wave: first.get(wave, 0.0) + rest.get(wave, 0.0) for wave in {*first, *rest}}
    down = bounds.down
    if manner.read_back:
        prove = served(contents.unread, sent, down, turns=turns)
        down -= sum(prove.values())
    else:
        prove = sent
    reading = (bounds.read - manner.reads_to_pull * sum(pull.values())) / manner.reads_to_wipe
    wipe = served(
        {wave: size for wave, size in contents.wipe.items() if wave in wipeable},
        {wave: rate for wave, rate in prove.items() if wave in wipeable},
        0.0 if bounds.up <= 0 else min(reading, down) if manner.read_back else reading,
    )
    if not manner.holds:
        release = sum(prove.values())
    elif bounds.up <= 0:  # the store is asked once more before anything is given up
        release = 0.0
    else:
        asking = max(down - sum(wipe.values()), 0.0) if manner.read_back else _AT_ONCE
        release = sum(served({0: contents.due}, {0: bounds.maturing}, asking).values())
    return Flows(pull=pull, first=first, rest=rest, prove=prove, wipe=wipe, release=release)
