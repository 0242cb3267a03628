"""Everything that is shown, as one snapshot: the bays, the status, what is wrong. Gathered when somebody asks, and kept until something
changes, so that nobody asking costs nothing and a thousand polls cost one look.

`sequence` grows by one with every document that changes, over restarts too (it begins at the clock's milliseconds).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from dockd.docking import Bay
from dockd.page.advice import to_mend
from dockd.page.documents import Document, bandwidth_part, bay_document, camera_part, problem_document, when
from dockd.page.estimate import Estimate, days_left
from dockd.page.facts import Asking, Sources, Sums
from dockd.page.problems import AwayFact, BayFact, FullFact, Problem, problems
from dockd.page.registry import Registry
from dockd.page.state import Facts, Shown, derive
from dockd.page.whereabouts import whereabouts
from dockd.page.words import kept_words, moment_words, size_words
from ingest.errors import LedgerUnusable
from ingest.events import Event, StoreCaught
from ingest.ledger import stores
from ingest.ledger.proofs import SECOND_LOOK
from ingest.ledger.views import Away, Docking, Kept, kept
from ingest.model import Balance, CameraId, legible
from ingest.standing import StoreState

LOOK_AT_MOST_EVERY = 0.2
_LOOK_AT_LEAST_EVERY = 5.0
_UNSOUND = frozenset({"ledger_rebuilt", "ledger_went_back", "ledger_unusable", "store_went_back", "spool_failed"})


@dataclass(frozen=True, kw_only=True)
class Change:
    """One document that is new: `kind` is bay, status or problem."""

    sequence: int
    kind: str
    document: Document


@dataclass(frozen=True, kw_only=True)
class Room:
    """The spool's disk: bytes that may still be used, and bytes in all; None where the disk does not say."""

    free: int | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is so. `status` without what changes by itself (`time`, the oldest segment's age); `oldest_at` seconds since the epoch."""

    sequence: int = 0
    status: Document = field(default_factory=dict)
    bays: Mapping[int, Document] = field(default_factory=dict)
    problems: tuple[Document, ...] = ()
    oldest_at: float | None = None
    unconfirmed_segments: int = 0
    unconfirmed_bytes: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    room: Room = Room()


class View:
    """Looks at the sources. `registry` may be replaced by a reload."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._asking = Asking(sources.ledger)
        self._estimate = Estimate()
        self._turn = asyncio.Lock()
        self._seen: tuple[object, ...] = ()
        self._looked_at = -_LOOK_AT_LEAST_EVERY
        self._in_place = False
        self._kept: Kept | None = None
        self._pinned: stores.Pinned | None = None
        self._percent: dict[int, int] = {}
        self._since: dict[int, tuple[str, float]] = {}
        self._known: dict[int, tuple[tuple[object, ...], Document, Shown]] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._news: set[str | None] = set()
        sources.ledger.subscribe(self._hear)
        self.registry = Registry()
        self.now = Snapshot(sequence=int(sources.clock.now() * 1000))

    def _hear(self, event: Event, _seq: int) -> None:
        if event.camera is not None or event.segment is not None or isinstance(event, StoreCaught):
            self._news.add(event.camera)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """`listener(change)` is called on the event loop for every document that is new. It must not raise or wait."""
        self._listeners.append(listener)

    def sample(self) -> None:
        """Feed the estimate; to be called every few seconds."""
        self._estimate.sample(time.monotonic(), self._sources.activity.uploaded_bytes)

    def _versions(self) -> tuple[object, ...]:
        sources = self._sources
        return (
            self._asking.version, sources.activity.version, sources.rack.version, sources.troubles.version, sources.store_state(),
            sources.settings, self.registry, sources.bandwidth.now,
        )  # fmt: skip

    async def look(self) -> Snapshot:
        """What is so, at most a fifth of a second old. Raises nothing for want of a ledger: it is said then."""
        async with self._turn:
            age = time.monotonic() - self._looked_at
            versions = self._versions()
            fresh = versions == self._seen and not self._asking.due and age < _LOOK_AT_LEAST_EVERY
            if fresh or age < LOOK_AT_MOST_EVERY:
                return self.now
            self._seen, self._looked_at = versions, time.monotonic()
            await self._look()
            return self.now

    async def _look(self) -> None:
        sources = self._sources
        room, self._in_place = await asyncio.to_thread(lambda: (self._room(), self._sources.spool.in_place()))
        blind = ""
        self._news.clear()
        try:
            self._kept = await self._what_is_kept()
            sums = await self._asking.sums(list(sources.rack.bays.values()))
        except LedgerUnusable as error:
            sums, blind = Sums(), error.message
        # everything from here on is one moment: no waiting in between
        bays = {n: self._bay(bay, sums, blind) for n, bay in sorted(sources.rack.bays.items())}
        docked = {bay.visit.docking for bay in sources.rack.bays.values() if bay.visit is not None}
        self._percent = {docking: share for docking, share in self._percent.items() if docking in docked}
        wrong = self._problems(sums)
        status = self._status(bays, sums, room, blind)
        self._publish(status, bays, wrong, sums, room)

    async def _what_is_kept(self) -> Kept | None:
        """What keeps the dock full though the store has it; asked only while somebody waits for room."""
        if not self._sources.activity.spool_full:
            return None
        now = self._sources.clock.now()
        found, pinned = await self._sources.ledger.read(
            lambda db: (kept(db.execute, now=now), stores.pinned(db.execute))
        )
        self._pinned = pinned
        return found

    def _room(self) -> Room:
        spool = self._sources.spool
        try:
            return Room(free=max(0, spool.free()), size=spool.size())
        except OSError:
            return Room()

    # -- a bay ---------------------------------------------------------------------------------------------------------

    def _bay(self, bay: Bay, sums: Sums, blind: str) -> Document:
        """Its document; the one of before where nothing that goes into it has changed."""
        inputs = self._inputs(bay, sums, blind)
        known = self._known.get(bay.number)
        if known is None or known[0] != inputs:
            fresh = self._told_anew(bay, sums, blind)
            if fresh[1].state in ("ready", "usable") and self._is_outrun(bay):
                fresh, inputs = self._told_anew(bay, Sums(), blind), ()
            known = (inputs, *fresh)
            self._known[bay.number] = known
        return known[1]

    def _is_outrun(self, bay: Bay) -> bool:
        """Whether something happened to its camera while the ledger was asked: then nothing is ready by those sums, and they are asked again."""
        return None in self._news or (bay.camera is not None and bay.camera.id in self._news)

    def _inputs(self, bay: Bay, sums: Sums, blind: str) -> tuple[object, ...]:
        sources, visit, camera = self._sources, bay.visit, bay.camera
        store = (self._store(sums).word, self._store_wants(sums), self._kept, _sending(sums))
        common = (bay, blind, sources.settings, self.registry, store, self._is_sound(sums))
        if visit is None or camera is None:
            return (*common, sums.away)
        return (
            *common, self._has_waited(camera.id), visit.room, sources.activity.cameras.get(camera.id), sums.dockings.get(visit.docking), sums.missing.get(camera.id),
            visit.docking, visit.listed_once, visit.unsafe, visit.hidden, len(visit.unsettled), visit.root in sources.activity.queued,
        )  # fmt: skip

    def _told_anew(self, bay: Bay, sums: Sums, blind: str) -> tuple[Document, Shown]:
        facts, balance = self._facts(bay, sums, blind)
        said = derive(facts)
        camera = None
        if bay.camera is not None:
            camera = camera_part(bay.camera, assigned_to=self.registry.assigned_to(bay.camera))
        document = bay_document(
            number=bay.number, said=said, since=self._state_since(bay, said), camera=camera, balance=balance,
            battery=bay.battery_percent, clock_offset=bay.clock_offset_seconds,
        )  # fmt: skip
        return document, said

    def _state_since(self, bay: Bay, said: Shown) -> float:
        before = self._since.get(bay.number)
        if before is None or before[0] != said.state:
            since = bay.since if before is None else self._sources.clock.now()
            self._since[bay.number] = (said.state, since)
        return self._since[bay.number][1]

    def _facts(self, bay: Bay, sums: Sums, blind: str) -> tuple[Facts, Balance]:
        store = self._store(sums)
        if bay.camera is None or bay.visit is None:
            return replace(self._vacant(bay, sums, blind), occupied=bay.occupied, occupied_why=bay.why), Balance()
        camera, visit, settings = bay.camera.id, bay.visit, self._sources.settings
        found = sums.dockings.get(visit.docking, Docking())
        doing = self._sources.activity.cameras.get(camera)
        facts = Facts(
            camera=camera, phase=doing.phase if doing else None, reason=doing.reason if doing else "",
            message=doing.message if doing else "", turn=visit.root in self._sources.activity.queued,
            percent=self._share(visit.docking, found, doing.done if doing and doing.phase == "copying" else 0),
            listed_once=visit.listed_once and visit.docking in sums.dockings, counts=found.balance.segments,
            unsafe=visit.unsafe, unsettled=len(visit.unsettled), grace=settings.wipe.grace > 0, on_camera=found.on_camera, stays=found.stays, missing=sums.missing.get(camera, 0), hidden=len(visit.hidden), held=found.held,
            held_example=_example(found), wipes=settings.wipe.enabled and visit.wipe, store=store.word, store_wants=self._store_wants(sums),
            kept_until=moment_words(self._kept.first) if self._kept is not None and not _sending(sums) else "", battery=bay.battery_percent, charge_lost=bay.charge_lost and settings.ready.min_battery > 0, clock_lost=bay.clock_lost, min_battery=settings.ready.min_battery, clock_offset=bay.clock_offset_seconds,
            max_clock_offset=settings.ready.max_clock_offset, blind=blind, note=bay.note,
            why_kept=bay.why_kept if settings.wipe.enabled else "", ours=bay.ours or not settings.wipe.enabled,
            alone=found.alone, sound=self._is_sound(sums), waited=self._has_waited(camera), room=visit.room, min_room=settings.ready.min_room,
        )  # fmt: skip
        return facts, found.balance

    def _has_waited(self, camera: str) -> bool:
        """Whether it has waited for the store so long, all copied, that it may go out."""
        doing = self._sources.activity.cameras.get(camera)
        if doing is None or doing.phase != "waiting":
            return False
        return time.monotonic() - doing.since >= self._sources.settings.ready.usable_after

    def _is_sound(self, sums: Sums) -> bool:
        """Whether nothing speaks against what the dock says that it has."""
        unsound = _UNSOUND & self._sources.troubles.now.keys()
        spoilt = any(sums.held.get(reason) for reason in ("spool_spoils", "spool_unread"))
        return self._in_place and not (unsound or self._sources.activity.spool_failed or spoilt or sums.doubt)

    def _store(self, sums: Sums) -> StoreState:
        """How the store stands. One that was caught is caught whatever became of its line since, and of this process."""
        state = self._sources.store_state()
        if sums.caught is None or state.word == "dishonest":
            return state
        return replace(state, word="dishonest", message=sums.caught, honest=False)

    def _store_wants(self, sums: Sums) -> str:
        store = self._store(sums)
        return to_mend(store.word, store.message)

    def _vacant(self, bay: Bay, sums: Sums, blind: str) -> Facts:
        last = bay.last_camera
        away = next((one for one in sums.away if last is not None and one.camera == last.id), None)
        left, alone = (away.segments, away.alone) if away is not None else (0, 0)
        early = bay.left_early or (bay.went_out if alone else 0)  # its copies here went bad since it went out
        return Facts(
            docked=False, last_camera=(last.serial or last.id) if last is not None else "",
            last_officer=(self.registry.assigned_to(last) or "") if last is not None else "", left_early=early, still_unsafe=left, blind=blind,
            nowhere_else=alone, went_out=bay.went_out if left else 0, sound=self._is_sound(sums),
        )  # fmt: skip

    def _share(self, docking: int, found: Docking, done: int) -> int | None:
        """Per cent of the docking's bytes; it never goes back (a file is read twice, and its progress told twice)."""
        size = found.balance.bytes
        if size.listed == 0:
            return None
        now = min(99, 100 * (size.copied + done) // size.listed)
        self._percent[docking] = max(now, self._percent.get(docking, 0))
        return self._percent[docking]

    # -- all of them ---------------------------------------------------------------------------------------------------

    def _problems(self, sums: Sums) -> list[Problem]:
        store = self._store(sums)
        facts = [self._bay_fact(bay) for _n, bay in sorted(self._sources.rack.bays.items())]
        troubles = dict(self._sources.troubles.now)
        if self.registry.trouble:
            troubles["registry_unread"] = self.registry.trouble
        here = self._here()
        away = [
            replace(self._away_fact(one), sound=self._is_sound(sums))
            for one in sums.away
            if one.camera not in here and one.early
        ]
        return problems(
            bays=facts, away=away, store=store.word, store_message=store.message, spool_full=self._full(sums),
            lost=sums.lost, doubt=sums.doubt, spoilt=sums.held.get("spool_spoils", 0), troubles=troubles,
        )  # fmt: skip

    def _full(self, sums: Sums) -> FullFact | None:
        """Who waits for room, where anybody does."""
        activity = self._sources.activity
        if not activity.spool_full:
            return None
        waiting = [
            sums.dockings.get(bay.visit.docking, Docking()).balance.bytes
            for bay in self._sources.rack.bays.values()
            if bay.visit is not None and bay.camera is not None and self._waits_for_room(bay.camera.id)
        ]
        bytes_waiting = sum(max(0, one.listed - one.copied) for one in waiting)
        return FullFact(
            since=moment_words(activity.spool_full_since), cameras=len(waiting), waiting=size_words(bytes_waiting) if waiting else "",
            kept=self._kept_words(), sending=_sending(sums),
        )  # fmt: skip

    def _kept_words(self) -> str:
        if self._kept is None:
            return ""
        promised = self._pinned is None or (self._pinned.method == "receipt" and self._pinned.durable)
        if promised or self._sources.settings.spool.keep_confirmed >= SECOND_LOOK:
            why = "as spool.keep_confirmed says"
        elif self._pinned is not None and self._pinned.method == "receipt":
            why = "because this store does not promise to keep them"
        else:
            why = "because this store gives no receipts"
        return kept_words(self._kept.bytes, self._kept.first, self._kept.last, why=why)

    def _waits_for_room(self, camera: str) -> bool:
        doing = self._sources.activity.cameras.get(camera)
        return doing is not None and doing.reason == "spool_full"

    def _away_fact(self, away: Away) -> AwayFact:
        camera = CameraId(profile=away.profile, serial=away.serial, card=away.card)
        bay = self._sources.rack.bays.get(away.bay) if away.bay is not None else None
        speaks = bay is not None and bay.camera is None and bay.last_camera == camera
        return AwayFact(
            camera=away.camera, bay=away.bay if speaks else None, segments=away.segments, alone=away.alone, name=camera.serial or camera.id,
            officer=self.registry.assigned_to(camera),
        )  # fmt: skip

    def _unspoken(self, sums: Sums) -> int:
        """Cameras that left early with footage, and of which no bay speaks: theirs has another by now, or something else in it."""
        here = self._here()
        spoken = {fact.camera for fact in map(self._bay_fact, self._sources.rack.bays.values()) if fact.state == "removed_early"}  # fmt: skip
        return sum(one.early and one.camera not in here and one.camera not in spoken for one in sums.away)

    def _bay_fact(self, bay: Bay) -> BayFact:
        """What was told of it at this look."""
        said = self._known[bay.number][2]
        camera = bay.camera or (bay.last_camera if said.state == "removed_early" else None)
        return BayFact(
            number=bay.number, state=said.state, what=said.what, advice=said.advice, detail=said.detail,
            camera=camera.id if camera is not None else None,
        )  # fmt: skip

    def _here(self) -> dict[str, int]:
        """Which camera is in which bay."""
        there = {n: bay.camera or bay.still for n, bay in self._sources.rack.bays.items()}
        return {camera.id: n for n, camera in there.items() if camera is not None}

    def _status(self, bays: Mapping[int, Document], sums: Sums, room: Room, blind: str) -> Document:
        sources, here = self._sources, self._here()
        store = self._store(sums)
        where = whereabouts(sums.unproven, here)
        out = [one for one in sums.away if not one.early and one.camera not in here]
        eta = self._estimate.seconds(where.coming.bytes)
        oldest = None
        if sums.oldest is not None:
            camera, captured = sums.oldest
            oldest = {"captured_at": when(captured), "age_seconds": 0, "camera": camera, "bay": here.get(camera)}
        return {
            "station": sources.settings.station.name, "rack": sources.settings.station.rack,
            "bays_total": len(bays), "ready": sum(doc["state"] == "ready" for doc in bays.values()),
            "usable": sum(doc["state"] == "usable" for doc in bays.values()),
            "needs_action": sum(doc["verb"] == "act" for doc in bays.values()) + self._unspoken(sums), "oldest_unconfirmed": oldest,
            "backlog": {
                **asdict(where.coming), "on_cameras_alone": asdict(where.uncopied), "eta_seconds": {"low": eta[0], "high": eta[1]} if eta else None,
            },
            "held": asdict(where.held), "away": {**asdict(where.away), "cameras": where.cameras},
            "out": {"cameras": len(out), "segments": sum(one.segments for one in out)},
            "store": {
                "state": store.word, "since": when(store.since), "id": store.id, "message": store.message,
                "last_success": when(store.last_success),
            },
            "spool": {"free_bytes": room.free, "size_bytes": room.size, "days_left": days_left(room.free, sums.a_day),
                "kept": {"bytes": self._kept.bytes, "until": when(self._kept.first), "text": self._kept_words()} if self._kept is not None else None,
            },
            "bandwidth": bandwidth_part(sources.bandwidth.now),
            "wipe_enabled": sources.settings.wipe.enabled, "lost_segments": sums.lost, "in_doubt_segments": sums.doubt, "trouble": blind or None,
        }  # fmt: skip

    # -- what is new ---------------------------------------------------------------------------------------------------

    def _publish(
        self, status: Document, bays: Mapping[int, Document], wrong: list[Problem], sums: Sums, room: Room
    ) -> None:
        before, sequence = self.now, self.now.sequence
        found = tuple(problem_document(one) for one in wrong)
        changes: list[Change] = []
        for number, document in bays.items():
            if before.bays.get(number) != document:
                sequence += 1
                changes.append(Change(sequence=sequence, kind="bay", document=document))
        for document in found:
            if document not in before.problems:
                sequence += 1
                changes.append(Change(sequence=sequence, kind="problem", document={**document, "open": True}))
        for document in before.problems:
            if document["id"] not in {one["id"] for one in found}:
                sequence += 1
                changes.append(Change(sequence=sequence, kind="problem", document={**document, "open": False}))
        if _told(status) != _told(before.status):
            sequence += 1
            changes.append(Change(sequence=sequence, kind="status", document=status))
        else:
            status = before.status if status == before.status else status
        self.now = Snapshot(
            sequence=sequence, status=status, bays=bays, problems=found, oldest_at=sums.oldest[1] if sums.oldest else None,
            unconfirmed_segments=sum(one.segments for one in sums.unproven),
            unconfirmed_bytes=sum(one.bytes for one in sums.unproven), held=sums.held, room=room,
        )  # fmt: skip
        for change in changes:
            for listener in self._listeners:
                listener(change)

    def status_now(self, snapshot: Snapshot) -> Document:
        """`GET /status` of a snapshot, with the time."""
        now = self._sources.clock.now()
        oldest = snapshot.status.get("oldest_unconfirmed")
        if oldest is not None and snapshot.oldest_at is not None:
            oldest = {**oldest, "age_seconds": max(0, round(now - snapshot.oldest_at))}
        status = snapshot.status
        return {
            "station": status.get("station"), "time": when(now), "sequence": snapshot.sequence,
            **{key: value for key, value in status.items() if key != "station"}, "oldest_unconfirmed": oldest,
        }  # fmt: skip


def _sending(sums: Sums) -> bool:
    """Whether anything on the dock is on its way to the store."""
    return any(one.in_spool and not one.held for one in sums.unproven)


def _told(status: Document) -> Document:
    """A status without what moves by itself: room on a disk that others use too is told with the next change, not as one."""
    if not status:
        return {}
    spool = status["spool"]
    free = spool["free_bytes"]
    store = {key: value for key, value in status["store"].items() if key != "last_success"}
    return {
        **status,
        "spool": {**spool, "free_bytes": None if free is None else free >> 26, "days_left": None},
        "store": store,
    }


def _example(found: Docking) -> str:
    if found.example is None:
        return ""
    path, message = found.example
    return f"{legible(path)[-80:]}: {message}."
