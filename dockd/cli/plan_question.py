"""From the options of `dockd plan`, and a dock's own configuration, to a question for dockd.planning."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import click

from dockd.cli.common_options import fail
from dockd.planning.calendar import Outage, Place, parse_outage
from dockd.planning.question import Line, NotAsked, Proof, Question, Station
from dockd.planning.words import Spoken
from dockd.settings import Settings, SettingsError, load
from dockd.settings.timetable import TimetableLine, parse_line
from dockd.settings.units import format_bytes, parse_rate, parse_size
from ingest.ledger.shifts import parse_shifts

T = TypeVar("T")
MOST_DAYS = 92
MOST_SHIFTS = 400
_TAIL = 31  # days that are reckoned on after the last shift
_PROOFS: dict[str, Proof] = {"tus": "receipt", "s3": "digest", "directory": "read-back"}


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options as they were given; None where one was not."""

    bays: int | None
    cameras: int | None
    hours: float
    bit_rate: str
    shifts: str
    zone: str
    first: str | None
    days: int
    link: str | None
    down: str | None
    efficiency: float
    limit: str | None
    timetable: Sequence[str]
    link_down: Sequence[str]
    evidential: float
    bypass: bool | None
    spool: str | None
    keep_free: str | None
    usb: str
    usb_together: str | None
    proof: str | None
    config: Path | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, the line without its outages, and how to speak of it."""

    question: Question
    ordinary: Line
    spoken: Spoken
    timetable: Sequence[TimetableLine]
    notes: Sequence[str]


def asked(given: Given, *, today: date) -> Asked:
    """The question. Raises click.UsageError with what is wrong; ends with code 2 where the configuration is."""
    settings = _configured(given.config)
    notes: list[str] = []
    place = _place(given, today)
    ends = _read("--shifts", lambda: _ends(given, place))
    link = _link(given, settings)
    limit = _optional("--limit", parse_rate, given.limit)
    if limit is None and settings is not None:
        limit = settings.bandwidth.limit
    lines = _read("--timetable", lambda: [parse_line(text) for text in given.timetable])
    if not lines and settings is not None:
        lines = list(settings.bandwidth.timetable)
    outages = _read("--link-down", lambda: [_outage(text, place) for text in given.link_down])
    station = _read("the question", lambda: _station(given, settings, notes))
    ordinary = _line(given, place, link=link, limit=limit, lines=lines, outages=[])
    line = _line(given, place, link=link, limit=limit, lines=lines, outages=outages)
    question = _read("the question", lambda: Question(station=station, line=line, ends=ends))
    spoken = Spoken(place=place, link=link, limited=limit is not None or bool(lines), wipe=station.wipe)
    return Asked(question=question, ordinary=ordinary, spoken=spoken, timetable=lines, notes=notes)


def _read(option: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{option}: {error}") from None


def _optional(option: str, parse: Callable[[object], T], text: str | None) -> T | None:
    return None if text is None else _read(option, lambda: parse(text))


def _configured(file: Path | None) -> Settings | None:
    if file is None:
        return None
    try:
        return load(file, environ=os.environ, for_run=False)
    except SettingsError as error:
        fail(str(error), code=2)


def _place(given: Given, today: date) -> Place:
    shifts = _read("--zone", lambda: parse_shifts("00:00", zone=given.zone))
    first = today if given.first is None else _read("--from", lambda: date.fromisoformat(given.first or ""))
    if not 1970 <= first.year <= 9000:
        raise click.UsageError("--from: a day such as 2026-03-02")
    return Place(first=first, days=given.days, zone=shifts.zone)


def _outage(text: str, place: Place) -> Outage:
    outage = parse_outage(text)
    begin, end = place.span(outage)
    if end <= place.midnight(0) or begin >= place.midnight(place.days + 1):
        last = place.first + timedelta(place.days - 1)
        raise NotAsked(
            f"{text!r} begins {place.wall(begin):%Y-%m-%d %H:%M}, and is none of the days from {place.first} to {last}: "
            "look at --from and --days"
        )
    return outage


def _ends(given: Given, place: Place) -> list[float]:
    times = parse_shifts(given.shifts, zone=given.zone).times
    if len(times) * given.days > MOST_SHIFTS:
        raise NotAsked(f"{len(times) * given.days} shifts are more than {MOST_SHIFTS}: fewer days, or fewer a day")
    return place.ends(times)


def _link(given: Given, settings: Settings | None) -> float | None:
    """The line's rate; None where only a limit of the configuration is known."""
    if given.link is not None:
        return _read("--link", lambda: parse_rate(given.link))
    bandwidth = settings.bandwidth if settings is not None else None
    if bandwidth is not None and bandwidth.limit is not None:
        return None
    return parse_rate("20 Mbit/s")


