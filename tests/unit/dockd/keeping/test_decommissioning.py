"""A dock is taken out of service at its end alone: with its record where it outlives it, under its own name, and no secret left behind unsaid."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from dockd.app import agent
from dockd.keeping.decommissioning import GivenUp, Going, StillNeeded, give_up, lost_and_found
from dockd.keeping.erasing import secrets_elsewhere
from dockd.keeping.handing_over import WrongOut
from dockd.settings import defaults
from dockd.state_places import GIVEN_UP, Places
from ingest.errors import DockdError, LedgerUnusable
from ingest.events import AgentStopped
from ingest.ledger import Ledger, leaving
from ingest.ledger.unconfirmed import to_confirm
from tests.unit.ingest.ledger.dock import dock_at


def dock(folder: Path, *, entries: int = 1) -> Places:
    """One that has nothing to lose."""
    folder.mkdir(parents=True)
    places = Places(ledger=folder / "ledger.db", spool=folder / "spool")
    places.spool.mkdir()
    asyncio.run(_live(places, entries))
    return places


async def _live(places: Places, entries: int) -> None:
    ledger = await Ledger.open(places.ledger, keys=places.keys)
    for _ in range(entries):
        await ledger.commit(lambda tx: tx.record(AgentStopped()))
    await ledger.close()


def ended(places: Places, out: Path, **more: object) -> GivenUp:
    return asyncio.run(give_up(places, Going(out=out, **more)))  # type: ignore[arg-type]


def actions(places: Places) -> list[str]:
    with closing(sqlite3.connect(places.ledger)) as db:
        return [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")]


def test_two_docks_into_one_folder(tmp_path: Path) -> None:
    found = [ended(dock(tmp_path / name), tmp_path / "out") for name in ("one", "two")]
    records = [Path(one.record) for one in found]
    assert sorted(records) == sorted((tmp_path / "out").iterdir())
    for one, record in zip(found, records, strict=True):
        assert one.dock in record.name
        assert hashlib.sha256(record.read_bytes()).hexdigest() == one.sha256
        assert json.loads(record.read_text().splitlines()[0])["head"]["hash"] == one.head


def test_what_lies_under_the_name_is_not_written_over(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    first = Path(ended(places, tmp_path / "one").record)
    (tmp_path / "two").mkdir()
    other = tmp_path / "two" / first.name
    other.write_text("another's")
    with pytest.raises(DockdError, match="is there, and is another record"):
        ended(places, other.parent)
    assert other.read_text() == "another's"
    other.write_text("")  # of a run that was cut between the name and the bytes
    assert Path(ended(places, other.parent).record).read_bytes() == first.read_bytes()
    assert [one.name for one in other.parent.iterdir()] == [first.name]


@pytest.mark.parametrize("inside", ["handover", "keys/x", "spool", "../linked"])
def test_the_record_is_not_put_where_it_goes_with_the_dock(tmp_path: Path, inside: str) -> None:
    places = dock(tmp_path / "state")
    (tmp_path / "linked").symlink_to(places.folder)
    before = actions(places)
    with pytest.raises(WrongOut, match="which is removed at the end of a dock"):
        ended(places, places.folder / inside)
    with pytest.raises(WrongOut, match="which is removed"):
        ended(places, tmp_path / "etc" / "x", apart=(tmp_path / "etc",))
    assert actions(places) == before
    assert (places.keys / "dock.key").exists()


def test_run_again_the_record_is_where_it_is_said_to_be(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    first = ended(places, tmp_path / "one")
    second = ended(places, tmp_path / "two")
    assert Path(second.record).parent == tmp_path / "two"
    assert Path(second.record).read_bytes() == Path(first.record).read_bytes()
    Path(second.record).unlink()
    assert Path(ended(places, tmp_path / "two").record).exists()
    note = json.loads((places.folder / GIVEN_UP).read_text())
    assert (note["record"], note["sha256"]) == (second.record, first.sha256)
    assert actions(places).count("dock.decommissioned") == 1


def test_a_folder_that_cannot_be_written_is_known_before_the_last_entry(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    before = actions(places)
    (tmp_path / "file").touch()
    with pytest.raises(WrongOut, match="cannot be written"):
        ended(places, tmp_path / "file" / "x")
    assert actions(places) == before


def test_a_record_that_does_not_hold_is_known_before_the_last_entry(tmp_path: Path) -> None:
    places = dock(tmp_path / "state", entries=3)
    with closing(sqlite3.connect(places.ledger, isolation_level=None)) as db:
        db.execute("DROP TRIGGER custody_no_update")
        db.execute("UPDATE custody SET body = replace(body, 'agent', 'agenT') WHERE seq = 3")
    before = actions(places)
    with pytest.raises(DockdError, match="the record does not hold"):
        ended(places, tmp_path / "out")
    assert actions(places) == before
    assert (places.keys / "dock.key").exists()


def test_what_fails_after_the_last_entry_takes_it_back(tmp_path: Path) -> None:
    """The disk of the record is full in the middle of it."""
    places, out = dock(tmp_path / "state", entries=60), tmp_path / "out"
    out.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", out], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        with pytest.raises(OSError, match="No space left"):
            ended(places, out)
        assert list(out.iterdir()) == []
    finally:
        subprocess.run(["umount", out], check=True)
    assert actions(places)[-2:] == ["dock.decommissioned", "dock.decommission_cancelled"]
    assert (places.keys / "dock.key").exists()
    assert not (places.folder / GIVEN_UP).exists()
    assert ended(places, out).seq == len(actions(places))
    assert actions(places)[-1] == "dock.decommissioned"


def test_what_was_cut_after_the_last_entry_is_taken_back_by_the_next_start(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    asyncio.run(_cut(places))
    assert actions(places)[-3:] == ["dock.decommission_cancelled", "agent.started", "agent.stopped"]


async def _cut(places: Places) -> None:
    from dataclasses import replace

    ledger = await Ledger.open(places.ledger, keys=places.keys)
    await ledger.commit(lambda tx: leaving.record(tx, left=0))
    await ledger.close()
    settings = defaults()
    settings = replace(
        settings, ledger=replace(settings.ledger, path=places.ledger), spool=replace(settings.spool, path=places.spool),
        store=replace(settings.store, kind="directory", url=str(places.folder.parent / "far")),
    )  # fmt: skip
    async with agent(settings, version="0"):
        pass


def test_an_older_ledger_is_not_brought_up_by_it(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    with closing(sqlite3.connect(places.ledger, isolation_level=None)) as db:
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_late'")
    with pytest.raises(LedgerUnusable, match="is of an older dockd: start the agent once"):
        ended(places, tmp_path / "out")
    assert not list(places.folder.glob("*.before-*"))


def test_an_empty_lost_and_found_keeps_no_dock(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    (places.spool / "lost+found").mkdir()
    assert lost_and_found(places.spool) == []
    with pytest.raises(StillNeeded) as unknown:
        ended(places, tmp_path / "out", lost=None)
    assert "run this as root" in unknown.value.reasons[0].what
    (places.spool / "lost+found" / "#12").touch()
    with pytest.raises(StillNeeded) as found:
        ended(places, tmp_path / "out", lost=lost_and_found(places.spool))
    assert found.value.reasons[0].examples == ("#12",)
    (places.spool / "lost+found" / "#12").unlink()
    ended(places, tmp_path / "out", lost=lost_and_found(places.spool))


def test_no_secret_of_its_own_stays(tmp_path: Path) -> None:
    places = dock(tmp_path / "state")
    (places.keys / "older").mkdir()
    (places.keys / "older" / "store-client.key").write_text("secret")
    for name in ("access.db", "access.db.made", "access.db.damaged-20261120-120000-abcd"):
        (places.folder / name).write_text("users")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x")
    (places.folder / "access.db-journal").symlink_to(elsewhere)
    ended(places, tmp_path / "out")
    assert sorted(os.listdir(places.keys)) == ["dock.id", "head"]
    assert not list(places.folder.glob("access.db*"))
    assert elsewhere.exists()


def test_secrets_of_the_sites_own_are_named(tmp_path: Path) -> None:
    from dataclasses import replace

    token, key = tmp_path / "etc" / "token", tmp_path / "keys" / "store-client.key"
    settings = defaults()
    store = replace(settings.store, token_file=token, client_key_file=key)
    handed = Path("/run/credentials/dockd.service/tls")
    settings = replace(settings, store=store, page=replace(settings.page, tls_key_file=handed))
    assert secrets_elsewhere(settings, tmp_path / "keys") == [handed]
    token.parent.mkdir()
    token.write_text("secret")
    assert secrets_elsewhere(settings, tmp_path / "keys") == [token, handed]


@pytest.mark.parametrize("unconfirmed", [False, True])
async def test_what_it_takes_to_give_up_a_copy_is_said(tmp_path: Path, *, unconfirmed: bool) -> None:
    """A dock that was put back gives up nothing by itself, however long it is let run, before a person has confirmed the store."""
    state = tmp_path / "state"
    state.mkdir()
    places = Places(ledger=state / "ledger.db", spool=state / "spool")
    async with dock_at(state) as there:
        await there.attested()
        await there.copied(b"b")
    if unconfirmed:
        to_confirm(places.keys, why="it was put back")
    with pytest.raises(StillNeeded) as found:
        await give_up(places, Going(out=tmp_path / "out"))
    waits, proven = sorted(found.value.reasons, key=lambda one: "not proven" not in one.what)
    assert "let it run until they are" in waits.what
    assert ("dockd store pin" in proven.what, "spool.keep_confirmed" in proven.what) == (unconfirmed, True)
