"""From event to event: an event is a shift's end, a step of line or limit, or a moment at which something runs empty, full, or becomes old enough.

Between events every rate is constant, so amounts are exact up to the floats' own grain; what is left of a queue below that grain is nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dockd.planning.flows import Bounds, Contents, Flows, Manner, Turn, flows
from dockd.planning.outcome import Outcome, Point, Shift
from dockd.planning.question import READS_TO_PULL, NotAsked, Question, day_of

_MOST_EVENTS = 200_000
_INSTANT = 1e-6  # seconds: what would be over within it is over


@dataclass(kw_only=True)
class _Wave:
    """Cameras that were docked at the same time."""

    shift: int
    cameras: int
    pulled: float | None = None
    clear: float | None = None
    emptied: float | None = None


def simulate(question: Question, *, patience: float = 30 * 86400.0, only_if_fits: bool = False) -> Outcome:
    """Reckon it through, and on without further shifts until all is empty, for `patience` seconds at most.

    `only_if_fits`: stop where it is seen not to. Raises NotAsked where it takes more events than a station can have.
    """
    run = _Run(question)
    until = question.ends[-1] + patience
    for _ in range(_MOST_EVENTS):
        if run.over(until) or (only_if_fits and run.late()):
            return run.outcome()
        run.step(until)
    raise NotAsked("too many steps to reckon through: fewer days, shifts or lines of the timetable")


class _Run:
    """The state of one simulation."""

    def __init__(self, question: Question) -> None:
        self._question, self._station = question, question.station
        station = self._station
        self._manner = Manner(
            evidential=station.evidential, bypass=station.bypass, read_back=station.proof == "read-back", reads_to_pull=READS_TO_PULL,
            reads_to_wipe=station.reads_to_wipe, holds=station.delay > 0,
        )  # fmt: skip
        self._grain = max(0.5, station.footage * station.cameras * len(question.ends) * 1e-12)
        self._now = question.ends[0]
        self._in: Contents = Contents()
        self._waves: list[_Wave] = []
        self._turns: list[Turn] = []  # of the waves
        self._outside: deque[tuple[int, int]] = deque()  # shift, and its cameras that wait for a bay
        self._taken = 0  # bays, by cameras that are not copied yet
        self._docked = 0  # cameras that are not empty
        self._resting: set[int] = set()  # waves in their time of grace
        self._wipeable: set[int] = (
            set()
        )  # waves of which nothing is on the cameras alone any more, and nothing in its time of grace
        self._no_bay: list[int] = []
        self._maturing: deque[tuple[float, float, float]] = deque()  # from, until, rate: what was proven, a delay later
        self._curve: list[Point] = []
        self._full_since: float | None = None
        self._full_for = 0.0
        self._dock()

    def over(self, until: float) -> bool:
        """Whether nothing is left to come, or it has taken long enough."""
        all_came = len(self._no_bay) == len(self._question.ends) - 1
        empty = not self._outside and not self._docked
        return self._now >= until or (all_came and empty and self._in.spool <= 0)

    def late(self) -> bool:
        """Whether a shift's cameras came while those of the one before were not all empty, or cameras had to wait for room."""
        came = len(self._no_bay)
        if self._full_since is not None:
            return True
        last = came if self._now >= self._question.ends[came] else came - 1
        behind = self._docked > 0 and any(wave.emptied is None and wave.shift < last for wave in self._waves)
        return behind or any(shift < last for shift, _ in self._outside)

    # -- what happens at a moment ----------------------------------------------------------------------------------------

    def _dock(self) -> None:
        """Whoever comes now, and whoever waits for a bay, as far as there are bays: what is copied may leave its bay, and go out again."""
        ends = self._question.ends
        before = len(self._no_bay)
        while len(self._no_bay) < len(ends) - 1 and ends[len(self._no_bay)] <= self._now:
            self._point()
            self._outside.append((len(self._no_bay), self._station.cameras))
            self._no_bay.append(0)
        while self._outside and (free := self._station.bays - self._taken) > 0:
            shift, waiting = self._outside.popleft()
            docked = min(free, waiting)
            if docked < waiting:
                self._outside.appendleft((shift, waiting - docked))
            self._in.camera[len(self._waves)] = docked * self._station.footage
            self._waves.append(_Wave(shift=shift, cameras=docked))
            self._turns.append(Turn(day=day_of(ends, shift), cameras=docked))
            self._taken += docked
            self._docked += docked
        for shift, waiting in self._outside:
            if shift >= before:
                self._no_bay[shift] = waiting
        self._point()

    def _point(self) -> None:
        outside = sum(waiting for _, waiting in self._outside) * self._station.footage
        self._curve.append(
            Point(
                at=self._now, cameras=sum(self._in.camera.values()) + outside, unsent=self._in.unsent, kept=self._in.held + self._in.due
            )
        )  # fmt: skip

    def _passed(self, touched: Iterable[int]) -> bool:
        """Note what is over by now, of the waves of which something flowed. Returns whether a bay came free."""
        freed, grace, contents = False, self._station.grace if self._station.wipe else 0.0, self._in
        for number in {*touched, *self._resting}:
            wave = self._waves[number]
            if wave.pulled is None and number not in contents.camera:
                wave.pulled, freed = self._now, True
                self._taken -= wave.cameras
                if not grace:
                    self._wipeable.add(number)
            there = number in contents.first or number in contents.rest or number in contents.unread
            if wave.clear is None and wave.pulled is not None and not there:
                wave.clear = self._now
                if grace:
                    self._resting.add(number)
            if wave.clear is not None and number in self._resting and self._now >= wave.clear + grace:
                self._resting.remove(number)
                self._wipeable.add(number)
            if (
                wave.emptied is None
                and wave.clear is not None
                and number not in self._resting
                and number not in contents.wipe
            ):
                wave.emptied = self._now
                self._docked -= wave.cameras
                self._wipeable.discard(number)
        return freed

    # -- from one moment to the next -------------------------------------------------------------------------------------

    def step(self, until: float) -> None:
        """Go to the next event."""
        full = self._full()
        rates = flows(self._in, self._bounds(), self._manner, full=full, turns=self._turns, wipeable=self._wipeable)
        after = min(self._running_out(rates, full=full), default=math.inf)
        moment = max(min([until, self._now + after, *self._calendar()]), math.nextafter(self._now, math.inf))
        if full and self._in.camera:
            self._full_since = self._now if self._full_since is None else self._full_since
            self._full_for += moment - self._now
        self._flow(rates, moment)
        self._now = moment
        self._point()
        freed = self._passed(_touched(rates))
        came = len(self._no_bay) < len(self._question.ends) - 1 and self._question.ends[len(self._no_bay)] <= self._now
        if came or (freed and self._outside):
            self._dock()

    def _full(self) -> bool:
        return self._station.spool is not None and self._in.spool >= self._station.spool - self._grain

    def _bounds(self) -> Bounds:
        station, line = self._station, self._question.line
        full = sum(self._waves[number].cameras for number in self._in.camera)
        return Bounds(
            read=min(self._docked * station.camera_rate, station.together),
            pull=min(full * station.camera_rate, station.together) / READS_TO_PULL,
            up=line.up.at(self._now), down=line.down.at(self._now),
            limit=line.limit.at(self._now), maturing=self._matures(),
        )  # fmt: skip

    def _matures(self) -> float:
        while self._maturing and self._maturing[0][1] <= self._now:
            self._maturing.popleft()
        if self._maturing and self._maturing[0][0] <= self._now:
            return self._maturing[0][2]
        return 0.0

    def _calendar(self) -> Iterator[float]:
        """What comes by itself."""
        line, now = self._question.line, self._now
        yield from (steps.next_change(now) for steps in (line.up, line.down, line.limit))
        if len(self._no_bay) < len(self._question.ends) - 1:
            yield self._question.ends[len(self._no_bay)]
        for begin, end, _ in self._maturing:
            yield begin if begin > now else end
            break
        for number in self._resting:
            yield (self._waves[number].clear or now) + self._station.grace

    def _running_out(self, rates: Flows, *, full: bool) -> Iterator[float]:
        """After how many seconds something runs empty, or the spool full."""
        touched = _touched(rates)
        for content, change in self._changes(rates):
            for wave in touched:
                net = change(wave)
                if net < 0 and (size := content.get(wave, 0.0)) > 0:
                    yield size / -net
        if self._in.due > 0 and (drain := rates.release - self._matures()) > 0:
            yield self._in.due / drain
        rising = sum(rates.pull.values()) - rates.release
        if self._station.spool is not None and not full and rising > 0:
            yield max(self._station.spool - self._in.spool, 0.0) / rising

    def _changes(self, rates: Flows) -> Iterator[tuple[dict[int, float], Callable[[int], float]]]:
        """Each content by wave, and how it changes in a second."""
        share, read_back, wipe = self._manner.evidential, self._manner.read_back, self._station.wipe

        def sent(wave: int) -> float:
            return rates.first.get(wave, 0.0) + rates.rest.get(wave, 0.0)

        yield self._in.camera, lambda wave: -rates.pull.get(wave, 0.0)
        yield self._in.first, lambda wave: rates.pull.get(wave, 0.0) * share - rates.first.get(wave, 0.0)
        yield self._in.rest, lambda wave: rates.pull.get(wave, 0.0) * (1 - share) - rates.rest.get(wave, 0.0)
        if read_back:
            yield self._in.unread, lambda wave: sent(wave) - rates.prove.get(wave, 0.0)
        if wipe:
            yield self._in.wipe, lambda wave: rates.prove.get(wave, 0.0) - rates.wipe.get(wave, 0.0)

    def _flow(self, rates: Flows, moment: float) -> None:
        seconds, touched = moment - self._now, _touched(rates)
        for content, change in self._changes(rates):
            for wave in touched:
                size = content.get(wave, 0.0) + change(wave) * seconds
                if size > max(self._grain, -change(wave) * _INSTANT):
                    content[wave] = size
                else:
                    content.pop(wave, None)
        if not self._manner.holds:
            return
        matured, proven = self._matures() * seconds, sum(rates.prove.values())
        self._in.held = max(self._in.held + proven * seconds - matured, 0.0)
        self._in.due = max(self._in.due + matured - rates.release * seconds, 0.0)
        if proven > 0:
            self._proven_until(moment, proven)
        if not self._maturing:
            self._in.due, self._in.held = self._in.due + self._in.held, 0.0
        if self._in.due <= max(self._grain, (rates.release - self._matures()) * _INSTANT):
            self._in.due = 0.0

    def _proven_until(self, moment: float, rate: float) -> None:
        """What is proven from now to `moment` is old enough a delay later."""
        begin, end = self._now + self._station.delay, moment + self._station.delay
        if self._maturing and self._maturing[-1][1:] == (begin, rate):
            begin = self._maturing.pop()[0]
        self._maturing.append((begin, end, rate))

    # -- the end ---------------------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """What came of it."""
        ends, shifts = self._question.ends, []
        peaks = self._peaks()
        for number, at in enumerate(ends[: len(self._no_bay)]):
            waves = [wave for wave in self._waves if wave.shift == number]
            all_docked = sum(wave.cameras for wave in waves) == self._station.cameras
            shifts.append(
                Shift(
                    at=at, until=ends[number + 1], footage=self._station.cameras * self._station.footage, no_bay=self._no_bay[number],
                    pulled=_last([wave.pulled for wave in waves]) if all_docked else None,
                    clear=_last([wave.clear for wave in waves]) if all_docked else None,
                    emptied=_last([wave.emptied for wave in waves]) if all_docked else None,
                    spool_peak=peaks[number],
                )
            )  # fmt: skip
        return Outcome(
            shifts=shifts, curve=self._curve, full_since=self._full_since, full_for=self._full_for, ended=self._now
        )

    def _peaks(self) -> list[float]:
        ends = self._question.ends
        peaks, number = [0.0] * len(ends), 0
        for point in self._curve:
            if number < len(ends) - 1 and point.at == ends[number + 1]:
                peaks[number] = max(peaks[number], point.spool)
            while number < len(ends) - 1 and point.at >= ends[number + 1]:
                number += 1
            peaks[number] = max(peaks[number], point.spool)
        return peaks


def _touched(rates: Flows) -> set[int]:
    """The waves of which something flows."""
    return {*rates.pull, *rates.first, *rates.rest, *rates.prove, *rates.wipe}


def _last(moments: list[float | None]) -> float | None:
    return None if not moments or None in moments else max(one for one in moments if one is not None)
