"""What the page reads: the parts of the agent it looks at, and the sums that it asks the ledger for.

Only what has changed is asked again: sums of a docking when an event named its camera, the backlog when a segment moved. A question that
takes long is asked less often, so that looking never costs more than a twentieth of the ledger's reading time.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dockd.docking import Bay, Rack
from dockd.settings import Settings
from ingest import events
from ingest.activity import Activity, Changing
from ingest.bandwidth import Bandwidth
from ingest.clock import Clock
from ingest.ledger import Ledger, issues, marks, soundness, views, waits
from ingest.ledger.issues import Issue
from ingest.ledger.segments import IN_DOUBT
from ingest.ledger.views import Away, Docking, Newest, Unproven
from ingest.spool import Spool
from ingest.standing import StoreState

_SHARE = 20.0
_RATE_EVERY = 600.0


class Troubles(Changing):
    """What the agent has to say of itself, by stable name; `version` grows with every change."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[str, str] = {}

    def open(self, name: str, text: str) -> bool:
        """It is so from now on. Returns whether that is new."""
        if self.now.get(name) == text:
            return False
        self.now[name] = text
        self.version += 1
        return True

    def close(self, name: str) -> bool:
        """It is over. Returns whether it was so."""
        if self.now.pop(name, None) is None:
            return False
        self.version += 1
        return True


async def nothing_beside(_segment: str) -> bool:
    """Nobody writes beside the copies."""
    return False