def _line(
    given: Given, place: Place, *, link: float | None, limit: float | None, lines: Sequence[TimetableLine], outages: Sequence[Outage]
) -> Line:  # fmt: skip
    share = given.efficiency / 100
    down = _optional("--down", parse_rate, given.down) or link
    fastest = max([0.0, *(line.rate or 0.0 for line in lines), 0.0 if limit is None else limit])
    up = fastest if link is None else link * share
    return Line(
        up=place.up(outages, rate=up), down=place.up(outages, rate=fastest if down is None else down * share),
        limit=place.limits(lines, limit=limit, tail=_TAIL),
    )  # fmt: skip


def _station(given: Given, settings: Settings | None, notes: list[str]) -> Station:
    bays = given.bays or (len(settings.bays) if settings is not None else 0) or 16
    reading = _read("--usb", lambda: parse_rate(given.usb))
    parallel = settings.pull.parallel if settings is not None else 4
    together = _optional("--usb-together", parse_rate, given.usb_together) or reading * parallel
    if not 0 < given.hours <= 24:
        raise NotAsked("--hours: above 0, and no more than a day has (24)")
    station = Station(
        bays=bays, cameras=bays if given.cameras is None else given.cameras, footage=given.hours * 3600 * parse_rate(given.bit_rate),
        evidential=given.evidential / 100, bypass=bool(given.bypass), camera_rate=reading, together=together,
        spool=_room(given, settings, notes),
    )  # fmt: skip
    if settings is None:
        return replace(station, proof=_named(given.proof))
    return replace(
        station, proof=_named(given.proof) if given.proof else _PROOFS[settings.store.kind], keep_confirmed=settings.spool.keep_confirmed,
        bypass=settings.bandwidth.evidential == "unlimited" if given.bypass is None else given.bypass,
        grace=settings.wipe.grace, wipe=settings.wipe.enabled,
    )  # fmt: skip


def _named(proof: str | None) -> Proof:
    for one in _PROOFS.values():
        if one == proof:
            return one
    return "receipt"


def _room(given: Given, settings: Settings | None, notes: list[str]) -> float | None:
    """Bytes that may be in the spool; None for as many as it takes."""
    free = _optional("--keep-free", parse_size, given.keep_free)
    if free is None:
        free = settings.spool.keep_free if settings is not None else parse_size("5 GiB")
    if given.spool is not None:
        size = _read("--spool", lambda: parse_size(given.spool))
        return _above(free, size, whose=f"--spool {given.spool}", given=given, settings=settings)
    if settings is None:
        return None
    try:
        disk = os.statvfs(settings.spool.path)
    except OSError as error:
        notes.append(f"the spool {settings.spool.path} is not looked at ({error.strerror}): it is taken to have room")
        return None
    size = disk.f_blocks * disk.f_frsize
    return _above(free, size, whose=f"the disk of {settings.spool.path}", given=given, settings=settings)


def _above(free: int, size: int, *, whose: str, given: Given, settings: Settings | None) -> float:
    if size > free:
        return float(size - free)
    kept = (
        f"{given.keep_free}, as --keep-free says" if given.keep_free is not None
        else f"{format_bytes(free)}, as configured" if settings is not None
        else f"{format_bytes(free)} unless --keep-free says otherwise"
    )  # fmt: skip
    raise click.UsageError(f"{whose}: no room at all above what is kept free ({kept})")
