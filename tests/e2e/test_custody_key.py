"""The dock's key under a person's hand, and what is known from outside, at the command line."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from dockd.app import agent
from tests.e2e.test_custody import settings_for, told
from tests.unit.ingest.ledger.day import a_day


def first_receipt(state: Path) -> str:
    with closing(sqlite3.connect(state / "ledger.db")) as reader:
        return str(reader.execute("SELECT raw FROM receipts ORDER BY id LIMIT 1").fetchone()[0])


async def test_a_receipt_is_a_head_that_is_known_from_outside(tmp_path: Path) -> None:
    state = tmp_path
    await a_day(state)
    receipt = first_receipt(state)
    (tmp_path / "receipt.jwt").write_text(receipt + "\n")
    for head in (receipt, str(tmp_path / "receipt.jwt")):
        done = told("verify", "--head", head, "--state", state)
        assert (done.exit_code, "the given head is in it" in done.stdout) == (0, True)
    done = told("verify", "--head", f"{receipt[:-4]}AAAA", "--state", state)
    assert done.exit_code == 1
    assert "fault: the given receipt is not to be believed: the store's signature does not hold" in done.stdout
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as writer:
        writer.execute("DELETE FROM store_keys")
    done = told("verify", "--head", receipt, "--state", state)
    assert done.exit_code == 0
    assert "note: the given receipt is signed with a key that this ledger does not keep" in done.stdout
    assert "receipts were not checked by their signature" in done.stdout


async def test_nothing_is_rotated_under_a_running_agent_or_without_a_ledger(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = await asyncio.to_thread(told, "rotate-key", "--state", state)
    assert (done.exit_code, state.exists()) == (3, False)
    assert "there is no ledger at" in done.stderr
    async with agent(settings_for(state, "http://127.0.0.1:9"), version="test") as built:
        before = built.ledger.key.thumbprint
        done = await asyncio.to_thread(told, "rotate-key", "--state", state)
        assert (done.exit_code, done.stdout) == (3, "")
        assert "another dockd (process" in done.stderr
    assert before in (await asyncio.to_thread(told, "rotate-key", "--state", state)).stdout


async def test_a_next_key_that_cannot_be_read(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with agent(settings_for(state, "http://127.0.0.1:9"), version="test"):
        pass
    (state / "keys" / "dock.key.next").mkdir()
    done = await asyncio.to_thread(told, "rotate-key", "--state", state)
    assert done.exit_code == 3
    assert "cannot be read or written" in done.stderr


async def test_no_key_is_rotated_on_a_damaged_ledger(tmp_path: Path) -> None:
    """It would be put aside and made anew on the way, without a word to whoever only wanted another key."""
    state = tmp_path / "state"
    async with agent(settings_for(state, "http://127.0.0.1:9"), version="test") as built:
        before = built.ledger.key.thumbprint
    os.truncate(state / "ledger.db", 4096 * 5)
    done = await asyncio.to_thread(told, "rotate-key", "--state", state)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "the key was not changed" in done.stderr
    assert "Start dockd" in done.stderr
    assert not [path.name for path in state.iterdir() if "damaged-" in path.name or "rebuilding" in path.name]
    assert (state / "ledger.db").stat().st_size == 4096 * 5
    async with agent(settings_for(state, "http://127.0.0.1:9"), version="test") as built:
        assert built.ledger.rebuilt is not None
        assert built.ledger.key.thumbprint == before
    assert before in (await asyncio.to_thread(told, "rotate-key", "--state", state)).stdout
