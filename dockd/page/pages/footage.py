"""`/footage`: what is not in the store and since when, so that a sergeant finds last night's; and any other footage by camera, day or name.

Rules kept here: that all of last night's is in the store is said only where nothing that was recorded or found since is outside of it, by any
clock, or in doubt, and nothing speaks against the store or this dock's record book; what was not looked at is said to be so; a list is a page, newest recording first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, get_args

from aiohttp import web

from dockd.page.documents import Document
from dockd.page.doorkeeper import Problem
from dockd.page.footage_words import Place, place_of
from dockd.page.language import Moment, Said, counted, said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import address, ask, clean, limit_of, plain, text_of, with_query
from dockd.page.rights import needs
from dockd.page.words import age_words, size_words, time_words
from ingest.clock import rfc3339
from ingest.ledger import page_cameras, page_footage, soundness
from ingest.ledger.page_footage import Page, Show, Wanted
from ingest.ledger.segments import Segment
from ingest.ledger.shifts import USUAL, moment_named, parse_shifts
from ingest.model import CameraId, legible

_A_PAGE = 100
_NOTABLE = 60.0
_SHOWN_LOST = 20
_NIGHT = 18  # o'clock: what came in since then, yesterday, is last night's
_SHOWS: tuple[tuple[Show, Said], ...] = (
    ("missing", said("Not in the store")), ("held", said("Held")), ("evidence", said("Evidence")), ("lost", said("Lost, or in doubt")),
    ("all", said("All footage")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One segment in the list."""

    href: str
    name: str
    size: str
    recorded: str
    age: str
    place: Place
    note: str
    off: str
    evidential: bool


@dataclass(kw_only=True)
class OfCamera:
    """What one camera brought in one shift."""

    name: str
    href: str
    officer: str
    bay: int | None
    rows: list[Row] = field(default_factory=list)


@dataclass(kw_only=True)
class OfShift:
    """One shift's footage; `name` empty where no calendar has its time."""

    name: str
    cameras: dict[str, OfCamera] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Found:
    page: Page
    cameras: dict[str, CameraId]
    many: bool
    lost: list[Segment]
    outside: bool
    night_outside: bool
    night_found: int | None
    sound: bool


class FootagePage:
    """`/footage`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._shifts = parse_shifts(USUAL)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/footage", self.footage)

    @needs("read")
    async def footage(self, request: web.Request) -> web.Response:
        """The list. `?show=`, `?camera=` (part of an id, a serial or a name), `?day=`, `?file=`, `?after=`, `?limit=`."""
        asked = {name: text_of(request, name) for name in ("show", "camera", "day", "file")}
        count, after = limit_of(request, usual=_A_PAGE), clean(request.query.get("after", ""))
        show = asked["show"] or "missing"
        if show not in get_args(Show):
            raise Problem(400, f"show is one of {', '.join(get_args(Show))}")
        since, until, wrong = _day(asked["day"])
        wanted = Wanted(show=show, since=since, until=until, file=asked["file"])  # type: ignore[arg-type]
        snapshot = await self._view.look()
        now = self._sources.clock.now()
        found = await self._find(wanted, camera=asked["camera"], after=after, count=count, night=_last_night(now))
        if found.many:
            wrong = {
                **wrong,
                "camera": said(
                    "More than {count} cameras are called so: say more of its number, or of whose it is.",
                    count=page_footage.CAMERAS_MOST,
                ),
            }
        keep = with_query(asked)
        return await self._rendering.page(
            request, "footage.html", status=400 if wrong else 200, snapshot=snapshot, asked={**asked, "show": show}, wrong=wrong, shows=_SHOWS, links=[(name, word, address("footage", **{**asked, "show": name})) for name, word in _SHOWS],
            shifts=self._grouped(found, now), count=len(found.page.segments), next=found.page.next, cut=found.page.cut, keep=keep,
            first=address("footage", **asked) if after else "", night=self._night(found), lost=[_row(one, now=now, bay=None) for one in found.lost], lost_href=address("footage", **{**asked, "show": "lost"}), outside=found.outside, sound=found.sound, sums=_sums(snapshot.status), filtered=any(asked[n] for n in ("camera", "day", "file")),
        )  # fmt: skip

    async def _find(self, wanted: Wanted, *, camera: str, after: str, count: int, night: float) -> _Found:
        def question(execute: Any) -> _Found:
            known, many = page_cameras.known(execute), False
            which = None if not camera else self._meant(known, camera)
            if which is not None and len(which) > page_footage.CAMERAS_MOST:
                which, many = [], True
            try:
                page = page_footage.page(execute, _of(wanted, which), after=after, count=count)
            except KeyError:
                raise Problem(400, "after: there is no such segment") from None
            return _Found(
                page=page, many=many, lost=page_footage.page(execute, _of(replace(wanted, show="lost"), which), count=_SHOWN_LOST).segments if wanted.show == "missing" and not after else [], cameras={one.id: one for one in known}, night_outside=page_footage.outside_since(execute, night),
                outside=page_footage.outside_since(execute, -math.inf), night_found=page_footage.found_since(execute, night),
                sound=soundness.sound(execute),
            )  # fmt: skip

        return await ask(self._sources, question)

    def _meant(self, known: Sequence[CameraId], word: str) -> list[str]:
        """The cameras that a person may mean: the one of this id or serial, else those with the word in their name or their officer's."""
        exact = [one.id for one in known if word in (one.id, one.serial)]
        if exact:
            return exact
        part = word.casefold()
        return [
            one.id for one in known
            if part in one.id.casefold() or part in (self._view.registry.assigned_to(one) or "").casefold()
        ]  # fmt: skip

    def _grouped(self, found: _Found, now: float) -> list[OfShift]:
        here = {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}
        shifts: dict[str, OfShift] = {}
        for one in found.page.segments:
            shift = shifts.setdefault(name := self._shift_of(one), OfShift(name=name))
            if one.camera not in shift.cameras:
                camera = found.cameras.get(one.camera)
                officer = (self._view.registry.assigned_to(camera) or "") if camera is not None else ""
                name = (camera.serial if camera is not None else "") or one.camera
                shift.cameras[one.camera] = OfCamera(
                    name=plain(name), href=address("cameras", one.camera), officer=plain(officer), bay=here.get(one.camera)
                )  # fmt: skip
            shift.cameras[one.camera].rows.append(_row(one, now=now, bay=here.get(one.camera)))
        return list(shifts.values())

    def _shift_of(self, segment: Segment) -> str:
        """By the station's clock, as far as is known what the camera's was off by."""
        shift = self._shifts.of(segment.captured_at - (segment.clock_offset or 0.0))
        if shift is None:
            return ""
        return said(
            "{day}, {begins} to {ends}", day=Moment(shift.start, "EEEE d MMMM y"), begins=time_words(shift.start), ends=time_words(shift.end)
        )  # fmt: skip

    def _night(self, found: _Found) -> tuple[str, Said]:
        """How last night's footage stands, and in which tone that is told."""
        since = said("since 18:00 yesterday")
        if found.night_outside:
            return "bad", said("Not all of last night's footage is in the store yet: some of what was recorded or came in {since} is not there. Where it is stands below.", since=since)  # fmt: skip
        if found.night_found == 0:
            return "plain", said("No footage has come in {since}: there is none of last night on this dock.", since=since)  # fmt: skip
        if not found.sound:
            return "bad", said("Whether all of last night's footage is in the store is not known: what the store has confirmed, or what this dock has written down, is in doubt. See the problems.")  # fmt: skip
        return "good", said("All of last night's footage is in the store: everything that came in {since}.", since=since)  # fmt: skip


