"""Everything that is shown, as one snapshot: the bays, the status, what is wrong. Gathered when somebody asks, and kept until something
changes, so that nobody asking costs nothing and a thousand polls cost one look.

`sequence` grows by one with every document that changes, over restarts too (it begins at the clock's milliseconds); `run` is another after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from dockd.docking import Bay
from dockd.page.bay_facts import BayDocuments
from dockd.page.documents import Document, problem_document, when
from dockd.page.estimate import Estimate
from dockd.page.expected import Expectations
from dockd.page.facts import Asking, Sources, Sums
from dockd.page.moment import Moment
from dockd.page.problem_book import Kept, ProblemBook
from dockd.page.registry import Registry
from dockd.page.snapshot import Change, Expected, Room, Snapshot, same_status
from dockd.page.whole_rack import on_its_way, status_of, what_is_wrong
from ingest.errors import LedgerUnusable
from ingest.events import Event, StoreCaught
from ingest.ledger import issues, stores
from ingest.ledger.views import Kept as KeptHere
from ingest.ledger.views import kept
from ingest.model import CameraId

LOOK_AT_MOST_EVERY = 0.1
_LOOK_AT_LEAST_EVERY = 5.0
_UNTOLD_EVERY = 1.0  # how the store stands, settings and bandwidth change without saying so
_FRESH = 10.0
_SHARE = 8.0  # looking takes at most a ninth of the time, however long a look takes


class View:
    """Looks at the sources. `registry` may be replaced by a reload."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._asking = Asking(sources.ledger)
        self._estimate = Estimate()
        self._documents = BayDocuments()
        self._expectations = Expectations()
        self._expected: dict[int, Expected] = {}
        self._moment: Moment | None = None
        self.book = ProblemBook(sources.ledger)
        self._turn = asyncio.Lock()
        self._seen: tuple[object, ...] = ()
        self._looked_at = -_LOOK_AT_LEAST_EVERY
        self._rest = LOOK_AT_MOST_EVERY
        self._bell = asyncio.Event()
        self._listeners: list[Callable[[Change], None]] = []
        self._news: set[str | None] = set()
        sources.ledger.subscribe(self._hear)
        for source in (sources.activity, sources.rack, sources.troubles):
            source.tell(self._bell.set)
        self.registry = Registry()
        self.run = secrets.token_hex(4)
        self.now = Snapshot(sequence=int(sources.clock.now() * 1000))

    def _hear(self, event: Event, _seq: int) -> None:
        self._bell.set()
        if event.camera is not None or event.segment is not None or isinstance(event, StoreCaught):
            self._news.add(event.camera)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """`listener(change)` is called on the event loop for every document that is new. It must not raise or wait."""
        self._listeners.append(listener)

    def sample(self) -> None:
        """Feed the estimates; to be called every few seconds."""
        now = self._sources.clock.boottime_ns() / 1e9
        self._estimate.sample(now, self._sources.activity.uploaded_bytes)
        moment = self._moment or Moment(sources=self._sources, registry=self.registry)
        expected = self._expectations.sample(
            now=now, at=self._sources.clock.now(), moment=moment, fresh=self._moment is not None and time.monotonic() - self._looked_at < _FRESH,
            sending=self._estimate.rate(),
        )  # fmt: skip
        if expected != self._expected:
            self._expected = expected
            self._bell.set()

    def _versions(self) -> tuple[object, ...]:
        sources = self._sources
        return (
            self._asking.version, sources.activity.version, sources.rack.version, sources.troubles.version, sources.store_state(),
            sources.settings, self.registry, sources.bandwidth.now, self._expected,
        )  # fmt: skip

    async def news(self, *, at_most: float) -> None:
        """Wait until a look may find something new: a part has said that it changed, and the last look is not too fresh. After `at_most` seconds in any case."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(at_most, _UNTOLD_EVERY)):
                await self._bell.wait()
        self._bell.clear()
        await asyncio.sleep(max(0.0, self._looked_at + self._rest - time.monotonic()))

    async def look(self, *, anew: bool = False) -> Snapshot:
        """What is so, at most a tenth of a second old; `anew`: looked at since this was called. Raises nothing for want of a ledger: it is said then."""
        async with self._turn:
            age = time.monotonic() - self._looked_at
            versions = self._versions()
            fresh = versions == self._seen and not self._asking.due and age < _LOOK_AT_LEAST_EVERY
            if not anew and (fresh or age < LOOK_AT_MOST_EVERY):
                return self.now
            self._seen, self._looked_at = versions, time.monotonic()
            await self._look()
            self._rest = min(_LOOK_AT_LEAST_EVERY, max(LOOK_AT_MOST_EVERY, _SHARE * (time.monotonic() - self._looked_at)))  # fmt: skip
            return self.now

    async def _look(self) -> None:
        sources = self._sources
        room, in_place = await asyncio.to_thread(lambda: (self._room(), sources.spool.in_place()))
        blind, found, pinned = "", None, None
        self._news.clear()
        try:
            await self.book.load()
            found, pinned = await self._what_is_kept()
            sums = await self._asking.sums(list(sources.rack.bays.values()))
        except LedgerUnusable as error:
            sums, blind = Sums(), error.message
        # everything from here on is one moment: no waiting in between
        moment = Moment(
            sources=sources, registry=self.registry, sums=sums, blind=blind, room=room, in_place=in_place, kept=found, pinned=pinned,
            closed=self._given_up(sums), expected=self._expected, short=_is_short(self.now.bays.values()),
        )  # fmt: skip
        bays = self._told(moment)
        if _is_short(bays.values()) != moment.short:  # how many are ready does not hang on that
            moment = replace(moment, short=not moment.short)
            bays = self._told(moment)
        self._moment = moment
        self._documents.forget({bay.visit.docking for bay in sources.rack.bays.values() if bay.visit is not None})
        facts = [self._documents.fact(bay) for _n, bay in sorted(sources.rack.bays.items())]
        wrong, over = self.book.keep(what_is_wrong(moment, facts), now=sources.clock.now(), blind=bool(blind))
        for one in over:
            if one.camera is not None:
                sources.rack.forgive(one.camera)
        eta = self._estimate.seconds(on_its_way(moment).coming.bytes)
        self._publish(
            status_of(moment, bays, facts, wrong=[one.problem for one in wrong], eta=eta), bays, wrong, moment
        )
        with contextlib.suppress(LedgerUnusable):  # written with the next look
            await self.book.write()

    def _given_up(self, sums: Sums) -> frozenset[str]:
        """Cameras of which a person has said that nobody waits for them; one that was in a bay since is waited for anew."""
        last = {one.camera: one.docking for one in sums.away}
        closed = self.book.closed_cameras
        return frozenset(camera for camera, docking in closed.items() if last.get(camera, 0) <= docking)

    def _told(self, moment: Moment) -> dict[int, Document]:
        bays = sorted(self._sources.rack.bays.items())
        return {n: self._documents.of(bay, moment, outrun=self._is_outrun) for n, bay in bays}

    def assigned_to(self, camera: CameraId) -> str | None:
        """Who has this camera: to whom it was issued, else whose it is by the site's list; None: nobody, or nobody knows."""
        issue = issues.of_camera(self._asking.issued, camera)
        return issue.officer if issue is not None else self.registry.assigned_to(camera)

    async def _what_is_kept(self) -> tuple[KeptHere | None, stores.Pinned | None]:
        """What keeps the dock full though the store has it; asked only while somebody waits for room."""
        if not self._sources.activity.spool_full:
            return None, None
        now = self._sources.clock.now()
        return await self._sources.ledger.read(lambda db: (kept(db.execute, now=now), stores.pinned(db.execute)))

    def _room(self) -> Room:
        spool = self._sources.spool
        try:
            return Room(free=max(0, spool.free()), size=spool.size())
        except OSError:
            return Room()

    def _is_outrun(self, bay: Bay) -> bool:
        """Whether something happened to its camera while the ledger was asked: then nothing is ready by those sums, and they are asked again."""
        return None in self._news or (bay.camera is not None and bay.camera.id in self._news)

    def _publish(self, status: Document, bays: Mapping[int, Document], wrong: list[Kept], moment: Moment) -> None:
        before, sequence, sums = self.now, self.now.sequence, moment.sums
        found = tuple(problem_document(one) for one in wrong)
        changes: list[Change] = []
        changed_at = dict(before.changed_at)
        for number, document in bays.items():
            if before.bays.get(number) != document:
                sequence += 1
                changed_at[number] = sequence
                changes.append(Change(sequence=sequence, kind="bay", document=document))
        for document in found:
            if document not in before.problems:
                sequence += 1
                changes.append(Change(sequence=sequence, kind="problem", document={**document, "open": True}))
        for document in before.problems:
            if document["id"] not in {one["id"] for one in found}:
                sequence += 1
                changes.append(Change(sequence=sequence, kind="problem", document={**document, "open": False}))
        if not same_status(status, before.status):
            sequence += 1
            changes.append(Change(sequence=sequence, kind="status", document=status))
        self.now = Snapshot(
            sequence=sequence, status=status, bays=bays, changed_at=changed_at, problems=found, oldest_at=sums.oldest[1] if sums.oldest else None,
            unconfirmed_segments=sum(one.segments for one in sums.unproven),
            unconfirmed_bytes=sum(one.bytes for one in sums.unproven), held=sums.held, room=moment.room,
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


def _is_short(bays: Iterable[Document]) -> bool:
    """Whether cameras are short: fewer than half of those in the rack are ready."""
    docked = [bay["state"] for bay in bays if bay["camera"] is not None]
    return 2 * docked.count("ready") < len(docked) or not docked


__all__ = ["LOOK_AT_MOST_EVERY", "Change", "Room", "Snapshot", "View"]
