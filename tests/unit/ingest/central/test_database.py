from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ingest.central import records
from ingest.central.database import Database
from ingest.central.records import Records
from ingest.central.refusals import Refusal, StoreUnusableError
from tests.unit.ingest.central.set_clock import SetClock

STEPS = ("CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)", "ALTER TABLE t ADD COLUMN w TEXT")


def inserted(n: int) -> Callable[[sqlite3.Connection], int]:
    def work(c: sqlite3.Connection) -> int:
        c.execute("INSERT INTO t (n, v) VALUES (?, 'x')", (n,))
        return n

    return work


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "x.db", migrations=STEPS)
    database.open()
    yield database
    database.close()


async def test_it_is_durable_and_for_the_owner_alone(database: Database, tmp_path: Path) -> None:
    def ask(c: sqlite3.Connection) -> tuple[object, ...]:
        return tuple(c.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous", "user_version"))

    assert await database.run(ask) == ("wal", 2, 2)
    assert (tmp_path / "x.db").stat().st_mode & 0o777 == 0o600


async def test_parts_of_one_transaction_fail_alone(database: Database) -> None:
    def put(n: int) -> Callable[[sqlite3.Connection], int]:
        def work(c: sqlite3.Connection) -> int:
            inserted(n)(c)
            if n % 3 == 0:
                raise ValueError(f"{n} is not wanted")
            return n

        return work

    outcomes = await asyncio.gather(*(database.run(put(n)) for n in range(1, 10)), return_exceptions=True)
    assert [o for o in outcomes if isinstance(o, int)] == [1, 2, 4, 5, 7, 8]
    assert [str(o) for o in outcomes if isinstance(o, ValueError)] == [f"{n} is not wanted" for n in (3, 6, 9)]
    kept = await database.run(lambda c: [row[0] for row in c.execute("SELECT n FROM t ORDER BY n")])
    assert kept == [1, 2, 4, 5, 7, 8]


async def test_what_runs_alone_makes_its_own_transactions(database: Database) -> None:
    def work(c: sqlite3.Connection) -> bool:
        assert not c.in_transaction
        c.execute("INSERT INTO t (n) VALUES (1)")
        return c.in_transaction

    assert await database.run_alone(work) is False

    def broken(c: sqlite3.Connection) -> None:
        c.execute("BEGIN")
        c.execute("INSERT INTO t (n) VALUES (2)")
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        await database.run_alone(broken)
    assert await database.run(lambda c: c.execute("SELECT count(*) FROM t").fetchone()[0]) == 1


async def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", migrations=STEPS)
    database.open()
    waiting = [database.run(inserted(n)) for n in range(50)]
    await asyncio.to_thread(database.close)
    assert await asyncio.gather(*waiting) == list(range(50))


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as c:
        c.execute("PRAGMA user_version=9")
    c.close()
    with pytest.raises(StoreUnusableError, match="newer version"):
        Database(path, migrations=STEPS).open()


async def test_the_access_log_only_grows(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db", migrations=records.MIGRATIONS)
    database.open()
    kept = Records(database, clock=SetClock())
    await kept.note("object.read", object="a" * 32, who="rack 1", first=0)
    with pytest.raises(sqlite3.IntegrityError, match="for good"):
        await database.run(lambda c: c.execute("DELETE FROM access_log"))
    with pytest.raises(sqlite3.IntegrityError, match="for good"):
        await database.run(lambda c: c.execute("UPDATE access_log SET who = 'nobody'"))
    (entry,) = await kept.entries()
    assert (entry.action, entry.about, entry.who, entry.detail) == ("object.read", "a" * 32, "rack 1", {"first": 0})
    database.close()


async def test_the_highest_head_of_a_dock_survives_a_restart(tmp_path: Path) -> None:
    for expected in (None, 409):
        database = Database(tmp_path / "records.db", migrations=records.MIGRATIONS)
        database.open()
        kept = Records(database, clock=SetClock())
        if expected is None:
            await kept.pin_head(dock="d\udcff", owner="one", called="rack 1", enrolled=False, seq=8, head="a" * 64)
        else:
            with pytest.raises(Refusal) as refused:
                await kept.pin_head(dock="d\udcff", owner="one", called="rack 1", enrolled=False, seq=7, head="b" * 64)
            assert (refused.value.status, refused.value.extra) == (409, {"seq": 8, "head": "a" * 64})
            await kept.pin_head(dock="other", owner="one", called="rack 1", enrolled=False, seq=0, head="b" * 64)
        database.close()


async def test_heads_of_before_owners_were_kept_hold_for_whoever_comes_with_the_name(tmp_path: Path) -> None:
    """A file of the version before: nobody's history is forgotten by the upgrade, and one that somebody put out of reach stops its dock no more."""
    path = tmp_path / "records.db"
    before = Database(path, migrations=records.MIGRATIONS[:2])
    before.open()
    rows = [
        ('"d"', 8, "a" * 64, "2026-01-01T00:00:00Z", 41),
        ('"planted"', 2**53 - 1, "b" * 64, "2026-01-01T00:00:00Z", 7),
    ]
    await before.run(
        lambda c: c.executemany("INSERT INTO docks (dock, seq, head, seen_at, receipts) VALUES (?, ?, ?, ?, ?)", rows)
    )
    await asyncio.to_thread(before.close)
    database = Database(path, migrations=records.MIGRATIONS)
    database.open()
    kept = Records(database, clock=SetClock())
    for owner, number in (("one", 42), ("two", 43)):
        for seq, head in ((7, "a" * 64), (8, "c" * 64)):
            with pytest.raises(Refusal) as refused:
                await kept.pin_head(dock="d", owner=owner, called=owner, enrolled=False, seq=seq, head=head)
            assert (refused.value.status, refused.value.extra) == (409, {"seq": 8, "head": "a" * 64})
        assert await kept.pin_head(dock="d", owner=owner, called=owner, enrolled=False, seq=8, head="a" * 64) == number
    assert await kept.pin_head(dock="planted", owner="one", called="one", enrolled=False, seq=9, head="c" * 64) == 8
    assert [(one.dock, one.called, one.seq) for one in await kept.heads()] == [
        ("d", "", 8), ("d", "one", 8), ("d", "two", 8), ("planted", "", 2**53 - 1), ("planted", "one", 9),
    ]  # fmt: skip
    await asyncio.to_thread(database.close)
