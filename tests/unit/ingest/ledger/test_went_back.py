"""A ledger that went back behind what its record had ended with is told at the next start, without a store; a clean one is not."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.events import AgentStopped
from ingest.ledger import Ledger, permits, views
from ingest.ledger.audit import check, opened
from ingest.ledger.kept_head import NAME, HeadKeeper, kept_head
from ingest.model import Head
from tests.unit.ingest.ledger.dock import CAMERA, dock_at


async def begun(state: Path) -> Ledger:
    return await Ledger.open(state / "ledger.db", keys=state / "keys")


async def entries(ledger: Ledger, count: int) -> None:
    for _ in range(count):
        await ledger.commit(lambda tx: tx.record(AgentStopped()))


async def said(state: Path) -> list[str]:
    """Open and close it; the chain (but of the clock)."""
    ledger = await begun(state)
    try:
        found = await ledger.read(lambda db: [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")])
        return [one for one in found if not one.startswith("clock.")]
    finally:
        await ledger.close()


def copied(state: Path, to: Path) -> Path:
    """The state as a kill would leave it now."""
    return Path(shutil.copytree(state, to))


async def killed(folder: Path, *, count: int = 3) -> Path:
    """A state with a log of `count` commits that is not played into the ledger, and a kept head."""
    ledger = await begun(folder / "used")
    await entries(ledger, count)
    copy = copied(folder / "used", folder / "killed")
    await ledger.close()
    shutil.copyfile(folder / "used" / "keys" / NAME, copy / "keys" / NAME)  # as its idle writer would have kept it
    end = kept_head(copy / "keys")
    assert end is not None
    assert end.seq >= count
    return copy


def _log_removed(state: Path) -> None:
    (state / "ledger.db-wal").unlink()


def _log_cut(state: Path) -> None:
    log = state / "ledger.db-wal"
    os.truncate(log, log.stat().st_size // 2)


def _last_frame_changed(state: Path) -> None:
    log = state / "ledger.db-wal"
    with log.open("r+b") as file:
        file.seek(-2000, os.SEEK_END)
        file.write(b"\xff\xfe\xfd")


@pytest.mark.parametrize("damage", [_log_removed, _log_cut, _last_frame_changed])
async def test_a_log_that_lost_its_end(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    state = await killed(tmp_path)
    lost = kept_head(state / "keys")
    assert lost is not None
    damage(state)
    ledger = await begun(state)
    try:
        assert ledger.rebuilt is None
        told = ledger.went_back
        assert told is not None
        assert (told.lost_seq, told.lost_head) == (lost.seq, lost.hash)
        assert told.own_seq < lost.seq
        assert await ledger.read(lambda db: views.went_back(db.execute)) is not None
    finally:
        await ledger.close()
    assert (await said(state)).count("ledger.went_back") == 1
    with opened(state / "ledger.db") as reader:
        assert check(reader).faults == ()


async def test_an_older_copy_that_was_put_back(tmp_path: Path) -> None:
    ledger = await begun(tmp_path / "used")
    await ledger.close()
    shutil.copyfile(tmp_path / "used" / "ledger.db", tmp_path / "yesterday")
    ledger = await begun(tmp_path / "used")
    await entries(ledger, 5)
    await ledger.close()
    shutil.copyfile(tmp_path / "yesterday", tmp_path / "used" / "ledger.db")
    assert (await said(tmp_path / "used")).count("ledger.went_back") == 1
    assert (await said(tmp_path / "used")).count("ledger.went_back") == 1


async def test_keys_and_ledger_put_back_together_or_a_kill_are_no_going_back(tmp_path: Path) -> None:
    ledger = await begun(tmp_path / "used")
    await entries(ledger, 40)
    killed_here = copied(tmp_path / "used", tmp_path / "killed")
    await ledger.close()
    assert "ledger.went_back" not in await said(killed_here)
    assert "ledger.went_back" not in await said(tmp_path / "used")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"seq": -1, "hash": ""}', '{"seq": true, "hash": "' + "0" * 64 + '"}']
)
async def test_a_kept_head_that_cannot_be_understood_says_nothing(tmp_path: Path, text: str) -> None:
    ledger = await begun(tmp_path)
    await ledger.close()
    (tmp_path / "keys" / NAME).write_text(text)
    assert kept_head(tmp_path / "keys") is None
    assert "ledger.went_back" not in await said(tmp_path)


async def test_one_that_is_made_anew_says_that_alone(tmp_path: Path) -> None:
    ledger = await begun(tmp_path)
    await entries(ledger, 9)
    await ledger.close()
    (tmp_path / "ledger.db").unlink()
    assert await said(tmp_path) == ["custody.opened", "ledger.rebuilt"]
    assert await said(tmp_path) == ["custody.opened", "ledger.rebuilt"]


async def test_a_permit_is_handed_out_when_the_end_of_its_record_is_kept(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        segment = await dock.attested()
        await dock.write(lambda tx: permits.issue(tx, camera=CAMERA.id, device="d", segments=[segment]))
        assert kept_head(tmp_path / "keys") == dock.ledger.head


async def test_a_permit_whose_end_cannot_be_kept_is_not_handed_out(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        segment = await dock.attested()
        (tmp_path / "keys").rename(tmp_path / "away")
        with pytest.raises(LedgerUnusable, match="cannot be written"):
            await dock.write(lambda tx: permits.issue(tx, camera=CAMERA.id, device="d", segments=[segment]))
        (tmp_path / "away").rename(tmp_path / "keys")


def test_it_is_kept_at_the_first_commit_then_every_so_many_and_soon(tmp_path: Path) -> None:
    keeper = HeadKeeper(tmp_path)
    assert keeper.patience() is None
    for seq in range(1, 34):
        keeper.committed(Head(seq=seq, hash=f"{seq:064x}"))
        assert keeper.due == (seq in (1, 33))
        assert 0 < (keeper.patience() or 0) <= 2
        if keeper.due:
            keeper.keep()
            assert json.loads((tmp_path / NAME).read_text())["seq"] == seq
            assert keeper.patience() is None


async def test_it_is_kept_when_nothing_more_comes(tmp_path: Path) -> None:
    ledger = await begun(tmp_path)
    await entries(ledger, 2)
    deadline = time.monotonic() + 10
    while kept_head(tmp_path / "keys") != ledger.head:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    await ledger.close()


# -- under a running agent -------------------------------------------------------------------------------------------------


def _deleted(path: Path) -> None:
    path.unlink()


def _replaced(path: Path) -> None:
    shutil.copyfile(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal"])
@pytest.mark.parametrize("damage", [_deleted, _replaced, _cut])
async def test_nothing_is_committed_into_a_file_that_has_lost_its_name(
    tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    ledger = await begun(tmp_path)
    try:
        await entries(ledger, 2)
        head = ledger.head
        damage(tmp_path / name)
        for _ in range(2):
            with pytest.raises(LedgerDamaged):
                await entries(ledger, 1)
        assert ledger.head == head
        assert isinstance(await ledger.damage(), LedgerDamaged)
    finally:
        await ledger.close()
    assert kept_head(tmp_path / "keys") == head


async def test_one_that_was_replaced_while_it_was_used_keeps_its_own_log(tmp_path: Path) -> None:
    """Closing the old one must not take away the log of the one that was put in its place; and what is gone is told."""
    ledger = await begun(tmp_path / "used")
    await entries(ledger, 2)
    yesterday = copied(tmp_path / "used", tmp_path / "yesterday")
    await entries(ledger, 2)
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / "used" / f"ledger.db{suffix}").unlink()
    for suffix in ("", "-wal"):
        shutil.copyfile(yesterday / f"ledger.db{suffix}", tmp_path / "used" / f"ledger.db{suffix}")
    with pytest.raises(LedgerDamaged, match="replaced"):
        await entries(ledger, 1)
    log = (tmp_path / "used" / "ledger.db-wal").read_bytes()
    await ledger.close()
    assert (tmp_path / "used" / "ledger.db-wal").read_bytes() == log == (yesterday / "ledger.db-wal").read_bytes()
    assert (await said(tmp_path / "used")).count("ledger.went_back") == 1
