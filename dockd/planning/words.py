"""An answer for people: a line for each shift, and what it means in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dockd.planning.calendar import Place
from dockd.planning.outcome import Shift
from dockd.planning.verdict import Plan
from dockd.settings.units import format_duration, format_rate

COLUMNS = ("docked", "footage", "copied by", "in the store by", "emptied by", "in time", "no bay", "most in spool")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """How this station is spoken of. `link`: bytes/s as it is sold, None where only a limit is known; `limited`: whether a limit or a timetable rules."""

    place: Place
    link: float | None
    limited: bool
    wipe: bool


def amount(size: float) -> str:
    """Bytes as disks are sold: "57.6 GB"."""
    place = 0
    while size >= 999.5 and place < len(_UNITS) - 1:
        size, place = size / 1000, place + 1
    return f"{round(size, 1) if place and size < 99.95 else round(size):.15g} {_UNITS[place]}"


def when(moment: float, place: Place, *, near: float | None = None) -> str:
    """A moment on the place's clock, to the minute; the day is left out where it is that of `near`."""
    wall = place.wall(round(moment / 60) * 60.0)
    if near is not None and place.wall(near).date() == wall.date():
        return f"{wall:%H:%M}"
    return f"{wall:%a} {wall.day} {wall:%b %H:%M}"


def rows(plan: Plan, spoken: Spoken) -> list[list[str]]:
    """A row for each shift, as COLUMNS says."""
    return [_row(shift, plan, spoken) for shift in plan.outcome.shifts]


def _row(shift: Shift, plan: Plan, spoken: Spoken) -> list[str]:
    def by(moment: float | None) -> str:
        if moment is None:
            return f"after {when(plan.outcome.ended, spoken.place)}"
        return when(moment, spoken.place, near=shift.at)

    word = "yes" if shift.in_time else ("no, but copied" if shift.safe_in_time else "NO")
    return [
        when(shift.at, spoken.place), amount(shift.footage), by(shift.pulled), by(shift.clear), by(shift.emptied), word,
        str(shift.no_bay or "-"), amount(shift.spool_peak),
    ]  # fmt: skip


def verdict(plan: Plan, spoken: Spoken) -> list[str]:
    """What it means, a sentence or two a line; the first one is the answer."""
    found = [_fits(plan, spoken) if not plan.late else _behind(plan, spoken), *_spool(plan, spoken)]
    crowded = [shift for shift in plan.outcome.shifts if shift.no_bay]
    if crowded:
        most = max(shift.no_bay for shift in crowded)
        found.append(
            f"At {_of(crowded, plan)} there are cameras that find no bay, {most} at most: they wait until another is copied, and somebody has to change them."
        )
    return [*found, _line(plan, spoken)]


def _of(shifts: Sequence[Shift], plan: Plan) -> str:
    return f"{len(shifts)} of {len(plan.outcome.shifts)} shift ends"


def _empty(spoken: Spoken) -> str:
    return "empty" if spoken.wipe else "confirmed"


def _fits(plan: Plan, spoken: Spoken) -> str:
    shifts = plan.outcome.shifts
    slowest = max(shifts, key=lambda one: (one.clear or math.inf) - one.at)
    tightest = min(shifts, key=lambda one: one.until - (one.emptied or math.inf))
    spare = tightest.until - (tightest.emptied or math.inf)
    return (
        f"The line carries it: all cameras are {_empty(spoken)} before the next shift's come, at the tightest with {_span(spare)} to spare "
        f"(docked {when(tightest.at, spoken.place)}). The longest way into the store takes {_span((slowest.clear or math.inf) - slowest.at)} "
        f"(docked {when(slowest.at, spoken.place)}, there by {when(slowest.clear or math.inf, spoken.place, near=slowest.at)})."
    )


def _behind(plan: Plan, spoken: Spoken) -> str:
    first = plan.late[0]
    day = (spoken.place.wall(first.at).date() - spoken.place.first).days + 1
    emptied = (
        f"are {_empty(spoken)} at {when(first.emptied, spoken.place, near=first.at)}"
        if first.emptied is not None
        else f"are not {_empty(spoken)} by {when(plan.outcome.ended, spoken.place)}"
    )
    until = when(first.until, spoken.place, near=first.at)
    text = (
        f"It falls behind on day {day}: the cameras docked {when(first.at, spoken.place)} {emptied}, and the next come at {until}. "
        f"So it is at {_of(plan.late, plan)}."
    )
    if plan.caught_up is not None:
        return f"{text} From the shift of {when(plan.caught_up.at, spoken.place)} on it has caught up."
    left = amount(plan.left_at_end)
    return f"{text} It does not catch up: when these days are over, {left} are not in the store."


def _spool(plan: Plan, spoken: Spoken) -> list[str]:
    size = plan.question.station.spool
    needed = f"It needs {amount(plan.spool_needed)} of spool, above what is kept free"
    if plan.outcome.full_since is not None and size is not None:
        since = when(plan.outcome.full_since, spoken.place)
        text = (
            f"The spool is too small: with room for {amount(size)} it is full from {since} on, and cameras wait "
            f"for room for {_span(plan.outcome.full_for)} in all. {needed}."
        )
        return [text]
    return [f"{needed}{'' if size is None else f'; there is room for {amount(size)}'}."]


def _line(plan: Plan, spoken: Spoken) -> str:
    factor = plan.least
    if factor is None:
        return "No line would do by itself: reading the cameras, the bays, the spool or the time between two shifts is what it lacks."
    if spoken.link is None or spoken.limited:
        rate = "" if spoken.link is None else f" (a line of {_upwards(spoken.link * factor)})"
        return f"{_times(factor)} times the line and the limits on it would do{rate}, on days without an outage."
    return f"A line of at least {_upwards(spoken.link * factor)} would do, on days without an outage."


def _times(factor: float) -> str:
    return f"{_up(factor):.12g}"


def _upwards(rate: float) -> str:
    return format_rate(_up(rate * 8) / 8)


def _up(value: float) -> float:
    """To two digits, and never less than it is."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit * (1 - 1e-9)) * unit


def _span(seconds: float) -> str:
    return format_duration(float(round(seconds / 60) * 60) if seconds >= 60 else round(seconds))
