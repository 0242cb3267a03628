"""The dock's key: made, replaced, lost, put back; and that a stop at any point of a rotation leaves a dock that starts and verifies."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import LedgerUnusable
from ingest.ledger import Ledger
from ingest.ledger.audit import Audit, check, moment
from ingest.ledger.keys import KeyFolder, thumbprint
from tests.unit.ingest.ledger.day import a_day, forger
from tests.unit.ingest.ledger.test_custody_tampering import rehash, sign_again


def audit(state: Path, **known: Any) -> Audit:
    with moment(state / "ledger.db") as reader:
        return check(reader, **known)


async def opened(state: Path) -> Ledger:
    return await Ledger.open(state / "ledger.db", keys=state / "keys")


async def rotated(state: Path) -> tuple[str, str]:
    ledger = await opened(state)
    old = ledger.key.thumbprint
    fresh = await ledger.rotate_key()
    await ledger.close()
    return old, fresh.thumbprint


async def start(state: Path) -> tuple[str, str]:
    """One more start: which key signs, and under which name stores know the dock."""
    ledger = await opened(state)
    found = ledger.key.thumbprint, ledger.dock
    await ledger.close()
    return found


def actions(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / "ledger.db")) as reader:
        return [row[0] for row in reader.execute("SELECT action FROM custody ORDER BY seq")]


@pytest.fixture(scope="module")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    asyncio.run(a_day(folder))
    return folder


@pytest.fixture
def state(one_day: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(one_day, tmp_path / "state"))


async def test_a_rotation_is_recorded_signed_for_and_the_dock_keeps_its_name(state: Path) -> None:
    old, new = await rotated(state)
    assert old != new
    assert await start(state) == (new, old)
    again = await rotated(state)
    assert again[0] == new
    assert await start(state) == (again[1], old)
    found = audit(state)
    assert (found.faults, found.notes, found.keys) == ((), (), (old, new, again[1]))
    assert found.signed is not None
    assert found.signed.key == again[1]
    assert actions(state).count("custody.opened") == 1
    assert stat.S_IMODE((state / "keys" / "dock.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in (state / "keys").iterdir()) == ["dock.id", "dock.key", "head", "store.pin"]


async def test_stopped_before_the_rotation_was_recorded_the_old_key_goes_on(state: Path) -> None:
    before = await start(state)
    KeyFolder(state / "keys").make_next()
    assert await start(state) == before
    assert not (state / "keys" / "dock.key.next").exists()
    assert audit(state).faults == ()


async def test_stopped_between_the_record_and_the_new_file_the_start_finishes_it(state: Path) -> None:
    before = shutil.copyfile(state / "keys" / "dock.key", state / "old.key")
    old, new = await rotated(state)
    (state / "keys" / "dock.key").rename(state / "keys" / "dock.key.next")  # as it was just before the last step
    shutil.copyfile(before, state / "keys" / "dock.key")
    assert await start(state) == (new, old)
    assert not (state / "keys" / "dock.key.next").exists()
    assert audit(state).faults == ()
    assert actions(state).count("custody.opened") == 1


async def test_half_a_next_key_is_forgotten(state: Path) -> None:
    before = await start(state)
    (state / "keys" / "dock.key.next").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    assert await start(state) == before
    assert audit(state).faults == ()


async def test_a_rotation_that_cannot_be_written_changes_nothing(state: Path) -> None:
    ledger = await opened(state)
    before = ledger.key.thumbprint, ledger.head
    (state / "keys" / "dock.key.next").mkdir()
    with pytest.raises(LedgerUnusable, match="cannot be replaced"):
        await ledger.rotate_key()
    assert (ledger.key.thumbprint, ledger.head) == before
    await ledger.close()
    assert audit(state).faults == ()


async def test_a_lost_key_is_said_plainly_and_a_person_may_vouch_for_the_new_one(state: Path) -> None:
    old, name = await start(state)
    (state / "keys" / "dock.key").unlink()
    new, still = await start(state)
    assert still == name == old
    seq = len(actions(state))
    (fault,) = audit(state).faults
    assert fault.startswith(
        f"entry {seq}: the key changed at entry {seq} without the old key's signature, from {old} to {new}"
    )
    found = audit(state, vouched=frozenset({new}))
    assert found.faults == ()
    assert found.notes == (f"entry {seq}: the key changed to {new} without the old key's signature; that key is known",)


async def test_an_old_key_that_was_put_back_signs_nothing_unseen(state: Path) -> None:
    shutil.copyfile(state / "keys" / "dock.key", state / "old.key")
    old, new = await rotated(state)
    shutil.copyfile(state / "old.key", state / "keys" / "dock.key")
    assert await start(state) == (old, old)
    (fault,) = audit(state).faults
    assert f"without the old key's signature, from {new} to {old}" in fault


async def test_a_new_ledger_of_a_dock_whose_key_was_rotated_is_known_by_the_first_key(state: Path) -> None:
    old, new = await rotated(state)
    for left in state.glob("ledger.db*"):
        left.unlink()
    assert await start(state) == (new, old)
    with closing(sqlite3.connect(state / "ledger.db")) as reader:
        (text,) = reader.execute("SELECT body FROM custody WHERE seq = 1").fetchone()
    assert json.loads(text)["data"]["dock"] == old
    assert audit(state).faults == ()


async def test_a_damaged_name_does_not_keep_a_dock_from_starting(state: Path) -> None:
    old, name = await start(state)
    (state / "keys" / "dock.id").write_bytes(b"\xff" * 100)
    assert await start(state) == (old, name)


async def test_a_forged_rotation(state: Path) -> None:
    await rotated(state)
    mine = KeyFolder(state / "mine").load(announced=None)
    with forger(state) as connection:
        (seq,) = connection.execute("SELECT seq FROM custody WHERE action = 'custody.key_rotated'").fetchone()

        def forge(body: Any) -> None:
            body["data"].update(key=mine.thumbprint, public=mine.public)

        rehash(connection, seq, forge)
    sign_again(state, mine)
    (fault,) = audit(state).faults
    assert fault.startswith(f"entry {seq}: the new key {mine.thumbprint} is not signed for by the key ")


async def test_the_new_key_alone_cannot_write_another_past(state: Path) -> None:
    await rotated(state)
    key = KeyFolder(state / "keys").load(announced=None)
    with forger(state) as connection:
        connection.execute("DELETE FROM receipts")  # which would tell of it as well
        rows = connection.execute("SELECT seq FROM custody ORDER BY seq").fetchall()
        prev = "0" * 64
        for (seq,) in rows:  # every entry after the third is made anew

            def forge(body: Any, prev: str = prev, seq: int = seq) -> None:
                body["prev"] = prev
                if seq == 3:
                    body["at"] = "2001-01-01T00:00:00.000Z"

            rehash(connection, seq, forge)
            connection.execute("UPDATE custody SET at = json_extract(body, '$.at') WHERE seq = ?", (seq,))
            (prev,) = connection.execute("SELECT hash FROM custody WHERE seq = ?", (seq,)).fetchone()
    sign_again(state, key)
    assert any("is not signed for by the key" in fault for fault in audit(state).faults)


async def test_a_head_signed_with_a_key_that_was_replaced(state: Path) -> None:
    key = KeyFolder(state / "keys").load(announced=None)
    old, new = await rotated(state)
    sign_again(state, key)
    assert audit(state).faults == (f"the head is signed with the key {old}, which the key {new} has replaced",)


def test_a_record_that_does_not_begin_with_a_key(state: Path) -> None:
    with forger(state) as connection:
        rehash(connection, 1, lambda body: body.update(action="agent.stopped"))
        connection.execute("UPDATE custody SET action = 'agent.stopped' WHERE seq = 1")
    assert any("which no entry of the chain announces" in fault for fault in audit(state).faults)


@pytest.mark.parametrize("public", ["", "A", "\udc80", "é" * 10, "A" * 43])
def test_a_key_that_is_none(state: Path, public: str) -> None:
    thumbprint(public)
    with forger(state) as connection:
        rehash(connection, 1, lambda body: body["data"].update(public=public))  # type: ignore[attr-defined]
    assert "entry 1: the key that it announces is not the one that it names" in audit(state).faults
