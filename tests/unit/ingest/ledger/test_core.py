"""One writer: each caller's part stands or falls alone, callers hear after the disk, readers of events in order."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ingest.errors import LedgerUnusable
from ingest.events import AgentStarted, AgentStopped, Event, SpoolGoesOn
from ingest.ledger import Ledger, custody
from ingest.ledger.core import Transaction
from ingest.ledger.database import open_reader


def _execute(tx: Transaction, statement: str) -> int:
    return int(tx.execute(statement).rowcount)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    yield ledger
    await ledger.close()


def note(tx: Transaction, version: str) -> int:
    return tx.record(AgentStarted(version=version))


async def test_parts_that_run_together_stand_or_fall_alone(ledger: Ledger) -> None:
    def bad(tx: Transaction) -> None:
        note(tx, "never")
        raise RuntimeError("its own fault")

    parts = [ledger.commit(bad) if n % 3 == 0 else ledger.commit(partial(note, version=str(n))) for n in range(30)]
    results = await asyncio.gather(*parts, return_exceptions=True)
    assert [isinstance(result, RuntimeError) for result in results] == [n % 3 == 0 for n in range(30)]
    assert sorted(r for r in results if isinstance(r, int)) == list(range(3, 23)), "no sequence number is missing"
    reader = open_reader(ledger.path)
    assert custody.verify(reader).faults == ()
    assert reader.execute("SELECT count(*) FROM custody WHERE body LIKE '%never%'").fetchone() == (0,)
    reader.close()


async def test_what_was_told_is_on_the_disk(ledger: Ledger) -> None:
    seq = await ledger.commit(lambda tx: note(tx, "1"))
    other = sqlite3.connect(ledger.path)
    assert other.execute("SELECT max(seq) FROM custody").fetchone() == (seq,)
    assert other.execute("SELECT seq FROM head").fetchone() == (seq,)
    other.close()


async def test_a_caller_that_is_cancelled_tears_nothing(ledger: Ledger) -> None:
    before = ledger.head.seq
    task = asyncio.create_task(ledger.commit(lambda tx: note(tx, "1")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ledger.commit(lambda tx: note(tx, "2")) == before + 2


async def test_what_fails_for_a_caller_that_was_cancelled_is_no_unheard_failure(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(_tx: Transaction) -> None:
        raise LedgerUnusable("the disk gives errors")

    task = asyncio.create_task(ledger.commit(bad))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    await ledger.commit(lambda tx: note(tx, "1"))
    gc.collect()
    assert [record.getMessage() for record in caplog.records] == []


async def test_subscribers_hear_in_order_and_a_bad_one_harms_nobody(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[str, int]] = []

    def bad(_event: Event, _seq: int) -> None:
        raise RuntimeError("deaf")

    ledger.subscribe(bad)
    ledger.subscribe(lambda event, seq: heard.append((event.action, seq)))
    first = await ledger.commit(lambda tx: note(tx, "1"))
    ledger.publish(SpoolGoesOn(free_bytes=1))
    await ledger.commit(lambda tx: tx.record(AgentStopped()))
    assert heard == [("agent.started", first), ("spool.room", 0), ("agent.stopped", first + 1)]
    assert "a reader of events failed" in caplog.text


async def test_what_belongs_into_custody_is_not_only_published(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="belongs into custody"):
        ledger.publish(AgentStopped())


async def test_custody_can_only_be_appended_to(ledger: Ledger) -> None:
    await ledger.commit(lambda tx: note(tx, "1"))
    for statement in ("UPDATE custody SET at = ''", "DELETE FROM custody"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            await ledger.commit(partial(_execute, statement=statement))
    with pytest.raises(LedgerUnusable):
        await ledger.read(lambda db: db.execute("DELETE FROM segments"))


async def test_after_the_end_there_is_no_commit(ledger: Ledger) -> None:
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerUnusable, match="is closed"):
        await ledger.commit(lambda tx: note(tx, "1"))


async def test_the_head_is_found_again(tmp_path: Path, ledger: Ledger) -> None:
    await ledger.commit(lambda tx: note(tx, "1"))
    head = ledger.head
    await ledger.close()
    again = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    assert (again.head, again.key.thumbprint) == (head, ledger.key.thumbprint)
    await again.close()


async def test_a_new_key_opens_a_new_chain_in_sight(tmp_path: Path, ledger: Ledger) -> None:
    await ledger.close()
    (tmp_path / "keys" / "dock.key").unlink()
    again = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    rows = await again.read(lambda db: db.execute("SELECT action FROM custody ORDER BY seq").fetchall())
    await again.close()
    assert [row[0] for row in rows] == ["custody.opened", "clock.trust", "custody.opened"]
