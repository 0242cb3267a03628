"""What is kept of a dock can be put back, whatever was wrong with the dock; and putting it back overwrites nothing, as nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dockd.app import StateInUse, locked
from dockd.cli import cli
from dockd.keeping.making import Wish, make
from dockd.keeping.manifest import NAME, BackupUnusable, Changed, copy_from, opened, read
from dockd.keeping.restoring import restore
from dockd.state_places import RESTORING, Places
from ingest.events import AgentStarted
from ingest.ledger import Ledger
from ingest.ledger.unconfirmed import NAME as UNCONFIRMED
from ingest.ledger.unconfirmed import why_unconfirmed
from ingest.model import Digest
from ingest.spool import Description

NOBODY = 65534
SEGMENTS = tuple(f"{number:032x}" for number in (1, 2, 3))
NEW_KEY = "without the old key's signature"


def places(folder: Path) -> Places:
    return Places(ledger=folder / "ledger.db", spool=folder / "spool")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a dock with an entry more: what the tests begin with is a copy of it."""
    folder = tmp_path_factory.mktemp("once") / "state"
    asyncio.run(_live(places(folder)))
    return folder


async def _live(found: Places) -> None:
    found.spool.mkdir(parents=True)
    ledger = await Ledger.open(found.ledger, keys=found.keys)
    await ledger.commit(lambda tx: tx.record(AgentStarted(version="1")))
    await ledger.close()


@pytest.fixture
def dock(once: Path, tmp_path: Path) -> Places:
    shutil.copytree(once, tmp_path / "dock")
    return places(tmp_path / "dock")


@pytest.fixture(scope="module")
def kept(once: Path) -> Path:
    """A backup with its keys and one copy: nobody may change it."""
    folder = once.parent / "kept"
    shutil.copytree(once, once.parent / "dock")
    dock = places(once.parent / "dock")
    filled(dock, 1)
    make(dock, folder, wish=Wish(keys=True, spool=True))
    return folder


@pytest.fixture(scope="module")
def with_bob(once: Path) -> Path:
    """A backup of a dock into which somebody may come: nobody may change it."""
    shutil.copytree(once, once.parent / "bobs")
    dock = places(once.parent / "bobs")
    words = ["user", "add", "bob", "--role", "ops", "--password-file", "-", "--state", str(dock.folder)]
    done = CliRunner().invoke(cli, words, input="correct horse battery 9\n")
    assert done.exit_code == 0, done.output
    make(dock, once.parent / "kept-bobs", wish=Wish())
    return once.parent / "kept-bobs"


