"""A new ledger is made without sqlite-utils, and is what sqlite-utils would have made."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.ledger import schema

REPOSITORY = Path(__file__).parents[4]


def _opened() -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(":memory:", isolation_level=None))


def _tables(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master ORDER BY rowid").fetchall()


def _records(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    found = connection.execute(
        "SELECT id, migration_set, name, length(applied_at), substr(applied_at, -6) FROM _sqlite_migrations"
    )
    return found.fetchall()


def test_both_ways_make_the_same() -> None:
    with _opened() as new, _opened() as upgraded:
        schema.migrate(new)
        schema.upgrade(upgraded)
        assert _tables(new) == _tables(upgraded)
        assert _records(new) == _records(upgraded)
        assert schema.applied(new) == schema.known()
        schema.migrate(new)  # nothing is left to do
        schema.upgrade(new)
        assert _records(new) == _records(upgraded)


def test_one_that_cannot_be_made_is_left_empty() -> None:
    with _opened() as connection:
        steps = 0

        def refuse() -> int:
            nonlocal steps
            steps += 1
            return steps > 20

        connection.set_progress_handler(refuse, 40)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            schema.migrate(connection)
        connection.set_progress_handler(None, 0)
        assert (_tables(connection), connection.in_transaction) == ([], False)
        schema.migrate(connection)
        assert schema.applied(connection) == schema.known()


def test_what_is_in_the_file_already_is_not_taken_for_a_new_ledger() -> None:
    with _opened() as connection:
        connection.execute("CREATE TABLE theirs (one TEXT)")
        schema.migrate(connection)
        assert schema.applied(connection) == schema.known()


def test_a_new_ledger_loads_no_sqlite_utils() -> None:
    code = "import sqlite3, sys; from ingest.ledger import schema; schema.migrate(sqlite3.connect(':memory:', isolation_level=None)); print('sqlite_utils' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout == "False\n"
