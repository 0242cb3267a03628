"""An older ledger becomes this version's in one step, and stays as it was beside it; whatever is in the way, it is one of the two."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ingest.errors import LedgerUnusable
from ingest.ledger import Ledger, schema
from ingest.ledger.database import open_reader, open_writer
from ingest.ledger.upgrading import Upgraded, kept_copies, upgrade

FIRST = "0001_spine"


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger as the first migration alone makes it."""
    path = tmp_path / "ledger.db"
    script = dict(schema.MIGRATIONS)[FIRST]
    with writing(path) as connection:
        connection.executescript(script)
        connection.execute(
            "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
        )
        connection.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('dockd', ?)", (FIRST,))
        connection.execute("INSERT INTO dock_keys VALUES ('a-key-of-then', 'x', 'y')")
    path.chmod(0o600)
    return path


def tables(path: Path) -> frozenset[str]:
    with closing(sqlite3.connect(path)) as connection:
        return schema.applied(connection)


def test_it_is_brought_up_and_kept_as_it_was(old: Path) -> None:
    found: list[Upgraded] = []
    open_writer(old, upgraded=found.append).close()
    (copy,) = kept_copies(old)
    assert found == [Upgraded(before=FIRST, after=max(schema.known()), kept=copy.name)]
    assert tables(old) == schema.known()
    assert tables(copy) == {FIRST}
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT thumbprint FROM dock_keys").fetchall() == [("a-key-of-then",)]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not list(old.parent.glob("*.part*"))
    again: list[Upgraded] = []
    open_writer(old, upgraded=again.append).close()
    assert again == []
    assert len(kept_copies(old)) == 1


def test_what_fails_half_way_leaves_the_older_one(old: Path) -> None:
    """One of the later migrations cannot be done: none of them was."""
    with writing(old) as connection:
        connection.execute("CREATE TABLE places (x)")
        with pytest.raises(sqlite3.OperationalError, match="places"):
            upgrade(connection, old)
    assert tables(old) == {FIRST}
    with closing(sqlite3.connect(old)) as connection:
        assert "kind" not in {row[1] for row in connection.execute("PRAGMA table_info(segments)")}


def test_a_start_that_is_tried_again_makes_no_second_copy(old: Path) -> None:
    with writing(old) as connection:
        connection.execute("CREATE TABLE places (x)")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                upgrade(connection, old)
        connection.execute("DROP TABLE places")
        (old.parent / f"{old.name}.before-0002_cameras-0-new.ab.part").write_bytes(b"of a start that was killed")
        assert upgrade(connection, old) is not None
    assert len(list(old.parent.glob(f"{old.name}.before-*"))) == 1


def test_a_folder_that_cannot_take_the_copy(old: Path) -> None:
    (old.parent / f"{old.name}.before-0002_cameras-0-new.part").mkdir()
    with pytest.raises(LedgerUnusable, match="of an older dockd and cannot be brought up .* Nothing was changed"):
        open_writer(old)
    assert tables(old) == {FIRST}


def test_the_newest_two_are_kept(old: Path) -> None:
    for number in range(3):
        (old.parent / f"{old.name}.before-0001-{number}-x").touch()
    open_writer(old).close()
    assert kept_copies(old)[0].name.startswith("ledger.db.before-0002_cameras")
    assert len(kept_copies(old)) == 2


def test_a_command_that_only_reads_says_what_to_do(old: Path) -> None:
    from ingest.ledger.database import unusable

    with closing(open_reader(old)) as reader, pytest.raises(sqlite3.OperationalError) as error:
        reader.execute("SELECT kind FROM segments")
    assert "start the agent once" in unusable(error.value, old).message


async def test_the_record_says_it(old: Path) -> None:
    ledger = await Ledger.open(old, keys=old.parent / "keys")
    rows = await ledger.read(lambda db: db.execute("SELECT action FROM custody ORDER BY seq").fetchall())
    await ledger.close()
    assert rows[:2] == [("custody.opened",), ("ledger.upgraded",)]


def test_indices_that_were_written_into_a_migration_late_are_made(tmp_path: Path) -> None:
    """Ledgers of that day lack them: they are whole, and not put aside."""
    path = tmp_path / "ledger.db"
    open_writer(path).close()
    with writing(path) as connection:
        for name in ("permits_open", "custody_events"):
            connection.execute(f"DROP INDEX {name}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")
    open_writer(path).close()
    with closing(sqlite3.connect(path)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert {"permits_open", "custody_events"} <= names


def test_a_newer_ledger_is_not_called_damaged_for_what_it_has_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_writer(path).close()
    with writing(path) as connection:
        connection.execute("DROP INDEX segments_spooled")
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('dockd', '9999', '')"
        )
    before = path.read_bytes()
    with pytest.raises(LedgerUnusable, match="written by a newer dockd .it has 9999."):
        open_writer(path)
    assert path.read_bytes() == before
