"""The backlog over the days, as text for a terminal and as a picture (SVG).

Rules kept here: the same answer gives the same picture; whatever is read from the picture stands in its words, too, for those who do not see it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import timedelta
from xml.sax.saxutils import escape

from dockd.planning.calendar import Place
from dockd.planning.outcome import Outcome, Point
from dockd.planning.steps import Steps
from dockd.planning.words import amount

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LABEL = 9
_WIDTH, _HEIGHT = 960, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 16, 64, 34
_INK, _FAINT = "#24323d", "#d7dde2"
_CAMERAS, _UNSENT, _SPOOL, _DOWN = "#d98c1f", "#2f7f9e", "#5b2a86", "#f3d9d6"


def _most(outcome: Outcome, begin: float, end: float) -> float:
    """The most backlog from `begin` to `end`."""
    first = bisect_left(outcome.curve, begin, key=lambda point: point.at)
    last = bisect_left(outcome.curve, end, key=lambda point: point.at)
    inside = [point.backlog for point in outcome.curve[first:last]]
    return max([*inside, outcome.backlog_at(begin), *([] if inside else [outcome.backlog_at(end - 1e-3)])])


def as_text(outcome: Outcome, place: Place, *, width: int, height: int = 10, plain: bool = False) -> list[str]:
    """Lines of at most `width` characters; `plain`: with nothing but ASCII."""
    begin, end = _days(place, outcome)
    columns = max(width - _LABEL - 2, 20)
    step = (end - begin) / columns
    values = [_most(outcome, begin + number * step, begin + (number + 1) * step) for number in range(columns)]
    top = _round_up(max(values))
    lines = [f"{'not in the store':>{_LABEL}}"]
    for row in range(height, 0, -1):
        label = amount(top * row / height) if row in (height, height // 2) else ""
        cells = "".join(_cell(value / top * height - (row - 1), plain=plain) for value in values)
        lines.append(f"{label:>{_LABEL}} {'|' if plain else '┤' if label else '│'}{cells}".rstrip())
    lines.append(f"{'0 B':>{_LABEL}} {'+' if plain else '└'}{('-' if plain else '─') * columns}")
    lines.append(" " * (_LABEL + 2) + _named(place, columns, begin, end))
    return lines


def _cell(filled: float, *, plain: bool) -> str:
    if plain:
        return "#" if filled >= 0.5 else ("." if filled > 0.001 else " ")
    return _EIGHTHS[max(0, min(8, math.ceil(filled * 8 - 0.01)))]


def _named(place: Place, columns: int, begin: float, end: float) -> str:
    """The days' names, each where its day begins, as far as they find room."""
    text = [" "] * columns
    free = 0
    for moment, name in _midnights(place, end):
        column = round((moment - begin) / (end - begin) * columns)
        if column >= free and column + len(name) <= columns:
            text[column : column + len(name)] = name
            free = column + len(name) + 1
    return "".join(text).rstrip()


def _midnights(place: Place, end: float) -> list[tuple[float, str]]:
    found, number = [], 0
    while (moment := place.midnight(number)) < end:
        day = place.first + timedelta(number)
        found.append((moment, f"{day:%a} {day.day}"))
        number += 1
    return found


def _days(place: Place, outcome: Outcome) -> tuple[float, float]:
    """The days that are asked about, and on until the backlog is gone, but for no more than a quarter as long again."""
    begin, end = place.midnight(0), place.midnight(place.days)
    cleared = begin
    for point in reversed(outcome.curve):
        if point.backlog > 0:
            break
        cleared = point.at
    return begin, min(max(end, cleared), end + (end - begin) / 4)


