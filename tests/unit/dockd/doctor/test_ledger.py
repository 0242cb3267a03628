"""What doctor says of ledgers: real ones, whole and damaged, with an agent at work and without, and none of them is changed by it."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.doctor import ledger
from dockd.doctor.findings import Finding
from dockd.doctor.machine import Machine
from dockd.settings import Settings, defaults
from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.ledger.bounded_look import look
from ingest.ledger.database import open_writer


@pytest.fixture
def at(tmp_path: Path) -> Settings:
    """A ledger that was closed well."""
    settings = replace(defaults(), ledger=replace(defaults().ledger, path=tmp_path / "ledger.db"))
    open_writer(settings.ledger.path).close()
    return settings


def one(found: Iterable[Finding]) -> Finding:
    (finding,) = found
    return finding


def looked(settings: Settings, root: Path, *, within: float = 15.0) -> Finding:
    """What is said, with everything beside the ledger as it was."""
    folder = settings.ledger.path.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}
    found = one(ledger.whole(Machine(root=root), settings, within=within))
    assert {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")} == before
    return found


def spoil(path: Path) -> None:
    """What a failing disk does to the middle of a file: its pages are of nothing."""
    with path.open("r+b") as file:
        file.seek(os.path.getsize(path) // 2 // 4096 * 4096)
        file.write(b"\x5a" * 8192)


def test_a_whole_one_and_none(at: Settings, tmp_path: Path) -> None:
    found = looked(at, Path("/"))
    assert (found.outcome, "all of it is whole" in found.says) == ("pass", True), found
    at.ledger.path.unlink()
    assert looked(at, Path("/")).outcome == "skipped"


@pytest.mark.parametrize(
    "damage",
    [spoil, lambda path: os.truncate(path, 0), lambda path: path.write_bytes(b"x" * 9000)],
    ids=["pages", "cut", "no database"],
)
def test_a_damaged_one_fails_and_says_what_to_do(at: Settings, damage: object) -> None:
    damage(at.ledger.path)  # type: ignore[operator]
    found = looked(at, Path("/"))
    assert found.outcome == "fail", found
    assert "systemctl restart dockd" in found.do


def test_it_is_looked_at_beside_a_writer_that_is_not_held_up(at: Settings, tmp_path: Path) -> None:
    with sqlite3.connect(at.ledger.path, isolation_level=None) as writer:
        writer.execute("CREATE TABLE more (x)")
        writer.execute("BEGIN IMMEDIATE")
        assert look(at.ledger.path, written=True, within=15.0).whole
        writer.execute("INSERT INTO more VALUES (1)")
        writer.execute("COMMIT")
    writer.close()


def test_one_that_was_left_with_its_log_is_read_as_a_copy(at: Settings, tmp_path: Path) -> None:
    writer = sqlite3.connect(at.ledger.path, isolation_level=None)
    writer.execute("CREATE TABLE more (x)")
    left = tmp_path / "left"
    left.mkdir()
    for end in ("", "-wal"):
        (left / f"ledger.db{end}").write_bytes(Path(f"{at.ledger.path}{end}").read_bytes())
    writer.close()
    settings = replace(at, ledger=replace(at.ledger, path=left / "ledger.db"))
    assert looked(settings, Path("/")).outcome == "pass"
    assert sorted(os.listdir(left)) == ["ledger.db", "ledger.db-wal"]


def test_what_time_does_not_allow_is_said(at: Settings) -> None:
    with sqlite3.connect(at.ledger.path) as writer:
        writer.execute(
            "CREATE TABLE more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n"
        )
    writer.close()
    found = looked(at, Path("/"), within=0.0)
    assert (found.outcome, "not all of it was looked at" in found.says) == ("warn", True), found


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("end", ["", "-wal"])
def test_what_is_no_file_is_not_waited_for(at: Settings, end: str, written: bool) -> None:
    place = Path(f"{at.ledger.path}{end}")
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    with pytest.raises(LedgerUnusable, match="is no file") as raised:
        look(at.ledger.path, written=written, within=15.0)
    assert not isinstance(raised.value, LedgerDamaged)
    place.unlink()
    place.symlink_to("elsewhere")
    with pytest.raises(LedgerUnusable, match="is no file"):
        look(at.ledger.path, written=written, within=15.0)


def test_a_log_that_is_too_large_is_not_summed(at: Settings) -> None:
    """It is garbage, which only who reads it would say."""
    log = Path(f"{at.ledger.path}-wal")
    log.write_bytes(b"x" * 100)
    os.truncate(log, 1 << 30)
    found = one(ledger.whole(Machine(root=Path("/")), at))
    assert (found.outcome, "too large" in found.says) == ("warn", True), found


def test_copies_of_looks_that_were_killed_are_removed(at: Settings) -> None:
    left, fresh, held = (Path(tempfile.mkdtemp(prefix="dockd-doctor-")) for _ in range(3))
    holder = os.open(held, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        for folder in (left, fresh, held):
            (folder / "ledger.db").write_text("footage")
        for folder in (left, held):
            os.utime(folder, (0, 0))
        assert look(at.ledger.path, written=False, within=15.0).whole
        assert [folder.exists() for folder in (left, fresh, held)] == [False, True, True]
    finally:
        os.close(holder)
        for folder in (left, fresh, held):
            shutil.rmtree(folder, ignore_errors=True)
