"""A ledger that is damaged or gone: put aside whole, made anew, told in the new chain, wherever a kill comes between. And which store is pinned outlives it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.ledger import Ledger, rebuild, stores
from ingest.ledger.database import is_whole, open_writer, unusable
from ingest.ledger.keys import KeyFolder
from ingest.ledger.pin_file import NAME, UNREADABLE, kept
from tests.unit.ingest.ledger.dock import STORE, dock_at


async def opened(state: Path, *, lived: bool = False) -> list[str]:
    """Open it as a start does; what the chain says then (but of the clock)."""
    ledger = await Ledger.open(state / "ledger.db", keys=state / "keys", lived=lived)
    try:
        said = await ledger.read(lambda db: [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")])
        return [action for action in said if not action.startswith("clock.")]
    finally:
        await ledger.close()


def asides(state: Path) -> list[str]:
    return sorted(name for name in os.listdir(state) if ".damaged-" in name and name[-4:] not in ("-wal", "-shm"))


REBUILT = ["custody.opened", "ledger.rebuilt"]


async def test_a_new_dock_is_not_a_rebuilt_one(tmp_path: Path) -> None:
    assert await opened(tmp_path) == ["custody.opened"]
    assert await opened(tmp_path) == ["custody.opened"]


async def test_gone_where_a_dock_has_lived(tmp_path: Path) -> None:
    await opened(tmp_path)
    (tmp_path / "ledger.db").unlink()
    assert await opened(tmp_path) == REBUILT
    assert await opened(tmp_path) == REBUILT


async def test_gone_with_all_that_is_beside_it_but_the_spool(tmp_path: Path) -> None:
    assert await opened(tmp_path, lived=True) == REBUILT


def _after_the_note(path: Path) -> None:
    """Stopped before anything was moved."""
    rebuild._write_note(path, rebuild.Rebuilt(reason="x", aside="ledger.db.damaged-20260101T000000Z-00000000"))


def _after_the_move(path: Path) -> None:
    _after_the_note(path)
    path.rename(path.with_name("ledger.db.damaged-20260101T000000Z-00000000"))


def _after_the_new_one(path: Path) -> None:
    _after_the_move(path)
    open_writer(path).close()


@pytest.mark.parametrize("stopped", [_after_the_note, _after_the_move, _after_the_new_one])
async def test_stopped_on_the_way_the_next_start_says_so(tmp_path: Path, stopped: Callable[[Path], None]) -> None:
    await opened(tmp_path)
    path = tmp_path / "ledger.db"
    os.truncate(path, 5000)
    stopped(path)
    assert await opened(tmp_path) == REBUILT
    assert len(asides(tmp_path)) == 1
    assert (tmp_path / asides(tmp_path)[0]).stat().st_size == 5000
    assert not (tmp_path / "ledger.db.rebuilding").exists()


async def test_stopped_before_anything_was_done_and_put_back_by_somebody(tmp_path: Path) -> None:
    await opened(tmp_path)
    _after_the_note(tmp_path / "ledger.db")
    assert await opened(tmp_path) == ["custody.opened"]
    assert asides(tmp_path) == []


async def test_stopped_when_a_gone_one_was_noted(tmp_path: Path) -> None:
    await opened(tmp_path)
    (tmp_path / "ledger.db").unlink()
    rebuild._gone(tmp_path / "ledger.db")
    assert await opened(tmp_path) == REBUILT


async def test_said_to_be_damaged_while_it_was_used(tmp_path: Path) -> None:
    """The first time it is looked at whole, and believed if it is; said again, it is put aside."""
    await opened(tmp_path)
    rebuild.suspect(tmp_path / "ledger.db", "malformed")
    assert is_whole(tmp_path / "ledger.db")
    assert await opened(tmp_path) == ["custody.opened"]
    rebuild.suspect(tmp_path / "ledger.db", "malformed")
    assert await opened(tmp_path) == REBUILT
    rebuild.suspect(tmp_path / "ledger.db", "malformed")
    assert await opened(tmp_path) == REBUILT
    assert len(asides(tmp_path)) == 1


async def test_a_false_alarm_long_ago_is_no_pattern(tmp_path: Path) -> None:
    await opened(tmp_path)
    rebuild.suspect(tmp_path / "ledger.db", "malformed")
    assert await opened(tmp_path) == ["custody.opened"]
    two_days_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / "ledger.db.suspected-once", (two_days_ago, two_days_ago))
    rebuild.suspect(tmp_path / "ledger.db", "malformed")
    assert await opened(tmp_path) == ["custody.opened"]
    assert asides(tmp_path) == []


async def test_another_docks_ledger_is_put_aside(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        await opened(tmp_path / name)
    (tmp_path / "other" / "ledger.db").replace(tmp_path / "mine" / "ledger.db")
    assert await opened(tmp_path / "mine") == REBUILT
    assert len(asides(tmp_path / "mine")) == 1


async def test_a_record_that_does_not_end_with_its_head(tmp_path: Path) -> None:
    await opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        db.execute("UPDATE head SET seq = 7")
        db.commit()
    assert await opened(tmp_path) == REBUILT


@pytest.mark.parametrize(
    ("code", "is_damage"),
    [
        (sqlite3.SQLITE_CORRUPT, True), (sqlite3.SQLITE_CORRUPT_INDEX, True), (sqlite3.SQLITE_NOTADB, True), (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_IOERR_READ, False), (sqlite3.SQLITE_FULL, False), (sqlite3.SQLITE_READONLY, False), (sqlite3.SQLITE_CANTOPEN, False),
        (sqlite3.SQLITE_NOMEM, False),
    ],
)  # fmt: skip
def test_what_is_the_files_fault_and_what_the_moments(code: int, is_damage: bool) -> None:
    error = sqlite3.DatabaseError("x")
    error.sqlite_errorcode = code
    assert isinstance(unusable(error, Path("ledger.db")), LedgerDamaged) == is_damage


async def test_a_fourth_within_the_hour_is_refused(tmp_path: Path) -> None:
    await opened(tmp_path)
    path, keys = tmp_path / "ledger.db", KeyFolder(tmp_path / "keys")
    for _ in range(3):
        os.truncate(path, 5000)
        rebuild.open_or_rebuild(path, keys=keys, lived=True, now=1e9)[0].close()
        rebuild.rebuild_over(path)
    os.truncate(path, 5000)
    with pytest.raises(LedgerUnusable, match="for the 4th time within an hour"):
        rebuild.open_or_rebuild(path, keys=keys, lived=True, now=1e9 + 3000)
    rebuild.open_or_rebuild(path, keys=keys, lived=True, now=1e9 + 4000)[0].close()


# -- the pin ---------------------------------------------------------------------------------------------------------------


async def test_the_pin_and_what_it_was_caught_at_outlive_the_ledger(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.write(lambda tx: stores.caught(tx, STORE.id, error="it lied"))
    (tmp_path / "ledger.db").unlink()
    async with dock_at(tmp_path, pinned=False) as dock:
        assert await dock.ledger.read(lambda db: stores.pinned(db.execute)) is None
        await dock.write(lambda tx: stores.agree(tx, kept(tmp_path / "keys")))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
    assert found is not None
    assert (found.id, found.keys, found.dishonest, found.honest_at) == (STORE.id, STORE.keys, "it lied", None)


async def test_a_persons_pin_that_is_newer_than_a_ledger_that_was_put_back(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        newer = kept(tmp_path / "keys")
        assert newer is not None
        await dock.write(lambda tx: tx.execute("UPDATE stores SET id = 'older'").rowcount)
        await dock.write(lambda tx: stores.agree(tx, newer))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
        assert found is not None
        assert found.id == STORE.id
        head = dock.ledger.head
        await dock.write(lambda tx: stores.agree(tx, kept(tmp_path / "keys")))
        assert dock.ledger.head == head


@pytest.mark.parametrize("text", ["", "{", "[]", '{"dockd_pin": 1}', '{"dockd_pin": 1, "id": "", "method": "receipt"}'])
async def test_a_pin_that_cannot_be_understood_pins_nothing_that_could_answer(tmp_path: Path, text: str) -> None:
    async with dock_at(tmp_path, pinned=False) as dock:
        (tmp_path / "keys" / NAME).write_text(text)
        damaged = kept(tmp_path / "keys")
        await dock.write(lambda tx: stores.agree(tx, damaged))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
        assert found is not None
        assert found.id == UNREADABLE


async def test_a_damaged_pin_beside_a_ledger_needs_a_person(tmp_path: Path) -> None:
    """The ledger may be older than what the file said: that the store was caught, or another one pinned."""
    async with dock_at(tmp_path) as dock:
        (tmp_path / "keys" / NAME).write_text("{")
        await dock.write(lambda tx: stores.agree(tx, kept(tmp_path / "keys")))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
        assert found is not None
        assert found.id == UNREADABLE
        assert "dockd store pin" in found.id
        await dock.write(lambda tx: stores.pin(tx, STORE))
    mended = kept(tmp_path / "keys")
    assert mended is not None
    assert mended.id == STORE.id


async def test_a_store_that_was_caught_stays_so_when_the_keys_are_put_back(tmp_path: Path) -> None:
    """The file beside them is the older one then, and the ledger knows better."""
    async with dock_at(tmp_path) as dock:
        backup = (tmp_path / "keys" / NAME).read_text()
        await dock.write(lambda tx: stores.caught(tx, STORE.id, error="it lied"))
        (tmp_path / "keys" / NAME).write_text(backup)
        await dock.write(lambda tx: stores.agree(tx, kept(tmp_path / "keys")))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
        assert found is not None
        assert found.dishonest == "it lied"
        assert (await dock.actions()).count("store.pinned") == 1
        again = kept(tmp_path / "keys")
        assert again is not None
        assert again.dishonest == "it lied"


async def test_a_store_that_the_file_calls_caught_is_caught_in_an_older_ledger(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        (tmp_path / "keys" / NAME).write_text(
            (tmp_path / "keys" / NAME).read_text().replace('"dishonest": null', '"dishonest": "it lied"')
        )
        await dock.write(lambda tx: stores.agree(tx, kept(tmp_path / "keys")))
        found = await dock.ledger.read(lambda db: stores.pinned(db.execute))
    assert found is not None
    assert (found.dishonest, found.honest_at) == ("it lied", None)


async def test_a_pin_that_cannot_be_kept_is_not_committed(tmp_path: Path) -> None:
    async with dock_at(tmp_path, pinned=False) as dock:
        (tmp_path / "keys").rename(tmp_path / "away")
        with pytest.raises(LedgerUnusable, match="cannot be written"):
            await dock.write(lambda tx: stores.pin(tx, STORE))
        (tmp_path / "away").rename(tmp_path / "keys")
        assert await dock.ledger.read(lambda db: stores.pinned(db.execute)) is None
