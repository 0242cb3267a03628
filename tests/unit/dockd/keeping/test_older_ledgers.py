"""What a dock's ledger before this one knew goes with its record, and into its backup; what it alone knows is not left without a word."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dockd.cli import cli
from ingest.ledger import segments
from tests.unit.dockd.keeping.test_decommissioning import actions, dock
from tests.unit.ingest.ledger.dock import Dock, dock_at

DAMAGED = "ledger.db.damaged-20261120T101112Z-0123abcd"
NEWER = "ledger.db.newer-7-0123abcd"
Lives = Callable[[Dock], Awaitable[object]]


def dockd(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def with_older(folder: Path, lives: Lives, *, name: str = DAMAGED, now: Lives | None = None) -> Path:
    """The state of a dock that has a ledger before its own, in which `lives` was done; `now`: in its own."""
    asyncio.run(_live(folder.parent / "older", lives))
    if now is None:
        dock(folder)
    else:
        folder.mkdir(parents=True)
        (folder / "spool").mkdir()
        asyncio.run(_live(folder, now))
    for suffix in ("", "-wal"):
        source = folder.parent / "older" / f"ledger.db{suffix}"
        (folder / f"{name}{suffix}").write_bytes(source.read_bytes() if source.exists() else b"")
    return folder


async def _live(folder: Path, lives: Lives) -> None:
    folder.mkdir(exist_ok=True)
    async with dock_at(folder) as there:
        await lives(there)


async def _alone(there: Dock) -> None:
    await there.attested(b"proven.mp4")
    await there.listed(b"alone.mp4")


async def _found(there: Dock) -> None:
    """The same file, listed anew: under another id."""
    await there.listed(b"alone.mp4")


async def _another(there: Dock) -> None:
    """Another recording under the same name."""
    await there.listed(b"alone.mp4", mtime_ns=10**18 + 1)


async def _doubted(there: Dock) -> None:
    name = await there.copied(b"doubted.mp4")
    await there.write(lambda tx: segments.rotted(tx, name, error="e"))
    await there.write(lambda tx: segments.vanished(tx, name, error="e"))


def ended(state: Path, out: Path, *more: str) -> Result:
    return dockd("decommission", "--out", out, "--yes", "--state", state, *more)


@pytest.mark.parametrize("name", [DAMAGED, NEWER])
def test_a_ledger_before_goes_with_the_record(tmp_path: Path, name: str) -> None:
    state = with_older(tmp_path / "state", lambda there: there.attested(), name=name)
    (state / "ledger.db.before-0016_late-9-0123abcd").write_bytes(b"copy")
    old = (state / name).read_bytes()
    done = ended(state, tmp_path / "out")
    assert done.exit_code == 0, done.output
    (handed,) = [one for one in (tmp_path / "out").iterdir() if one.name.endswith(name.removeprefix("ledger.db."))]
    assert handed.read_bytes() == old
    digest = hashlib.sha256(old).hexdigest()
    assert f"{handed} (SHA-256 {digest})" in done.stdout
    assert "ledger.db.before-0016_late-9-0123abcd" in done.stderr
    (record,) = (tmp_path / "out").glob(f"dockd-custody-*-{name.removeprefix('ledger.db.')}.jsonl")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert lines[-1]["type"] == "end"
    assert f"{record}: {lines[-1]['entries']} entries of its record" in done.stdout
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        (last,) = db.execute("SELECT body FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    assert f"{name} {digest}" in json.loads(last)["data"]["older"]
    assert not [one.name for one in (tmp_path / "out").iterdir() if one.name.startswith(".")]
    assert (state / name).read_bytes() == old
    again = ended(state, tmp_path / "again", "--json")
    assert again.exit_code == 0, again.output
    assert digest in json.loads(again.stdout)["older"][0]["files"].values()
    (state / name).write_bytes(b"another")
    assert ended(state, tmp_path / "third").exit_code == 3


def test_what_a_ledger_before_knows_on_cameras_alone_is_not_left_without_a_word(tmp_path: Path) -> None:
    state = with_older(tmp_path / "state", _alone)
    before = actions_of(state)
    done = ended(state, tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert f"1 segments are on cameras alone by {DAMAGED}" in done.stdout
    assert "alone.mp4" in done.stdout
    assert "proven.mp4" not in done.stdout
    assert (actions_of(state), list((tmp_path / "out").iterdir())) == (before, [])
    assert ended(state, tmp_path / "out", "--leave-older").exit_code == 1, (
        "the camera has it: it is not the ledger that is left"
    )
    assert ended(state, tmp_path / "out", "--leave-on-cameras").exit_code == 0
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        (last,) = db.execute("SELECT body FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    assert json.loads(last)["data"]["left"] == 1


@pytest.mark.parametrize(("now", "told"), [(_found, False), (_another, True)])
def test_what_the_ledger_in_use_speaks_of_is_judged_there(tmp_path: Path, now: Lives, *, told: bool) -> None:
    state = with_older(tmp_path / "state", _alone, now=now)
    done = ended(state, tmp_path / "out")
    assert done.exit_code == 1
    assert "are on cameras alone: dock those" in done.stdout
    assert ("by ledger.db.damaged" in done.stdout) == told


def test_what_a_ledger_before_had_not_settled_wants_a_word(tmp_path: Path) -> None:
    state = with_older(tmp_path / "state", _doubted)
    done = ended(state, tmp_path / "out", "--leave-on-cameras")
    assert done.exit_code == 1
    assert f"1 segments were not proven by {DAMAGED}" in done.stdout
    assert ended(state, tmp_path / "out", "--leave-older").exit_code == 0


@pytest.mark.parametrize("damage", ["page", "all", "log", "link"])
def test_what_cannot_be_read_is_not_taken_for_nothing(tmp_path: Path, damage: str) -> None:
    state = with_older(tmp_path / "state", lambda there: there.attested())
    old = state / DAMAGED
    if damage == "page":
        raw = bytearray(old.read_bytes())
        raw[4096 * 5 : 4096 * 9] = b"\xff" * 4096 * 4
        old.write_bytes(raw)
    elif damage == "all":
        old.write_bytes(b"\0" * 9000)
    elif damage == "log":
        old.with_name(f"{DAMAGED}-wal").write_bytes(b"nonsense" * 1000)
    else:
        old.unlink()
        old.symlink_to("elsewhere")
    done = ended(state, tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert f"ledger kept as {DAMAGED} cannot be read whole" in done.stdout
    assert "dock.decommissioned" not in actions_of(state)
    done = ended(state, tmp_path / "out", "--leave-older")
    assert done.exit_code == 0, done.output
    if damage == "link":
        assert "NOT handed over" in done.stdout
    else:
        (handed,) = (tmp_path / "out").glob("dockd-ledger-*-damaged-*abcd")
        assert handed.read_bytes() == old.read_bytes()


def actions_of(state: Path) -> list[str]:
    from dockd.state_places import Places

    return actions(Places(ledger=state / "ledger.db", spool=state / "spool"))


def test_a_backup_has_the_ledgers_before_and_puts_them_back(tmp_path: Path) -> None:
    state = with_older(tmp_path / "state", _alone)
    (state / NEWER).symlink_to("elsewhere")
    (state / "ledger.db.before-0016_late-9-0123abcd").write_bytes(b"copy")
    done = dockd("backup", "--to", tmp_path / "kept", "--state", state)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "kept" / DAMAGED).read_bytes() == (state / DAMAGED).read_bytes()
    assert f"with the ledger that it had before: {DAMAGED}" in done.stdout
    assert f"without {NEWER}" in done.stderr
    assert "without ledger.db.before-0016_late-9-0123abcd" in done.stderr
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert [one.split(":")[0] for one in manifest["not_taken"]] == [NEWER, "ledger.db.before-0016_late-9-0123abcd"]
    assert dockd("backup", "verify", tmp_path / "kept").exit_code == 0
    done = dockd("restore", "--from", tmp_path / "kept", "--state", tmp_path / "back")
    assert done.exit_code == 0, done.output
    assert "was not put back" not in done.stderr
    assert (tmp_path / "back" / DAMAGED).read_bytes() == (state / DAMAGED).read_bytes()
    assert f"by {DAMAGED}" in ended(tmp_path / "back", tmp_path / "out").stdout
