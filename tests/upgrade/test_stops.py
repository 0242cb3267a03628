"""The power goes before each call that changes the disk: of a backup, a restore, a way back, an end and an upgrade. Run again, each comes to its end."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.ledger import schema
from ingest.ledger.upgrading import kept_copies
from tests.recovery.every_stop import Kind, made_in, needs_stopper, under_stopper
from tests.upgrade.states import Lived, dockd, everything, lived

CALLS = ("rename", "fsync", "link", "unlink")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    needs_stopper()
    found = lived(tmp_path_factory.mktemp("lived"))
    found.store.kill()
    return found


@dataclass(frozen=True, kw_only=True)
class Act:
    """`begin(folder, made)` lays out what it needs and gives its words; `cut(folder)` says what may never be, wherever it was cut; `over(folder)` what is so at its end."""

    begin: Callable[[Path, Lived], tuple[str | Path, ...]]
    cut: Callable[[Path], None]
    over: Callable[[Path], None]
    code: int = 0


def older(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP INDEX permits_open")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")


def tables(path: Path) -> frozenset[str]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert db.execute("SELECT seq, hash FROM head").fetchone() == db.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()  # fmt: skip
        return schema.applied(db)


def begin_backup(folder: Path, made: Lived) -> tuple[str | Path, ...]:
    return ("backup", "--to", folder / "kept", "--with-keys", "--with-spool", "--state", made.waiting)


def whole_or_not_there(folder: Path) -> None:
    if (folder / "kept").exists():
        assert dockd("backup", "verify", folder / "kept").code == 0
    for part in folder.glob("kept.part-*"):
        shutil.rmtree(part)


def kept(folder: Path) -> None:
    assert dockd("backup", "verify", folder / "kept").code == 0


def begin_restore(folder: Path, made: Lived) -> tuple[str | Path, ...]:
    assert dockd("backup", "--to", folder / "kept", "--with-keys", "--with-spool", "--state", made.waiting).code == 0
    return ("restore", "--from", folder / "kept", "--state", folder / "state")


def no_agent_on_half_of_it(folder: Path) -> None:
    state = folder / "state"
    if (state / "ledger.db").exists():
        assert (state / "keys" / "store.unconfirmed").exists()
    if state.exists() and (state / "keys").exists() and not (state / "ledger.db").exists():
        assert (state / "restore.unfinished").exists()
        camera, far = folder / "camera", folder / "far"
        for one in (camera, far):
            one.mkdir(exist_ok=True)
        done = dockd("ingest", camera, "--store", far, "--state", state)
        assert done.code == 3
        assert "was not finished" in done.err


def put_back(folder: Path) -> None:
    state = folder / "state"
    assert not (state / "restore.unfinished").exists()
    for top in ("keys", "spool"):
        found = everything(state / top)
        assert (found.pop("store.unconfirmed", None) is None) is (top == "spool")
        assert found == everything(folder / "kept" / top)
    assert (state / "ledger.db").read_bytes() == (folder / "kept" / "ledger.db").read_bytes()


def begin_rollback(folder: Path, made: Lived) -> tuple[str | Path, ...]:
    state = folder / "state"
    shutil.copytree(made.delivered, state)
    older(state / "ledger.db")
    assert dockd("custody", "rotate-key", "--state", state).code == 0  # opens it, and brings it up
    assert kept_copies(state / "ledger.db")
    return ("rollback", "--yes", "--state", state)


def one_of_the_two(folder: Path) -> None:
    assert schema.pending(tables(folder / "state" / "ledger.db")) in ([], ["0016_late"])


def went_back(folder: Path) -> None:
    assert schema.pending(tables(folder / "state" / "ledger.db")) == ["0016_late"]
    assert any(not schema.pending(tables(newer)) for newer in (folder / "state").glob("ledger.db.newer-*"))


def begin_end(folder: Path, made: Lived) -> tuple[str | Path, ...]:
    shutil.copytree(made.delivered, folder / "state")
    return ("decommission", "--out", folder / "out", "--yes", "--state", folder / "state")


def keys_or_the_record(folder: Path) -> None:
    """No key is gone before the record was handed over and the dock is known to be no more."""
    if not (folder / "state" / "keys" / "dock.key").exists():
        (record,) = (folder / "out").glob("dockd-custody-*.jsonl")
        assert record.stat().st_size
        assert (folder / "state" / "decommissioned.json").exists()


def given_up(folder: Path) -> None:
    keys_or_the_record(folder)
    assert not (folder / "state" / "keys" / "dock.key").exists()


def begin_upgrade(folder: Path, made: Lived) -> tuple[str | Path, ...]:
    shutil.copytree(made.delivered, folder / "state")
    older(folder / "state" / "ledger.db")
    return ("custody", "rotate-key", "--state", folder / "state")


def brought_up(folder: Path) -> None:
    ledger = folder / "state" / "ledger.db"
    assert not schema.pending(tables(ledger))
    assert [schema.pending(tables(copy)) for copy in kept_copies(ledger)] == [["0016_late"]]
    assert not list(ledger.parent.glob("ledger.db.damaged-*"))


ACTS = {
    "backup": Act(begin=begin_backup, cut=whole_or_not_there, over=kept),
    "restore": Act(begin=begin_restore, cut=no_agent_on_half_of_it, over=put_back),
    "rollback": Act(begin=begin_rollback, cut=one_of_the_two, over=went_back),
    "decommission": Act(begin=begin_end, cut=keys_or_the_record, over=given_up),
    "upgrade": Act(begin=begin_upgrade, cut=one_of_the_two, over=brought_up),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(ACTS))
def test_cut_before_each_call(tmp_path: Path, made: Lived, name: str) -> None:
    act = ACTS[name]
    uncut = tmp_path / "uncut"
    uncut.mkdir()
    done = dockd(*act.begin(uncut, made), prefix=under_stopper(uncut / "log"))
    assert done.code == 0, done.said
    act.over(uncut)
    calls = {call: count for (role, call), count in made_in(uncut / "log").items() if role == "agent" and call in CALLS}
    assert calls
    for call, count in calls.items():
        for number in range(1, count + 1):
            folder = tmp_path / f"{call}-{number}"
            folder.mkdir()
            words = act.begin(folder, made)
            done = dockd(*words, prefix=under_stopper(folder / "log", at=(Kind(role="agent", call=call), number)))
            assert done.code != 0, f"it was not cut before {call} {number}: {done.said}"
            act.cut(folder)
            state = folder / "state"
            restored = (state / "ledger.db").exists() and not (state / "restore.unfinished").exists()
            if not {"backup": (folder / "kept").exists(), "restore": restored}.get(name):  # else it was whole already
                again = dockd(*words)
                assert again.code == 0, f"cut before {call} {number}: {again.said}"
            act.over(folder)
            shutil.rmtree(folder)