@dataclass(kw_only=True)
class Sources:
    """The parts of an agent that the page looks at. `beside(segment)`: what people have marked of it is written beside its copy now (`Delivery.beside`).
    `settings` may be replaced by a reload."""

    settings: Settings
    version: str
    clock: Clock
    ledger: Ledger
    spool: Spool
    activity: Activity
    rack: Rack
    store_state: Callable[[], StoreState]
    bandwidth: Bandwidth
    beside: Callable[[str], Awaitable[bool]] = nothing_beside
    troubles: Troubles = field(default_factory=Troubles)


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What the ledger said. `missing` by camera; `caught`: why the pinned store is not believed; `oldest` camera and capture time; `a_day`: bytes a day that come in, None: not known;
    `waits` by camera: since when it has waited for the store, by the record (seconds of CLOCK_BOOTTIME), None: not known. `unasked`: cameras that left with footage since `away` was
    asked: what is not in `away` of them is not known."""

    dockings: dict[int, Docking] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    unproven: tuple[Unproven, ...] = ()
    oldest: tuple[str, float] | None = None
    away: tuple[Away, ...] = ()
    held: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubt: int = 0
    caught: str | None = None
    a_day: float | None = None
    issued: dict[str, Issue] = field(default_factory=dict)
    untold: tuple[int, int] = (0, 0)
    newest: Newest = field(default_factory=Newest)
    waits: dict[str, float | None] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()


_LOSSES = (
    events.SegmentLost, events.SegmentRecovered, events.SegmentReappeared, events.SegmentFoundInStore, events.SegmentUnheld,
)  # fmt: skip


class Asking:
    """Keeps the sums current. One asker at a time (the view's lock sees to that)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.version = 0
        self._dirty: set[str] = set()
        self._moved: set[str] = set()  # cameras whose waiting may have begun anew
        self._left: set[str] = set()  # cameras that left with footage since the last question for those
        self._all_dirty = True
        self._backlog_dirty = True
        self._lost_dirty = True
        self._store_dirty = True
        self._not_before = 0.0
        self._rate_not_before = 0.0
        self._sums = Sums()
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        self.version += 1
        if event.camera is not None:
            self._dirty.add(event.camera)
            if event.action not in waits.GOES_ON:
                self._moved.add(event.camera)
        elif event.segment is not None:
            self._all_dirty = True
        if event.segment is not None or event.camera is not None:
            self._backlog_dirty = True
        if isinstance(event, events.CameraRemovedEarly | events.CameraWentOut) and event.camera is not None:
            self._left.add(event.camera)
        if isinstance(event, events.StoreCaught | events.StorePinned | events.CameraIssued | events.CameraReturned):
            self._store_dirty = True
        doubted = isinstance(event, events.SegmentHeld) and event.reason == IN_DOUBT
        if doubted or isinstance(event, _LOSSES):
            self._lost_dirty = True

    async def sums(self, bays: Sequence[Bay]) -> Sums:
        """The sums for these bays' present dockings. Raises LedgerUnusable."""
        present = {bay.visit.docking: bay.camera.id for bay in bays if bay.visit is not None and bay.camera is not None and bay.visit.docking}  # fmt: skip
        known = self._sums.dockings
        stale = [n for n, camera in present.items() if self._all_dirty or camera in self._dirty or n not in known]
        backlog = self._backlog_dirty and time.monotonic() >= self._not_before
        if (
            not stale
            and not backlog
            and not self._lost_dirty
            and not self._store_dirty
            and known.keys() == present.keys()
        ):
            return self._as_of_now()
        dirty, moved, lost, store = self._dirty, self._moved, self._lost_dirty, self._store_dirty
        waiting = [present[n] for n in stale if self._all_dirty or n not in known or present[n] in moved]
        rate = self._ledger.clock.now() if time.monotonic() >= self._rate_not_before else None
        # taken off before the question, so that what happens meanwhile is asked next time
        self._dirty, self._all_dirty, self._lost_dirty, self._store_dirty = set(), False, False, False
        self._moved = set()
        left = self._left if backlog else set()
        self._left = self._left - left
        self._backlog_dirty = self._backlog_dirty and not backlog
        try:
            fresh = await self._ledger.read(
                lambda db: _ask(
                    db.execute, stale, present, waiting, clock=self._ledger.clock, backlog=backlog, lost=lost, rate=rate
                )
            )
        except BaseException:
            self._dirty |= dirty
            self._moved |= moved
            self._left |= left
            self._store_dirty = self._store_dirty or store
            self._all_dirty, self._backlog_dirty, self._lost_dirty = True, True, self._lost_dirty or lost
            raise
        if rate is not None:
            self._rate_not_before = time.monotonic() + _RATE_EVERY
        self._take(fresh, present, backlog=backlog, lost=lost, rate=rate is not None)
        return self._as_of_now()

    def _as_of_now(self) -> Sums:
        if self._sums.unasked != self._left:
            self._sums = replace(self._sums, unasked=frozenset(self._left))
        return self._sums

    def _take(
        self, fresh: tuple[Sums, float], present: dict[int, str], *, backlog: bool, lost: bool, rate: bool
    ) -> None:
        new, seconds = fresh
        old = self._sums
        if backlog:
            self._not_before = time.monotonic() + _SHARE * seconds
        mine = set(present.values())
        self._sums = Sums(
            dockings={n: found for n, found in {**old.dockings, **new.dockings}.items() if n in present},
            missing={c: n for c, n in {**old.missing, **new.missing}.items() if c in mine},
            waits={c: since for c, since in {**old.waits, **new.waits}.items() if c in mine},
            unproven=new.unproven if backlog else old.unproven, oldest=new.oldest if backlog else old.oldest,
            away=new.away if backlog else old.away, held=new.held if backlog else old.held, lost=new.lost if lost else old.lost,
            doubt=new.doubt if lost else old.doubt, caught=new.caught, a_day=new.a_day if rate else old.a_day, issued=new.issued, untold=new.untold,
            newest=new.newest if lost else replace(old.newest, untold=new.newest.untold),
        )  # fmt: skip

    @property
    def issued(self) -> dict[str, Issue]:
        """Cameras that were issued, as far as was asked."""
        return self._sums.issued

    @property
    def due(self) -> bool:
        """Whether something was put off that may be asked now."""
        return self._backlog_dirty and time.monotonic() >= self._not_before


def _ask(
    execute: Callable[..., Any], stale: Sequence[int], present: dict[int, str], waiting: Sequence[str], *, clock: Clock, backlog: bool,
    lost: bool, rate: float | None,
) -> tuple[Sums, float]:  # fmt: skip
    began, untold = time.monotonic(), marks.untold(execute)
    sums = Sums(
        dockings=views.of_dockings(execute, stale),
        missing={present[n]: views.missing(execute, present[n], n) for n in stale},
        waits={camera: waits.waits_since(execute, clock, camera=camera) for camera in waiting},
        unproven=tuple(views.unproven(execute)) if backlog else (),
        oldest=views.oldest_unproven(execute) if backlog else None,
        away=tuple(views.away(execute)) if backlog else (),
        held=views.held_reasons(execute) if backlog else {},
        lost=views.lost(execute) if lost else 0,
        doubt=views.in_doubt(execute) if lost else 0,
        caught=soundness.caught(execute),
        issued=issues.issued(execute),
        untold=untold,
        newest=views.newest(execute, losses=lost, untold=any(untold)),
        a_day=views.pulled_a_day(execute, now=rate) if rate is not None else None,
    )
    return sums, time.monotonic() - began