def _round_up(value: float) -> float:
    """A round figure at or above it."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * unit >= value * (1 - 1e-9))


# -- the picture -----------------------------------------------------------------------------------------------------------


def as_svg(outcome: Outcome, place: Place, *, title: str, says: Sequence[str], up: Steps, spool: float | None) -> str:
    """A picture of 960 by 380. `says`: the verdict, its description; `up`: the line, shaded where it is down; `spool`: bytes of room."""
    begin, end = _days(place, outcome)
    curve = [point for point in outcome.curve if point.at <= end] or list(outcome.curve[:1])
    room = spool if spool is not None and spool <= 3 * max(point.spool for point in curve) else None
    top = _round_up(max([room or 0.0, *(max(point.backlog, point.spool) for point in curve)]))

    def x(moment: float) -> float:
        return _LEFT + (min(moment, end) - begin) / (end - begin) * (_WIDTH - _LEFT - _RIGHT)

    def y(size: float) -> float:
        return _HEIGHT - _BOTTOM - size / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"',
        ' role="img" aria-labelledby="title words" font-family="system-ui, sans-serif" font-size="12">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="words">{escape(" ".join(says))}</desc>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="600" fill="{_INK}">{escape(title)}</text>',
        *_legend("line: all that is in the spool" + ("" if room is None else " (dashed: its room)")),
        *_downs(up, begin, end, x),
        *_grid(place, end, top, x, y),
        _area(curve, lambda point: point.backlog, _CAMERAS, x, y),
        _area(curve, lambda point: point.unsent, _UNSENT, x, y),
        _line(curve, lambda point: point.spool, x, y),
    ]
    if room is not None:
        parts.append(
            f'<path d="M{_LEFT} {y(room):.1f}H{_WIDTH - _RIGHT}" stroke="{_SPOOL}" stroke-dasharray="6 4" fill="none"/>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _legend(spool: str) -> list[str]:
    found, at = [], _LEFT
    for colour, text in (
        (_UNSENT, "in the spool, not in the store"),
        (_CAMERAS, "on cameras only"),
        (_SPOOL, spool),
        (_DOWN, "the line is down"),
    ):
        found.append(f'<rect x="{at}" y="34" width="11" height="11" fill="{colour}"/>')
        found.append(f'<text x="{at + 16}" y="44" fill="{_INK}">{text}</text>')
        at += 42 + len(text) * 6
    return found


def _downs(up: Steps, begin: float, end: float, x: Callable[[float], float]) -> list[str]:
    found = []
    for time, following, rate in zip(up.times, [*up.times[1:], math.inf], up.values, strict=True):
        low, high = max(time, begin), min(following, end)
        if rate <= 0 and high > low:
            found.append(
                f'<rect x="{x(low):.1f}" y="{_TOP}" width="{x(high) - x(low):.1f}" height="{_HEIGHT - _TOP - _BOTTOM}" fill="{_DOWN}"/>'
            )
    return found


def _grid(place: Place, end: float, top: float, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    found = []
    for part in range(6):
        size = top * part / 5
        found.append(f'<path d="M{_LEFT} {y(size):.1f}H{_WIDTH - _RIGHT}" stroke="{_FAINT}"/>')
        found.append(
            f'<text x="{_LEFT - 8}" y="{y(size) + 4:.1f}" text-anchor="end" fill="{_INK}">{amount(size)}</text>'
        )
    days = _midnights(place, end)
    every = max(1, math.ceil(len(days) / 16))
    for number, (moment, name) in enumerate(days):
        found.append(f'<path d="M{x(moment):.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="{_FAINT}"/>')
        if number % every == 0:
            found.append(f'<text x="{x(moment) + 3:.1f}" y="{_HEIGHT - _BOTTOM + 16}" fill="{_INK}">{name}</text>')
    return found


def _path(
    curve: Sequence[Point], value: Callable[[Point], float], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    steps: list[str] = []
    for point in curve:
        step = f"{x(point.at):.1f} {y(value(point)):.1f}"
        if not steps or steps[-1] != step:
            steps.append(step)
    return "L".join(steps)


def _area(
    curve: Sequence[Point], value: Callable[[Point], float], colour: str, x: Callable[[float], float], y: Callable[[float], float]
) -> str:  # fmt: skip
    floor = f"{y(0):.1f}"
    shape = f"M{x(curve[0].at):.1f} {floor}L{_path(curve, value, x, y)}L{x(curve[-1].at):.1f} {floor}Z"
    return f'<path d="{shape}" fill="{colour}"/>'


def _line(
    curve: Sequence[Point], value: Callable[[Point], float], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    return f'<path d="M{_path(curve, value, x, y)}" stroke="{_SPOOL}" stroke-width="1.5" fill="none"/>'
