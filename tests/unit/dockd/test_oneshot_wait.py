"""How long `dockd ingest` waits for a store, whatever its cameras are at meanwhile."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from dockd.app import agent
from dockd.oneshot import ingest
from dockd.settings import defaults
from ingest.events import Event, WipingOff, WipingOn
from ingest.model import CameraId
from ingest.visit import Visit


async def test_what_is_read_again_for_a_wipe_is_no_reason_to_wait_for_ever(tmp_path: Path) -> None:
    """One camera waits for a store that is away; another reads again what it may delete when the store answers."""
    root, plain = tmp_path / "CAM", defaults()
    root.mkdir()
    (root / "A.MP4").write_bytes(b"x" * 1000)
    settings = replace(
        plain, store=replace(plain.store, url="http://127.0.0.1:9"), ledger=replace(plain.ledger, path=tmp_path / "ledger.db"),
        spool=replace(plain.spool, path=tmp_path / "spool", keep_free=0),
    )  # fmt: skip
    async with agent(settings, version="test", rest=0.05) as built:
        built.activity.camera("OTHER", "wiping")
        visit = Visit(camera=CameraId(profile="folder", serial="CAM"), root=os.fsencode(root))
        async with asyncio.timeout(5.0):
            outcome = await ingest(built, [visit], wait=0.2)
    assert outcome.unreachable is not None
    assert (outcome.balance.segments.copied, outcome.complete) == (1, False)


async def test_all_is_well_without_a_store_only_where_nothing_is_left_to_do(tmp_path: Path) -> None:
    """Everything is confirmed; then the share is gone: nothing was left to copy, and all of it to delete."""
    root, share, plain = tmp_path / "CAM", tmp_path / "share", defaults()
    root.mkdir()
    share.mkdir()
    (root / "A.MP4").write_bytes(b"x" * 1000)
    settings = replace(
        plain, store=replace(plain.store, kind="directory", url=str(share)), ledger=replace(plain.ledger, path=tmp_path / "ledger.db"),
        spool=replace(plain.spool, path=tmp_path / "spool", keep_free=0, keep_confirmed=60.0), wipe=replace(plain.wipe, enabled=False),
    )  # fmt: skip

    def visits() -> list[Visit]:
        return [Visit(camera=CameraId(profile="folder", serial="CAM"), root=os.fsencode(root))]

    async with agent(settings, version="test", rest=0.05) as built:
        assert (await ingest(built, visits(), wait=5.0)).complete
    share.rename(tmp_path / "elsewhere")
    for wipe in (False, True):
        async with agent(replace(settings, wipe=replace(plain.wipe, enabled=wipe)), version="test", rest=0.05) as built:
            outcome = await ingest(built, visits(), wait=0.2)
        assert (outcome.complete, outcome.unreachable is None) == (not wipe, not wipe)
    assert (root / "A.MP4").exists()


async def test_who_empties_by_hand_is_on_record_where_the_record_says_otherwise(tmp_path: Path) -> None:
    """An agent that does not empty worked with this state before; the run after it says so before any permit, and one that deletes nothing says nothing."""
    root, plain = tmp_path / "CAM", defaults()
    root.mkdir()
    settings = replace(
        plain, store=replace(plain.store, url="http://127.0.0.1:9"), ledger=replace(plain.ledger, path=tmp_path / "ledger.db"),
        spool=replace(plain.spool, path=tmp_path / "spool", keep_free=0),
    )  # fmt: skip
    heard: list[Event] = []
    async with agent(settings, version="test") as built:
        await built.ledger.commit(lambda tx: tx.record(WipingOff()))
    for wipe in (False, True):
        emptying = replace(settings, wipe=replace(plain.wipe, enabled=wipe))
        async with agent(emptying, version="test", subscribers=(lambda event, _seq: heard.append(event),)) as built:
            await ingest(
                built, [Visit(camera=CameraId(profile="folder", serial="CAM"), root=os.fsencode(root))], wait=0.2
            )
        said = [event for event in heard if isinstance(event, WipingOff | WipingOn)]
        assert said == ([WipingOn(seconds=0)] if wipe else [])
