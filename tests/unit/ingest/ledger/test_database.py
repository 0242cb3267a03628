"""The ledger's file: made whole, private, and refused in plain words when it is not what it should be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.errors import LedgerUnusable
from ingest.ledger import schema
from ingest.ledger.database import open_reader, open_writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "ledger.db"
    open_writer(path).close()
    return path


def test_a_new_ledger(path: Path) -> None:
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [name for name in os.listdir(path.parent) if "part" in name] == []
    connection = open_writer(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert schema.applied(connection) == schema.known()
    connection.close()


def test_what_a_killed_start_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "ledger.db.ab12.part").write_bytes(b"half")
    (tmp_path / "ledger.db.ab12.part-journal").write_bytes(b"half")
    open_writer(tmp_path / "ledger.db").close()
    assert sorted(os.listdir(tmp_path)) == ["ledger.db"]


def test_a_log_without_its_ledger_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "ledger.db-wal").write_bytes(b"the last words of another")
    open_writer(tmp_path / "ledger.db").close()
    (aside,) = [name for name in os.listdir(tmp_path) if "aside" in name]
    assert (tmp_path / aside).read_bytes() == b"the last words of another"


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('dockd', '0999', '')"
        )
    connection.close()


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: os.truncate(path, 0), "is empty: it was cut to nothing"),
        (lambda path: os.truncate(path, 5000), "is damaged"),
        (lambda path: path.write_bytes(b"x" * 9000), "is damaged"),
        (newer, "written by a newer dockd"),
        (foreign, "no ledger of dockd"),
    ],
)
def test_refused_and_left_alone(path: Path, spoil: Callable[[Path], object], why: str) -> None:
    spoil(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(LedgerUnusable, match=why):
            open_writer(path)
    assert path.read_bytes() == before


def test_a_flipped_page_is_noticed(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:4200] = bytes(104)
    path.write_bytes(raw)
    with pytest.raises(LedgerUnusable, match="is damaged"):
        open_writer(path)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LedgerUnusable, match="cannot be opened"):
        open_writer(tmp_path / "ledger.db")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnusable, match="cannot be opened"):
        open_writer(tmp_path / "file" / "ledger.db")


def test_readers_never_write(path: Path) -> None:
    reader = open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly|read-only"):
        reader.execute("DELETE FROM segments")
    reader.close()


def test_a_reader_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="there is no ledger"):
        open_reader(tmp_path / "ledger.db")
    assert os.listdir(tmp_path) == []


def test_a_name_that_an_address_would_take_apart(tmp_path: Path) -> None:
    path = tmp_path / "100% #1?" / "ledger.db"
    open_writer(path).close()
    open_reader(path).close()
