"""A bay's document: its facts gathered from one moment, and what must be remembered between moments (a share that never goes back, since when).

Nothing is told anew where nothing that goes into it has changed; nor for a moment where nobody works on a camera any more that is still said to be there: it is being taken out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from dockd.docking import Bay
from dockd.page.documents import Document, bay_document, camera_part
from dockd.page.facts import Sums
from dockd.page.moment import Moment
from dockd.page.problems import BayFact
from dockd.page.ready_at import can_become_ready
from dockd.page.state import Facts, Shown, derive
from dockd.page.words import moment_words
from ingest.ledger.views import Docking
from ingest.model import Balance, legible

_Known = tuple[tuple[object, ...], Document, Shown]
_LEAVING = 3.0


class BayDocuments:
    """All bays' documents, kept until something changes. `passed`: seconds on a clock that nobody sets."""

    def __init__(self, *, passed: Callable[[], float] = time.monotonic) -> None:
        self._passed = passed
        self._percent: dict[int, int] = {}
        self._since: dict[int, tuple[str, float]] = {}
        self._known: dict[int, _Known] = {}
        self._leaving: dict[int, float] = {}

    def of(self, bay: Bay, moment: Moment, *, outrun: Callable[[Bay], bool]) -> Document:
        """Its document; the one of before where nothing that goes into it has changed.

        `outrun(bay)`: whether something happened to its camera while the ledger was asked: then nothing is ready by those sums.
        """
        inputs = _inputs(bay, moment)
        known = self._known.get(bay.number)
        if known is not None and self._is_leaving(bay, moment, known[1]):
            return known[1]
        if known is None or known[0] != inputs:
            fresh = self._told_anew(bay, moment)
            if fresh[1].state in ("ready", "usable") and outrun(bay):
                fresh, inputs = self._told_anew(bay, replace(moment, sums=Sums(issued=moment.sums.issued))), ()
            known = (inputs, *fresh)
            self._known[bay.number] = known
        return known[1]

    def _is_leaving(self, bay: Bay, moment: Moment, told: Document) -> bool:
        """Whether nobody works on its camera any more, and it is not said to be gone yet. What was to be taken is not to be taken by what was so before."""
        camera, visit = bay.camera, bay.visit
        ended = (
            camera is not None
            and visit is not None
            and visit.listed_once
            and camera.id not in moment.sources.activity.cameras
        )
        if not ended or moment.blind:
            self._leaving.pop(bay.number, None)
            return False
        since = self._leaving.setdefault(bay.number, self._passed())
        same = told["camera"] is not None and camera is not None and told["camera"]["id"] == camera.id
        return same and told["verb"] in ("leave", "act") and self._passed() - since < _LEAVING

    def forget(self, docked: set[int]) -> None:
        """Only these dockings are present now."""
        self._percent = {docking: share for docking, share in self._percent.items() if docking in docked}

    def fact(self, bay: Bay) -> BayFact:
        """What was told of it at the last look."""
        said = self._known[bay.number][2]
        camera = bay.camera or (bay.last_camera if said.state == "removed_early" else None)
        return BayFact(
            number=bay.number, state=said.state, what=said.what, advice=said.advice, detail=said.detail,
            camera=camera.id if camera is not None else None, held=self._known[bay.number][1]["segments"]["held"],
        )  # fmt: skip

    def _told_anew(self, bay: Bay, moment: Moment) -> tuple[Document, Shown]:
        facts, balance = self._facts(bay, moment)
        shown = derive(facts)
        camera = None
        if bay.camera is not None:
            camera = camera_part(bay.camera, assigned_to=moment.assigned_to(bay.camera))
        document = bay_document(
            number=bay.number, said=shown, since=self._state_since(bay, shown, moment), camera=camera, balance=balance,
            battery=bay.battery_percent, clock_offset=bay.clock_offset_seconds, out_of_use=bay.out_of_use,
            ready_at=moment.expected_of(bay).ready_at if can_become_ready(facts) else None,
        )  # fmt: skip
        return document, shown

    def _state_since(self, bay: Bay, said: Shown, moment: Moment) -> float:
        before = self._since.get(bay.number)
        if before is None or before[0] != said.state:
            since = bay.since if before is None else moment.sources.clock.now()
            self._since[bay.number] = (said.state, since)
        return self._since[bay.number][1]

    def _facts(self, bay: Bay, moment: Moment) -> tuple[Facts, Balance]:
        if bay.camera is None or bay.visit is None:
            return replace(_vacant(bay, moment), occupied=bay.occupied, occupied_why=bay.why), Balance()
        sums, activity, settings = moment.sums, moment.sources.activity, moment.sources.settings
        camera, visit = bay.camera.id, bay.visit
        found = sums.dockings.get(visit.docking, Docking())
        doing, expected = activity.cameras.get(camera), moment.expected_of(bay)
        facts = Facts(
            camera=camera, phase=doing.phase if doing else None, reason=doing.reason if doing else "",
            message=doing.message if doing else "", turn=visit.root in activity.queued,
            percent=self._share(visit.docking, found, doing.done if doing and doing.phase == "copying" else 0),
            listed_once=visit.listed_once and visit.docking in sums.dockings, counts=found.balance.segments,
            unsafe=visit.unsafe, unsettled=len(visit.unsettled), grace=settings.wipe.grace > 0, on_camera=found.on_camera, stays=found.stays, missing=sums.missing.get(camera, 0), hidden=len(visit.hidden), held=found.held,
            held_example=_example(found), wipes=settings.wipe.enabled and visit.wipe, store=moment.store.word, store_wants=moment.store_wants,
            kept_until=_kept_until(moment), battery=bay.battery_percent, charge_lost=bay.charge_lost and settings.ready.min_battery > 0, clock_lost=bay.clock_lost, min_battery=settings.ready.min_battery, clock_offset=bay.clock_offset_seconds,
            max_clock_offset=settings.ready.max_clock_offset, blind=moment.blind, note=bay.note, out_of_use=_out_of_use(bay),
            why_kept=bay.why_kept if settings.wipe.enabled else "", ours=bay.ours or not settings.wipe.enabled,
            alone=found.alone, sound=moment.is_sound, waited=moment.has_waited(camera), room=visit.room, min_room=settings.ready.min_room,
            charge_ready_at=expected.charge_ready_at, will_not_charge=expected.will_not_charge, late=moment.late, short=moment.short,
        )  # fmt: skip
        return facts, found.balance

    def _share(self, docking: int, found: Docking, done: int) -> int | None:
        """Per cent of the docking's bytes; it never goes back (a file is read twice, and its progress told twice)."""
        size = found.balance.bytes
        if size.listed == 0:
            return None
        now = min(99, 100 * (size.copied + done) // size.listed)
        self._percent[docking] = max(now, self._percent.get(docking, 0))
        return self._percent[docking]


def _inputs(bay: Bay, moment: Moment) -> tuple[object, ...]:
    sources, sums, visit, camera = moment.sources, moment.sums, bay.visit, bay.camera
    store = (moment.store.word, moment.store_wants, moment.kept, moment.sending)
    common = (bay, moment.blind, sources.settings, moment.registry, store, moment.is_sound, sums.issued, moment.closed)
    if visit is None or camera is None:
        return (*common, sums.away, sums.unasked)
    return (
        *common, moment.late, moment.short, moment.expected_of(bay), moment.has_waited(camera.id), visit.room, sources.activity.cameras.get(camera.id), sums.dockings.get(visit.docking), sums.missing.get(camera.id),
        visit.docking, visit.listed_once, visit.unsafe, visit.hidden, len(visit.unsettled), visit.root in sources.activity.queued,
    )  # fmt: skip


def _vacant(bay: Bay, moment: Moment) -> Facts:
    last = bay.last_camera
    away = next((one for one in moment.sums.away if last is not None and one.camera == last.id), None)
    left, alone = (away.segments, away.alone) if away is not None else (0, 0)
    given_up = last is not None and last.id in moment.closed
    early = bay.left_early or (bay.went_out if alone else 0)  # its copies here went bad since it went out
    return Facts(
        docked=False, last_camera=(last.serial or last.id) if last is not None else "",
        last_officer=(moment.assigned_to(last) or "") if last is not None else "", left_early=0 if given_up else early, still_unsafe=left, blind=moment.blind,
        nowhere_else=alone, left_unasked=last is not None and last.id in moment.sums.unasked, went_out=bay.went_out if left and not given_up else 0, sound=moment.is_sound,
        out_of_use=_out_of_use(bay),
    )  # fmt: skip


def _out_of_use(bay: Bay) -> str:
    """Why nobody is to use it, as it was typed."""
    return bay.out_of_use.reason if bay.out_of_use is not None else ""


def _kept_until(moment: Moment) -> str:
    return moment_words(moment.kept.first) if moment.kept is not None and not moment.sending else ""


def _example(found: Docking) -> str:
    if found.example is None:
        return ""
    path, message = found.example
    return f"{legible(path)[-80:]}: {message}."
