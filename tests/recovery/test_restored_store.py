"""The real central store, put back from an older copy of its root, emptied, moved, with another key, or with a clock that was set back.

What it lost is sent again while a copy lives, what has no copy left is told as lost, and nothing is deleted from a camera meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from dockd.app import Agent, agent
from dockd.oneshot import Outcome, ingest
from dockd.settings import defaults
from ingest.central import CentralStore
from ingest.central.app import rotate_key
from ingest.central.trusted_time import StoreClock
from ingest.model import folder_camera
from ingest.visit import Visit
from tests.oracle import Contents, stored_in
from tests.program import filled
from tests.unit.ingest.central.set_clock import SetClock


@dataclass(kw_only=True)
class Place:
    """One dock, and one store's root that is copied and put back."""

    folder: Path
    url: str = ""
    actions: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "store"

    def keep_copy(self) -> None:
        """What the backup of tonight has."""
        shutil.rmtree(self.folder / "backup", ignore_errors=True)
        shutil.copytree(self.root, self.folder / "backup")

    def put_back(self) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self.folder / "backup", self.root)

    @contextlib.asynccontextmanager
    async def at_work(
        self, *, root: Path | None = None, wipe: bool = True, keep: float = 0.0, clock: StoreClock | None = None
    ) -> AsyncIterator[Agent]:
        """The store and an agent."""
        async with CentralStore(root or self.root, clock=clock) as central:
            self.url = central.url
            plain, state = defaults(), self.folder / "state"
            settings = replace(
                plain,
                store=replace(plain.store, url=central.url),
                ledger=replace(plain.ledger, path=state / "ledger.db"),
                spool=replace(plain.spool, path=state / "spool", keep_free=0, keep_confirmed=keep),
                upload=replace(plain.upload, retry_max=0.2),
                wipe=replace(plain.wipe, enabled=wipe),
            )
            async with agent(settings, version="test", rest=0.1) as built:
                built.ledger.subscribe(lambda event, _seq: self.actions.append(event.action))
                yield built

    async def run(
        self,
        camera: Path,
        *,
        root: Path | None = None,
        wipe: bool = True,
        keep: float = 0.0,
        clock: StoreClock | None = None,
    ) -> Outcome:
        """One ingest of this camera."""
        self.actions.clear()
        async with self.at_work(root=root, wipe=wipe, keep=keep, clock=clock) as built:
            visit = Visit(camera=folder_camera(os.fsencode(camera.name)), root=os.fsencode(camera))
            return await ingest(built, [visit], wait=1.0)

    def stored(self) -> set[bytes]:
        return {one.path for one in stored_in(self.root, Contents())}

    def camera(self, name: str, *files: str) -> Path:
        return filled(self.folder / name, {file: os.urandom(30_000) for file in files})


def left(camera: Path) -> list[str]:
    return sorted(path.name for path in camera.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path)


async def test_what_a_restored_store_lost_is_sent_again_while_a_copy_lives(place: Place) -> None:
    first, second, third = place.camera("CAM1", "a"), place.camera("CAM2", "b"), place.camera("CAM3", "c")
    assert (await place.run(first)).complete
    place.keep_copy()
    assert (await place.run(second, wipe=False, keep=3600)).complete  # still on its camera, and in the spool
    assert place.stored() == {b"a", b"b"}
    place.put_back()
    outcome = await place.run(third)
    assert outcome.complete
    assert place.actions.count("store.went_back") == 1
    assert place.actions.count("segment.store_lost") == 1
    assert "segment.lost" not in place.actions
    assert place.stored() == {b"a", b"b", b"c"}
    assert left(second) == ["b"]  # nobody asked for that one to be emptied
    assert (await place.run(second)).complete
    assert left(second) == []


async def test_what_has_no_copy_left_is_told_as_lost(place: Place) -> None:
    first, second, third = place.camera("CAM1", "a"), place.camera("CAM2", "b", "b2"), place.camera("CAM3", "c")
    assert (await place.run(first)).complete
    place.keep_copy()
    assert (await place.run(second)).complete
    assert left(second) == []
    place.put_back()
    outcome = await place.run(third)
    assert not outcome.complete
    assert "2 segments were lost: no copy is left anywhere" in outcome.notes
    assert place.actions.count("store.went_back") == 1
    assert place.actions.count("segment.lost") == 2
    assert place.stored() == {b"a", b"c"}
    assert left(third) == []
    assert (await place.run(first)).complete
    assert not {"store.went_back", "segment.store_lost", "segment.lost"} & set(place.actions)  # it is told once