def filled(dock: Places, spooled: int) -> None:
    """This many copies in its spool."""
    for name in SEGMENTS[:spooled]:
        content = os.urandom(1000)
        (dock.spool / name).write_bytes(content)
        said = Description(
            segment=name, camera={"profile": "folder", "serial": "C", "card": "1"}, path=b"a.mp4", mtime_ns=1, captured_at=1.0,
            digest=Digest(size=1000, sha256=hashlib.sha256(content).hexdigest(), xxh3_128="0" * 32),
        )  # fmt: skip
        (dock.spool / f"{name}.json").write_text(said.text())


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def dockd(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def end_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT max(seq) FROM custody").fetchone()[0])


# -- a record with faults ------------------------------------------------------------------------------------------------------


async def test_a_dock_that_was_put_back_without_its_key_can_be_put_back_again(tmp_path: Path, dock: Places) -> None:
    make(dock, tmp_path / "kept", wish=Wish())
    restore(tmp_path / "kept", places(tmp_path / "second"))
    new = await Ledger.open(tmp_path / "second" / "ledger.db", keys=tmp_path / "second" / "keys")
    key = new.key.thumbprint
    await new.close()
    done = dockd("backup", "--state", tmp_path / "second", "--to", tmp_path / "again")
    assert done.exit_code == 0
    assert NEW_KEY in done.stderr
    done = dockd("backup", "verify", tmp_path / "again")
    assert done.exit_code == 1
    assert NEW_KEY in done.stdout
    assert "whole, of a record with faults" in done.stdout
    assert dockd("backup", "verify", tmp_path / "again", "--key", key).exit_code == 0
    done = dockd("restore", "--from", tmp_path / "again", "--state", tmp_path / "third")
    assert done.exit_code == 0, done.output
    assert NEW_KEY in done.stderr
    assert (tmp_path / "third" / "ledger.db").read_bytes() == (tmp_path / "again" / "ledger.db").read_bytes()


# -- footage -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["rotten", "undescribed", "odd", "unreadable"])
def test_one_bad_copy_keeps_no_other_out(tmp_path: Path, dock: Places, damage: str) -> None:
    """Neither of the backup nor of the dock that it is put back into; and it is told, by name, at each step."""
    filled(dock, 3)
    bad = dock.spool / SEGMENTS[1]
    if damage == "rotten":
        bad.write_bytes(b"x" * 1000)
    elif damage == "undescribed":
        (dock.spool / f"{bad.name}.json").unlink()
    elif damage == "odd":
        (dock.spool / f"{bad.name}.json").write_text("[")
    else:
        bad.unlink()
        bad.symlink_to("elsewhere")
    done = dockd("backup", "--state", dock.folder, "--to", tmp_path / "kept", "--with-spool")
    assert done.exit_code == 0, done.output
    assert bad.name in done.stderr
    assert [said.partition(":")[0] for said in read(tmp_path / "kept").unlike] == [bad.name]
    assert bad.name in dockd("backup", "verify", tmp_path / "kept").stdout
    done = dockd("restore", "--from", tmp_path / "kept", "--state", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert bad.name in done.stderr
    if damage == "unreadable":
        bad.unlink()
        (dock.spool / f"{bad.name}.json").unlink()
    assert everything(tmp_path / "new" / "spool") == everything(dock.spool)


def test_what_waits_and_is_not_in_it_is_counted(tmp_path: Path, dock: Places) -> None:
    filled(dock, 2)
    with closing(sqlite3.connect(dock.ledger, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        columns = {row[1]: row for row in db.execute("PRAGMA table_info(segments)")}
        for name in SEGMENTS:
            row = {one: (0 if "INT" in kind or kind == "REAL" else b"a" if kind == "BLOB" else "a") for one, kind, needed in
                   ((c[1], c[2], c[3]) for c in columns.values()) if needed}  # fmt: skip
            row |= {"id": name, "size": 7, "in_spool": 1, "in_store": 0, "path": name.encode()}
            db.execute(
                f"INSERT INTO segments ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
            )
    assert make(dock, tmp_path / "with", wish=Wish(spool=True)).left_out == (1, 7)
    assert make(dock, tmp_path / "without", wish=Wish()).left_out == (3, 21)


# -- nothing is overwritten ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed", ["ledger.db", "ledger.db-wal", "keys/dock.key", f"spool/{SEGMENTS[0]}", "keys/more"]
)
def test_a_note_that_was_left_lets_nothing_be_overwritten(tmp_path: Path, kept: Path, changed: str) -> None:
    state = tmp_path / "state"
    restore(kept, places(state))
    (state / RESTORING).write_text(f"{read(kept).head}\n")
    (state / changed).write_bytes(b"newer")
    before = everything(state)
    with pytest.raises(BackupUnusable, match=changed.replace(".", r"\.")):
        restore(kept, places(state))
    assert everything(state) | {"lock": b"", "spool.lock": b""} == before | {"lock": b"", "spool.lock": b""}


@pytest.mark.parametrize("cut", ["before the ledger", "before its note went"])
def test_one_that_was_cut_goes_on(tmp_path: Path, kept: Path, cut: str) -> None:
    made, state = read(kept), tmp_path / "state"
    restore(kept, places(state))
    (state / RESTORING).write_text(f"{made.head}\n")
    if cut == "before the ledger":
        (state / "ledger.db").rename(state / ".ledger.db.part")
    restore(kept, places(state))
    assert not (state / RESTORING).exists()
    (state / "keys" / UNCONFIRMED).unlink()
    for top in ("keys", "spool"):
        assert everything(state / top) == everything(kept / top)
    assert end_of(state / "ledger.db") == made.seq


@pytest.mark.parametrize("note", [RESTORING, f"keys/{UNCONFIRMED}", "access.db.made"])
def test_one_that_was_cut_in_a_note_goes_on(tmp_path: Path, kept: Path, note: str) -> None:
    """The power went before what was half written had its name."""
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True)
    (state / RESTORING).write_text(f"{read(kept).head}\n")
    (state / f"{note}.0123abcd.part").write_text("half")
    restore(kept, places(state))
    assert not list(state.rglob("*.part"))
    assert end_of(state / "ledger.db") == read(kept).seq


def test_who_works_in_the_spool_keeps_a_restore_out(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "state").mkdir()
    with locked(tmp_path / "state" / "spool.lock"), pytest.raises(StateInUse):
        restore(kept, places(tmp_path / "state"))
    assert not (tmp_path / "state" / "ledger.db").exists()


@pytest.mark.parametrize("empty", [True, False])
def test_a_spool_on_a_disk_of_its_own(tmp_path: Path, kept: Path, empty: bool) -> None:
    found = tmp_path / "state" / "spool" / "lost+found"
    found.mkdir(parents=True)
    if empty:
        restore(kept, places(tmp_path / "state"))
        assert found.exists()
        return
    (found / "#12").write_bytes(b"what a repair has found")
    with pytest.raises(BackupUnusable, match=r"lost\+found"):
        restore(kept, places(tmp_path / "state"))


def test_a_store_that_was_caught_since_is_not_believed_again_by_that(tmp_path: Path, once: Path, kept: Path) -> None:
    """The backup says that it was honest. Nor does a run that goes on forget that somebody has to confirm it."""
    state = tmp_path / "state"
    for _run in range(2):
        restore(kept, places(state))
        assert "caught" in why_unconfirmed(state / "keys")
        (state / RESTORING).write_text(f"{read(kept).head}\n")
        (state / "ledger.db").unlink()
    assert why_unconfirmed(once / "keys") == ""


# -- as nobody else ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that others than root may go through."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        yield Path(above)


def test_what_root_puts_back_is_the_owners_and_leads_root_nowhere(
    open_folder: Path, tmp_path: Path, dock: Places
) -> None:
    filled(dock, 1)
    (dock.keys / "passwd").write_text("of somebody who broke in")
    made = make(dock, tmp_path / "kept", wish=Wish(keys=True, spool=True))
    assert "keys/passwd" not in made.files
    roots, state = open_folder / "roots", open_folder / "state"
    roots.mkdir()
    (roots / "dock.key").write_text("root's")
    state.mkdir()
    (state / RESTORING).write_text(f"{made.head}\n")
    (state / "keys").symlink_to(roots)
    for one in (state, state / RESTORING, state / "keys"):
        os.chown(one, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(BackupUnusable, match="is a link"):
        restore(tmp_path / "kept", places(state))
    assert everything(roots) == {"dock.key": b"root's"}
    (state / "keys").unlink()
    restore(tmp_path / "kept", places(state))
    assert {path.lstat().st_uid for path in [state, *state.rglob("*")]} == {NOBODY}
    assert end_of(state / "ledger.db") == made.seq


def test_a_name_that_dockd_gives_to_no_key_is_passed_over(tmp_path: Path, dock: Places) -> None:
    make(dock, tmp_path / "kept", wish=Wish())
    (tmp_path / "kept" / "keys" / "passwd").write_bytes(b"root::0:0")
    said = json.loads((tmp_path / "kept" / NAME).read_text())
    said["files"]["keys/passwd"] = [9, hashlib.sha256(b"root::0:0").hexdigest()]
    (tmp_path / "kept" / NAME).write_text(json.dumps(said))
    done = restore(tmp_path / "kept", places(tmp_path / "state"))
    assert done.passed_over == ("keys/passwd",)
    assert not (tmp_path / "state" / "keys" / "passwd").exists()


def test_a_folder_of_keys_that_is_a_link_is_not_followed(tmp_path: Path, dock: Places) -> None:
    dock.keys.rename(tmp_path / "elsewhere")
    dock.keys.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a link is not followed"):
        make(dock, tmp_path / "kept", wish=Wish(keys=True))
    assert not (tmp_path / "kept").exists()


# -- who may come in -----------------------------------------------------------------------------------------------------------


def test_who_may_come_in_is_kept_and_put_back(tmp_path: Path, with_bob: Path) -> None:
    restore(with_bob, places(tmp_path / "state"))
    assert (tmp_path / "state" / "access.db.made").exists()
    done = dockd("user", "list", "--state", tmp_path / "state")
    assert "bob" in done.output
    assert "ops" in done.output


def test_users_that_are_not_what_was_kept_keep_a_restore_from_going_on(tmp_path: Path, with_bob: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / RESTORING).write_text(f"{read(with_bob).head}\n")
    (tmp_path / "state" / "access.db").write_bytes(b"another's")
    with pytest.raises(BackupUnusable, match=r"access\.db"):
        restore(with_bob, places(tmp_path / "state"))
    assert (tmp_path / "state" / "access.db").read_bytes() == b"another's"


def test_what_is_read_another_time_is_not_what_was_looked_at(tmp_path: Path) -> None:
    """A backup on a share may be written by others between the look at it and the copy."""
    (tmp_path / "a").write_bytes(b"changed")
    with opened(tmp_path / "a") as file, pytest.raises(Changed):
        copy_from(file, tmp_path / "b", wanted=(7, hashlib.sha256(b"as seen").hexdigest()))
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
