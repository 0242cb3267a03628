"""Anything in any order: docked, undocked, cards swapped, files that grow or are replaced, runs cut at any event, clocks that jump, a lost ledger.

Real ledger, spool, workers, delivery and central store, in one process; hypothesis draws what happens, and after each thing that happens
P1 to P3 are computed from files alone. In the end everything has to be in the store and every card empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dockd.app import agent
from dockd.oneshot import Outcome, ingest
from dockd.settings import Settings, defaults
from ingest.central import CentralStore
from ingest.clock import Clock
from ingest.events import Event
from ingest.model import folder_camera
from ingest.visit import Visit
from tests.oracle import Witness

NAMES = ("a.mp4", "b.mp4", "DCIM/c.mp4", "DCIM/d.mp4")
names = st.sampled_from(NAMES)
cards = st.sampled_from((0, 1))
contents = st.sampled_from((b"", b"equal" * 20, b"other" * 20, b"large" * 20_000))


class Jumping(Clock):
    """The station's clock, some seconds off."""

    offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


class AnyOrder(RuleBasedStateMachine):
    """One dock, one camera with two cards, one store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.ends = contextlib.AsyncExitStack()
        self.clock = Jumping()
        self.cards = [self.folder / "card0", self.folder / "card1"]
        for card in self.cards:
            (card / "DCIM").mkdir(parents=True)
        self.witness = Witness(spool=self.folder / "state" / "spool", store=self.folder / "store", one_camera=True)
        self.writes = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.store = self.do(self.ends.enter_async_context(CentralStore(self.folder / "store")))
        self.witness.remember(*self.cards)

    # -- what cameras and people do ------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self.witness.remember(*self.cards)
        self.witness.forgive_lost()

    @rule(card=cards, name=names, content=contents)
    def a_recording(self, card: int, name: str, content: bytes) -> None:
        """New, or in the place of another, by another inode or in place."""
        self.writes += 1
        path = self.cards[card] / name
        if self.writes % 2:
            path.unlink(missing_ok=True)
        path.write_bytes(content)
        self._changed()

    @rule(card=cards, name=names)
    def it_grows(self, card: int, name: str) -> None:
        path = self.cards[card] / name
        if path.exists():
            with path.open("ab") as file:
                file.write(b"more")
            self._changed()

    @rule(card=cards, name=names)
    def replaced_by_its_like(self, card: int, name: str) -> None:
        """Other bytes of the same size and time."""
        path = self.cards[card] / name
        if path.exists() and path.stat().st_size:
            before = path.stat()
            self.writes += 1
            path.write_bytes((b"%08d" % self.writes * (before.st_size // 8 + 1))[: before.st_size])
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self._changed()

    @rule(card=cards, name=names)
    def deleted_by_hand(self, card: int, name: str) -> None:
        """Not by dockd, and the oracle must not take it for dockd's doing."""
        path = self.cards[card] / name
        if path.exists():
            path.unlink()
            self._changed()

    @rule(seconds=st.sampled_from((-400_000.0, -1.0, 86_400.0, 40_000_000.0)))
    def the_clock_jumps(self, seconds: float) -> None:
        self.clock.offset += seconds

    @precondition(lambda self: (self.folder / "state" / "ledger.db").exists())
    @rule()
    def the_ledger_is_lost(self) -> None:
        for path in (self.folder / "state").glob("ledger.db*"):
            path.rename(self.folder / f"lost-{self.writes}-{path.name}")
        self.writes += 1

    # -- what dockd does -------------------------------------------------------------------------------------------------

    def _settings(self, *, wipe: bool, url: str) -> Settings:
        base, state = defaults(), self.folder / "state"
        return replace(
            base, store=replace(base.store, url=url), ledger=replace(base.ledger, path=state / "ledger.db"),
            spool=replace(base.spool, path=state / "spool", keep_free=0), wipe=replace(base.wipe, enabled=wipe),
            upload=replace(base.upload, parallel=4, retry_max=0.5),
        )  # fmt: skip

    async def _docked(
        self, card: int, *, wipe: bool, url: str, events: int | None = None, wait: float = 20.0
    ) -> Outcome | None:
        """One run of one card; `events`: it is cut short after so many. None where it was."""
        task = asyncio.current_task()
        assert task is not None
        left = [events if events is not None else 1 << 30]

        def hear(_event: Event, _seq: int) -> None:
            left[0] -= 1
            if left[0] == 0:
                task.cancel()

        visit = Visit(camera=folder_camera(b"CAM"), root=os.fsencode(self.cards[card]))
        try:
            async with agent(
                self._settings(wipe=wipe, url=url), version="test", rest=0.05, subscribers=(hear,), clock=self.clock
            ) as built:  # fmt: skip
                async with asyncio.timeout(30):
                    return await ingest(built, [visit], wait=wait)
        except asyncio.CancelledError:
            assert left[0] <= 0
            task.uncancel()
            return None

    @rule(card=cards, wipe=st.booleans())
    def docked(self, card: int, wipe: bool) -> None:
        outcome = self.do(self._docked(card, wipe=wipe, url=self.store.url))
        assert outcome is not None
        assert outcome.unreachable is None, outcome
        assert outcome.failures == []
        assert not wipe or not [p for p in self.cards[card].rglob("*") if p.is_file()], outcome

    @rule(card=cards, events=st.integers(min_value=3, max_value=60))
    def taken_out_or_stopped(self, card: int, events: int) -> None:
        self.do(self._docked(card, wipe=True, url=self.store.url, events=events))

    @rule(card=cards)
    def docked_while_the_store_is_away(self, card: int) -> None:
        outcome = self.do(self._docked(card, wipe=True, url="http://127.0.0.1:9", wait=0.3))
        assert outcome is not None
        assert outcome.unreachable is not None or not [p for p in self.cards[card].rglob("*") if p.is_file()]

    # -- what has to be so -------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.witness.faults() == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                for card in (0, 1):
                    self.docked(card, wipe=True)
                    self.nothing_is_lost()
                assert (self.witness.emptied(), self.witness.delivered(past=False)) == ([], [])
        finally:
            self.do(self.ends.aclose())
            self.do(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


@pytest.mark.timeout(300)
def test_anything_in_any_order() -> None:
    examples = 300 if os.environ.get("HYPOTHESIS_PROFILE") == "searching" else 8
    run_state_machine_as_test(
        AnyOrder, settings=hypothesis_settings(max_examples=examples, stateful_step_count=12, deadline=None)
    )
