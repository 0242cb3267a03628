"""A dock is kept elsewhere, put back, moved, rolled back, and given up; and nothing of it is lost by any of that."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.ledger import schema
from tests.oracle import Contents, stored_in
from tests.program import Dock, filled
from tests.upgrade.states import Lived, digests_of, dockd, everything, lived


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    found = lived(tmp_path_factory.mktemp("lived"))
    yield found
    found.store.kill()


def stored(made: Lived) -> set[str]:
    return {one.content[1] for one in stored_in(made.store.root, Contents())}


def actions(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        return [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")]


def test_a_backup_with_everything_is_the_dock_on_another_machine(tmp_path: Path, made: Lived) -> None:
    """What waited in its spool is delivered by the one that was put back, under the same name; its record goes on."""
    kept, state = tmp_path / "kept", tmp_path / "elsewhere" / "state"
    done = dockd("backup", "--to", kept, "--with-keys", "--with-spool", "--state", made.waiting, "--json")
    assert done.code == 0, done.said
    assert done.document["left_out"] == [0, 0]
    assert dockd("backup", "verify", kept).code == 0
    assert {path.stat().st_mode & 0o077 for path in [kept, *kept.rglob("*")]} == {0}
    done = dockd("restore", "--from", kept, "--state", state)
    assert done.code == 0, done.said
    assert "dockd store pin" in done.err
    assert dockd("restore", "--from", kept, "--state", state).code == 1
    dock, camera = Dock(state=state, url=made.store.url), filled(tmp_path / "CAM09", {"z.mp4": b"z"})
    done = dock.ingest(camera)
    assert done.code != 0, "it was emptied on the word of a store that nobody has confirmed"
    assert "dockd store pin" in done.said
    assert (camera / "z.mp4").exists()
    assert made.digests <= stored(made)
    done = dockd("store", "pin", "--store", made.store.url, "--yes", "--state", state)
    assert done.code == 0, done.said
    done = dock.ingest(camera)
    assert done.code == 0, done.said
    assert not list(camera.iterdir())
    assert "store.unconfirmed" in actions(state)
    assert dockd("custody", "verify", "--state", state).code == 0
    assert "segment.rotted" not in actions(state)


def test_a_backup_without_more_says_what_it_lacks_and_nothing_is_called_lost(tmp_path: Path, made: Lived) -> None:
    """An older one without keys and footage: the dock announces a new key, and what it had delivered since is found in the store."""
    kept, state = tmp_path / "kept", tmp_path / "state"
    shutil.copytree(made.waiting, tmp_path / "live")
    done = dockd("backup", "--to", kept, "--state", tmp_path / "live")
    assert "without the dock's private key" in done.err
    assert "1 segments, 500000 bytes" in done.err
    assert not (kept / "keys" / "dock.key").exists()
    live = Dock(state=tmp_path / "live", url=made.store.url)
    done = live.ingest(filled(tmp_path / "CAM08", {"y.mp4": b"y"}))
    assert done.code == 0, done.said
    assert dockd("restore", "--from", kept, "--state", state).code == 0
    again = Dock(state=state, url=made.store.url).ingest(filled(tmp_path / "CAM09", {"z.mp4": b"z"}))
    found = actions(state)
    assert "custody.restored" in found, again.said
    assert "segment.lost" not in found
    assert "segment.found_in_store" in found
    verified = dockd("custody", "verify", "--state", state)
    assert verified.code == 1
    assert "key" in verified.out


@pytest.mark.parametrize("damage", ["changed", "gone", "more", "cut"])
def test_a_backup_that_is_not_whole_is_told_and_not_put_back(tmp_path: Path, made: Lived, damage: str) -> None:
    kept, state = tmp_path / "kept", tmp_path / "state"
    assert dockd("backup", "--to", kept, "--with-spool", "--state", made.waiting).code == 0
    victim = next(path for path in (kept / "spool").iterdir() if path.suffix == "")
    if damage == "changed":
        victim.write_bytes(os.urandom(victim.stat().st_size))
    elif damage == "gone":
        victim.unlink()
    elif damage == "more":
        (kept / "keys" / "dock.key").write_text("another's")
    else:
        (kept / "manifest.json").unlink()
    assert dockd("backup", "verify", kept).code == 1
    assert dockd("restore", "--from", kept, "--state", state).code == 1
    assert not (state / "ledger.db").exists()


def test_a_state_that_was_copied_to_another_machine_goes_on(tmp_path: Path, made: Lived) -> None:
    """Other inodes, another device, another place: what lies in the spool is sent, and a camera that was seen before is not taken twice."""
    camera = filled(tmp_path / "CAM03", {"d.mp4": os.urandom(200_000)})
    state = tmp_path / "old"
    shutil.copytree(made.waiting, state)
    done = Dock(state=state, url=made.store.url).ingest(camera, options=())
    assert done.code == 0, done.said
    before, history = len(stored_in(made.store.root, Contents())), actions(state)
    shm = Path(os.environ.get("DOCKD_OTHER_DISK", "/dev/shm")) / f"dockd-moved-{os.getpid()}"
    try:
        shutil.copytree(state, shm)
        shutil.rmtree(state)
        done = Dock(state=shm, url=made.store.url).ingest(camera)
        assert done.code == 0, done.said
        assert len(stored_in(made.store.root, Contents())) == before
        assert not list(camera.iterdir())
        assert dockd("custody", "verify", "--state", shm).code == 0
        after = actions(shm)
        assert after[: len(history)] == history
        assert "custody.restored" not in after[len(history) :]
    finally:
        shutil.rmtree(shm, ignore_errors=True)


def test_a_dock_that_is_still_needed_is_not_given_up(tmp_path: Path, made: Lived) -> None:
    state = tmp_path / "state"
    shutil.copytree(made.waiting, state)
    before = everything(state / "keys"), everything(state / "spool")
    done = dockd("decommission", "--out", tmp_path / "out", "--yes", "--state", state)
    assert done.code == 1
    assert "1 segments are on this dock and not proven in the store" in done.out
    assert "c.mp4" in done.out
    assert (everything(state / "keys"), everything(state / "spool")) == before
    assert "dock.decommissioned" not in actions(state)


def test_what_nobody_can_explain_keeps_a_dock(tmp_path: Path, made: Lived) -> None:
    state = tmp_path / "state"
    shutil.copytree(made.delivered, state)
    (state / "spool" / ("a" * 32)).write_bytes(b"may be all there is")
    done = dockd("decommission", "--out", tmp_path / "out", "--yes", "--state", state)
    assert done.code == 1
    assert "1 files lie in" in done.out
    assert (state / "keys" / "dock.key").exists()


def test_a_dock_is_given_up(tmp_path: Path, made: Lived) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    shutil.copytree(made.delivered, state)
    assert dockd("decommission", "--out", out, "--state", state).code == 1
    done = dockd("decommission", "--out", out, "--yes", "--state", state, "--json")
    assert done.code == 0, done.said
    assert sorted(everything(state / "keys")) == ["dock.id", "head", "store.pin"]
    (record,) = out.iterdir()
    assert str(record) == done.document["record"]
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert lines[0]["head"]["hash"] == done.document["head"]
    assert lines[0]["whole"] is True
    assert (
        json.loads([line for line in lines if line["type"] == "entry"][-1]["text"])["action"] == "dock.decommissioned"
    )
    refused = Dock(state=state, url=made.store.url).ingest(filled(tmp_path / "CAM09", {"z.mp4": b"z"}))
    assert refused.code == 3
    assert "was taken out of service" in refused.err


def test_a_ledger_goes_back_and_forth(tmp_path: Path, made: Lived) -> None:
    """The way back and, with the newer version, forth again: what was delivered in between is found, and not sent again."""
    state = tmp_path / "state"
    shutil.copytree(made.waiting, state)
    done = dockd("rollback", "--yes", "--state", state)
    assert done.code == 3
    assert "nothing to go back to" in done.err
    with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")  # as the version before had it
    dock = Dock(state=state, url=made.store.url)
    done = dock.ingest(filled(tmp_path / "CAM08", {"y.mp4": os.urandom(1000)}))
    assert done.code == 0, done.said
    objects = len(stored_in(made.store.root, Contents()))
    done = dockd("rollback", "--yes", "--state", state)
    assert done.code == 0, done.said
    (newer,) = state.glob("ledger.db.newer-*")
    with closing(sqlite3.connect(f"file:{state / 'ledger.db'}?mode=ro", uri=True)) as db:
        assert schema.pending(schema.applied(db)) == ["0016_late"]
    camera = filled(tmp_path / "CAM09", {"z.mp4": os.urandom(1000)})
    done = dock.ingest(camera)
    found = actions(state)
    assert "ledger.went_back" in found
    assert "custody.restored" in found
    assert "segment.lost" not in found
    assert newer.exists()
    assert made.digests <= stored(made)
    assert len(stored_in(made.store.root, Contents())) == objects + 1, done.said
    assert digests_of(camera) == set()
    assert dockd("custody", "verify", "--state", state).code == 0
