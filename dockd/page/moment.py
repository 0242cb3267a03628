"""One look: what the parts of the agent and the ledger said, held together, and what follows from that for every bay.

Rules kept here: a store that was caught is caught whatever became of its line since; the dock's own copies are believed only while nothing speaks
against them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from dockd.docking import Bay
from dockd.page.advice import to_mend
from dockd.page.facts import Sources, Sums
from dockd.page.language import said
from dockd.page.problems import FullFact
from dockd.page.registry import Registry
from dockd.page.snapshot import Expected, Room
from dockd.page.words import kept_words, moment_words, size_words
from ingest.ledger import issues
from ingest.ledger.proofs import SECOND_LOOK
from ingest.ledger.stores import Pinned
from ingest.ledger.views import Docking, Kept
from ingest.model import CameraId
from ingest.standing import StoreState

_LATE = 900.0
_UNSOUND = frozenset(
    {"ledger_rebuilt", "ledger_went_back", "ledger_unusable", "store_went_back", "store_unconfirmed", "spool_failed"}
)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """`blind`: why nothing of the ledger is known; `in_place`: the spool is the one that was there; `kept` is asked only while somebody waits for room.

    `closed`: cameras that left early, and of which a person has said that nobody waits for them. `expected` by bay; `short`: so few cameras are ready
    that one which is only usable is offered.
    """

    sources: Sources
    registry: Registry
    sums: Sums = field(default_factory=Sums)
    blind: str = ""
    room: Room = field(default_factory=Room)
    in_place: bool = False
    kept: Kept | None = None
    pinned: Pinned | None = None
    closed: frozenset[str] = frozenset()
    expected: Mapping[int, Expected] = field(default_factory=dict)
    short: bool = True

    def assigned_to(self, camera: CameraId) -> str | None:
        """Who has this camera: to whom it was issued, else whose it is by the site's list; None: nobody, or nobody knows."""
        issue = issues.of_camera(self.sums.issued, camera)
        return issue.officer if issue is not None else self.registry.assigned_to(camera)

    def has_waited(self, camera: str) -> bool:
        """Whether it has waited for the store so long, all copied, that it may go out: in this run, or by the record since before it."""
        doing = self.sources.activity.cameras.get(camera)
        if doing is None or doing.phase != "waiting":
            return False
        wanted, since = self.sources.settings.ready.usable_after, self.sums.waits.get(camera)
        if time.monotonic() - doing.since >= wanted:
            return True
        return since is not None and self.sources.clock.boottime_ns() / 1e9 - since >= wanted

    def expected_of(self, bay: Bay) -> Expected:
        """What is expected of the docking that this bay has now; nothing of one that it had."""
        found = self.expected.get(bay.number)
        same = found is not None and bay.visit is not None and found.docking == bay.visit.docking
        return found if found is not None and same else Expected()

    @cached_property
    def is_sound(self) -> bool:
        """Whether nothing speaks against what the dock says that it has."""
        unsound = _UNSOUND & self.sources.troubles.now.keys()
        spoilt = any(self.sums.held.get(reason) for reason in ("spool_spoils", "spool_unread"))
        return self.in_place and not (unsound or self.sources.activity.spool_failed or spoilt or self.sums.doubt)

    @cached_property
    def store(self) -> StoreState:
        """How the store stands. One that was caught is caught whatever became of its line since, and of this process."""
        state = self.sources.store_state()
        if self.sums.caught is None or state.word == "dishonest":
            return state
        return replace(state, word="dishonest", message=self.sums.caught, honest=False)

    @cached_property
    def store_wants(self) -> str:
        """What a person has to mend of the store, in words."""
        store = self.store
        return to_mend(store.word, store.message)

    @cached_property
    def late(self) -> bool:
        """Whether the store has been away for so long that it should be seen."""
        away = self.store.word in ("down", "wrong-store", "dishonest")
        return away and self.sources.clock.now() - self.store.since >= _LATE

    @cached_property
    def sending(self) -> bool:
        """Whether anything on the dock is on its way to the store."""
        return any(one.in_spool and not one.held for one in self.sums.unproven)

    @cached_property
    def here(self) -> dict[str, int]:
        """Which camera is in which bay."""
        there = {n: bay.camera or bay.still for n, bay in self.sources.rack.bays.items()}
        return {camera.id: n for n, camera in there.items() if camera is not None}

    def full(self) -> FullFact | None:
        """Who waits for room, where anybody does."""
        activity = self.sources.activity
        if not activity.spool_full:
            return None
        waiting = [
            self.sums.dockings.get(bay.visit.docking, Docking()).balance.bytes
            for bay in self.sources.rack.bays.values()
            if bay.visit is not None and bay.camera is not None and self._waits_for_room(bay.camera.id)
        ]
        bytes_waiting = sum(max(0, one.listed - one.copied) for one in waiting)
        return FullFact(
            since=moment_words(activity.spool_full_since), cameras=len(waiting), waiting=size_words(bytes_waiting) if waiting else "",
            kept=self.kept_words(), sending=self.sending,
        )  # fmt: skip

    def kept_words(self) -> str:
        """What the dock keeps though the store has it, and why."""
        if self.kept is None:
            return ""
        promised = self.pinned is None or (self.pinned.method == "receipt" and self.pinned.durable)
        if promised or self.sources.settings.spool.keep_confirmed >= SECOND_LOOK:
            why = said("as spool.keep_confirmed says")
        elif self.pinned is not None and self.pinned.method == "receipt":
            why = said("because this store does not promise to keep them")
        else:
            why = said("because this store gives no receipts")
        return kept_words(self.kept.bytes, self.kept.first, self.kept.last, why=why)

    def _waits_for_room(self, camera: str) -> bool:
        doing = self.sources.activity.cameras.get(camera)
        return doing is not None and doing.reason == "spool_full"
