"""A log that SQLite would pass over without a word, told from one that a power cut has left: against logs that SQLite wrote."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import AgentStopped
from ingest.ledger import Ledger
from ingest.ledger.write_ahead_log import fault

PAGE = 512
FRAME = 24 + PAGE


LOGS: dict[str, tuple[bytes, list[int]]] = {}


@pytest.fixture(scope="module", autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    LOGS["fresh"] = _written(tmp_path_factory.mktemp("fresh"), restarted=False)
    LOGS["over an older one"] = _written(tmp_path_factory.mktemp("older"), restarted=True)


def _written(folder: Path, *, restarted: bool) -> tuple[bytes, list[int]]:
    """Five transactions in one log. Where they end is what the commits in their frames say."""
    path = folder / "x.db"
    chance = random.Random(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (v BLOB)")
        if restarted:
            db.execute("INSERT INTO t VALUES (?)", (chance.randbytes(40_000),))
            db.execute("PRAGMA wal_checkpoint(RESTART)")
        for size in (100, 3000, 700, 20, 2500):
            db.execute("INSERT INTO t VALUES (?)", (chance.randbytes(size),))
        raw = Path(f"{path}-wal").read_bytes()
    salts = raw[16:24]
    starts = range(32, len(raw) - FRAME + 1, FRAME)
    mine = [at for at in starts if raw[at + 8 : at + 16] == salts]
    return raw, [at + FRAME for at in mine if raw[at + 4 : at + 8] != bytes(4)][-5:]


def said(raw: bytes, folder: Path) -> str | None:
    path = folder / "log"
    path.write_bytes(raw)
    return fault(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


KINDS = st.sampled_from(["fresh", "over an older one"])


@pytest.mark.parametrize("kind", ["fresh", "over an older one"])
def test_as_sqlite_wrote_it(kind: str, folder: Path) -> None:
    raw, ends = LOGS[kind]
    assert len(ends) == 5
    assert (ends[-1] < len(raw)) == (kind == "over an older one")
    assert said(raw, folder) is None


def test_none_or_nothing_in_it(folder: Path) -> None:
    assert fault(folder / "none") is None
    assert said(b"", folder) is None
    assert said(bytes(5000), folder) is None


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log-wal")
    with pytest.raises(OSError, match="is no file"):
        fault(tmp_path / "log-wal")


@given(KINDS, st.data())
@settings(max_examples=60)
def test_one_that_ends_early_is_no_damage(folder: Path, kind: str, data: st.DataObject) -> None:
    raw, _ = LOGS[kind]
    assert said(raw[: data.draw(st.integers(0, len(raw)))], folder) is None


@given(KINDS, st.data())
@settings(max_examples=60)
def test_a_torn_last_transaction_is_no_damage(folder: Path, kind: str, data: st.DataObject) -> None:
    """Any of its sectors may have come to the disk, in any order, and none of them."""
    raw, ends = LOGS[kind]
    torn, there = bytearray(raw), True
    for at in range(ends[-2], ends[-1]):
        if at % 512 == 0 or at == ends[-2]:
            there = data.draw(st.booleans())
        if not there:
            torn[at] = 0
    assert said(bytes(torn), folder) is None


@given(KINDS, st.data(), st.integers(1, 255))
@settings(max_examples=150)
def test_a_byte_changed_before_the_last_two_transactions_is_damage(
    folder: Path, kind: str, data: st.DataObject, bits: int
) -> None:
    raw, ends = LOGS[kind]
    at = data.draw(st.integers(0, ends[-3] - 1))
    changed = bytearray(raw)
    changed[at] ^= bits
    assert said(bytes(changed), folder) is not None


def test_a_beginning_of_zeros_before_what_was_written(folder: Path) -> None:
    raw, _ = LOGS["fresh"]
    assert said(bytes(32) + raw[32:], folder) is not None


@given(st.binary(max_size=2000))
@settings(max_examples=60)
def test_whatever_it_holds_is_no_error(folder: Path, raw: bytes) -> None:
    said(raw, folder)
    said(LOGS["fresh"][0][:32] + raw, folder)


@pytest.mark.parametrize("at", [26, 300])
async def test_a_ledger_with_a_changed_log_is_put_aside(tmp_path: Path, at: int) -> None:
    """One byte in the checksum of its header, or in its first frame: SQLite would open it, and have forgotten all that the log holds."""
    ledger = await Ledger.open(tmp_path / "used" / "ledger.db", keys=tmp_path / "used" / "keys")
    for _ in range(5):
        await ledger.commit(lambda tx: tx.record(AgentStopped()))
    shutil.copytree(tmp_path / "used", tmp_path / "killed")
    await ledger.close()
    path = tmp_path / "killed" / "ledger.db"
    with open(f"{path}-wal", "r+b") as file:
        byte = os.pread(file.fileno(), 1, at)
        os.pwrite(file.fileno(), bytes([byte[0] ^ 255]), at)
    again = await Ledger.open(path, keys=tmp_path / "killed" / "keys")
    try:
        assert again.rebuilt is not None
        assert "write-ahead log" in again.rebuilt.reason
    finally:
        await again.close()
