"""The way back puts a whole copy of this very ledger in its place, or nothing (as root: tests/upgrade/test_by_root.py)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.errors import LedgerUnusable
from ingest.events import AgentStopped
from ingest.ledger import Ledger
from ingest.ledger.upgrading import kept_copies
from ingest.ledger.way_back import roll_back, way_back


def upgraded(folder: Path) -> Path:
    """A ledger that was brought up, and has gone on since; in `folder`."""
    folder.mkdir(parents=True)
    path = folder / "ledger.db"
    asyncio.run(_live(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")  # as the version before had it
    asyncio.run(_live(path))
    return path


async def _live(path: Path) -> None:
    ledger = await Ledger.open(path, keys=path.with_name("keys"))
    await ledger.commit(lambda tx: tx.record(AgentStopped()))
    await ledger.close()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests begin with is a copy of it."""
    return upgraded(tmp_path_factory.mktemp("once") / "state")


@pytest.fixture
def ledger(once: Path, tmp_path: Path) -> Path:
    shutil.copytree(once.parent, tmp_path / "state")
    return tmp_path / "state" / once.name


def refused(ledger: Path, match: str) -> None:
    before = ledger.read_bytes()
    with pytest.raises((LedgerUnusable, OSError), match=match):
        roll_back(ledger)
    assert ledger.read_bytes() == before
    assert not list(ledger.parent.glob("*.part*"))
    assert not list(ledger.parent.glob("*.newer-*"))


def test_it_says_what_is_given_up(ledger: Path) -> None:
    found = way_back(ledger)
    assert (found.copy, found.end.seq, found.given_up) == (kept_copies(ledger)[0], 3, 2)
    assert found.at.endswith("Z")
    roll_back(ledger)
    assert ledger.read_bytes() == found.copy.read_bytes()


def test_a_copy_that_is_damaged_stays_where_it_is(ledger: Path) -> None:
    kept_copies(ledger)[0].write_bytes(b"* * * * * root id\n")
    refused(ledger, "is damaged")


def test_a_copy_that_is_another_ledger_is_refused(ledger: Path, tmp_path: Path) -> None:
    other = upgraded(tmp_path / "other")
    kept_copies(ledger)[0].write_bytes(kept_copies(other)[0].read_bytes())
    refused(ledger, "its record ends with entry 3")


def test_a_copy_with_a_name_that_this_ledger_never_had_is_refused(ledger: Path) -> None:
    kept_copies(ledger)[0].rename(ledger.with_name("ledger.db.before-0016_late-9-deadbeef"))
    refused(ledger, "is not of this ledger")


def test_the_last_one_is_so_by_its_name(ledger: Path) -> None:
    """A file's time is anybody's to set; what was copied to and fro has another one."""
    copy = kept_copies(ledger)[0]
    ledger.with_name("ledger.db.before-0015_x-1-deadbeef").write_bytes(b"older, and touched since")
    os.utime(copy, (1, 1))
    assert way_back(ledger).copy == copy


def test_a_link_is_not_followed(ledger: Path, tmp_path: Path) -> None:
    copy = kept_copies(ledger)[0]
    copy.rename(tmp_path / "somewhere")
    copy.symlink_to(tmp_path / "somewhere")
    refused(ledger, "symbolic links")