async def test_a_run_that_is_cut_after_the_finding_is_gone_on_with(place: Place) -> None:
    first, second = place.camera("CAM1", "a"), place.camera("CAM2", *(f"b{n}" for n in range(5)))
    assert (await place.run(first)).complete
    place.keep_copy()
    assert (await place.run(second)).complete
    place.put_back()
    place.actions.clear()
    async with place.at_work() as built:
        found = asyncio.Event()
        built.ledger.subscribe(lambda event, _seq: found.set() if event.action == "store.went_back" else None)
        visit = Visit(camera=folder_camera(b"CAM3"), root=os.fsencode(place.camera("CAM3", "c")))
        running = asyncio.create_task(ingest(built, [visit], wait=1.0))
        await found.wait()  # it is ended before it can ask
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert "store.went_back" in place.actions
    await place.run(place.camera("CAM4", "d"))
    assert place.actions.count("segment.lost") == 5


async def test_a_root_that_was_emptied_with_the_same_key_is_the_same_store_without_its_bytes(place: Place) -> None:
    first, second = place.camera("CAM1", "a"), place.camera("CAM2", "b")
    place.root.mkdir()
    async with CentralStore(place.root):
        pass
    place.keep_copy()  # its name and its key, and nothing else
    assert (await place.run(first, wipe=False, keep=3600)).complete
    place.put_back()
    outcome = await place.run(second)
    assert outcome.complete
    assert place.actions.count("store.went_back") == 1
    assert place.stored() == {b"a", b"b"}
    assert left(first) == ["a"]


async def test_the_same_data_at_another_address_is_the_same_store(place: Place) -> None:
    camera = place.camera("CAM1", "a")
    assert (await place.run(camera, wipe=False)).complete
    place.root.rename(place.folder / "moved")
    filled(camera, {"b": b"more"})
    outcome = await place.run(camera, root=place.folder / "moved")
    assert not {"store.went_back", "segment.store_lost", "store.dishonest"} & set(place.actions)
    assert {one.path for one in stored_in(place.folder / "moved", Contents())} == {b"a", b"b"}
    assert outcome.held == []


async def test_another_key_without_a_signature_is_another_store(place: Place) -> None:
    first, second = place.camera("CAM1", "a"), place.camera("CAM2", "b")
    assert (await place.run(first, wipe=False)).complete
    shutil.rmtree(place.root / "keys")
    before = place.stored()
    outcome = await place.run(second)
    assert "shows a key that no pinned key has signed" in str(outcome.unreachable)
    assert left(first) == ["a"]
    assert left(second) == ["b"]
    assert place.stored() == before


async def test_a_key_that_the_old_one_signed_for_goes_on(place: Place) -> None:
    first, second = place.camera("CAM1", "a"), place.camera("CAM2", "b")
    assert (await place.run(first, wipe=False)).complete
    rotate_key(place.root)
    assert (await place.run(second)).complete
    assert (await place.run(first)).complete
    assert left(first) == left(second) == []


async def test_a_store_whose_clock_was_set_back_is_believed_as_before(place: Place) -> None:
    camera = place.camera("CAM1", "a")
    assert (await place.run(camera, wipe=False)).complete
    outcome = await place.run(camera, clock=SetClock(0.0))
    assert outcome.complete
    assert left(camera) == []
    assert not {"store.went_back", "store.dishonest"} & set(place.actions)


async def test_a_ledger_that_was_made_anew_does_not_pass_for_the_first_one(place: Place) -> None:
    assert (await place.run(place.camera("CAM1", "a"))).complete
    async with place.at_work() as built:
        assert not built.ledger.settled
    for one in (place.folder / "state").glob("ledger.db*"):
        one.unlink()
    async with place.at_work() as built:
        assert built.ledger.rebuilt is not None
        assert not built.ledger.settled  # what it has listed may have been proven under the one that is gone