def _sums(status: Document) -> list[tuple[Said, Said]]:
    """What is outside of the store, by where it is; the same figures as on the front page."""
    rows = (
        ("backlog", said("On its way: on this dock, or on a camera in a bay")), ("held", said("Held: somebody has to see to it")),
        ("away", said("On cameras that are not here, and nowhere else")),
    )  # fmt: skip
    found = [
        (where, counted("{count} segment, {size}", "{count} segments, {size}", count=status[name]["segments"], size=size_words(status[name]["bytes"])))
        for name, where in rows if status and status[name]["segments"]
    ]  # fmt: skip
    doubt = status["in_doubt_segments"] if status else 0
    if doubt:
        found.append((said("In doubt: the store is asked for it"), counted("{count} segment", "{count} segments", count=doubt)))  # fmt: skip
    lost = status["lost_segments"] if status else 0
    if lost:
        found.append((said("Lost: no copy is left"), counted("{count} segment", "{count} segments", count=lost)))
    return found


def _of(wanted: Wanted, cameras: list[str] | None) -> Wanted:
    return replace(wanted, cameras=cameras)


def _row(segment: Segment, *, now: float, bay: int | None) -> Row:
    return Row(
        href=address("footage", segment.id), name=legible(segment.path), size=size_words(segment.size),
        recorded=rfc3339(segment.captured_at), age=age_words(max(0.0, now - segment.listed_at)), place=place_of(segment, bay=bay),
        note=plain(segment.held_message or segment.trouble), evidential=bool(segment.evidential), off=_off(segment.clock_offset),
    )  # fmt: skip


def _off(seconds: float | None) -> str:
    """What is said of a camera's clock that was wrong."""
    if seconds is None or abs(seconds) < _NOTABLE:
        return ""
    by = age_words(abs(seconds))
    return said("its clock was {by} ahead", by=by) if seconds > 0 else said("its clock was {by} behind", by=by)


def _day(text: str) -> tuple[float | None, float | None, dict[str, Said]]:
    """From when to when, and what is wrong with the day that was asked for."""
    if not text:
        return None, None, {}
    try:
        return moment_named(text, zone=None), moment_named(text, zone=None, end=True), {}
    except ValueError:
        return None, None, {"day": said("Write the day as year, month and day, such as 2026-11-20.")}


def _last_night(now: float) -> float:
    """When last night began: yesterday, six in the evening, on the station's clock."""
    today = time.localtime(now)
    yesterday = date(today.tm_year, today.tm_mon, today.tm_mday) - timedelta(days=1)
    return moment_named(f"{yesterday}T{_NIGHT}:00", zone=None)
