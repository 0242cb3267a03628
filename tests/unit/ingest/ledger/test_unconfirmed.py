"""After a state was put back nothing is deleted on the word of the store that it believes, until a person has pinned one: P2."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.ledger import Ledger, permits, stores
from ingest.ledger.permits import PermitRefused
from ingest.ledger.unconfirmed import NAME, to_confirm, why_unconfirmed
from ingest.release import released
from tests.unit.ingest.ledger.dock import CAMERA, STORE, Dock, dock_at

WHY = "it was put back"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """As a restore leaves them, with no ledger yet."""
    folder = tmp_path / "keys"
    folder.mkdir()
    to_confirm(folder, why=WHY)
    return folder


async def issue(dock: Dock, segment: str) -> None:
    await dock.write(lambda tx: permits.issue(tx, camera=CAMERA.id, device="1:2", segments=[segment]))


async def test_no_leave_is_given_and_no_copy_given_up_until_a_person_has_pinned_a_store(
    tmp_path: Path, keys: Path
) -> None:
    """All else that P2 asks for is so: it was pinned, seen to be honest, and has proven it this minute."""
    async with dock_at(tmp_path) as dock:
        segment = await dock.attested()
        with pytest.raises(PermitRefused, match=f"dockd store pin.*{WHY}"):
            await issue(dock, segment)
        assert await dock.write(lambda tx: released(tx, [segment])) == []
        await dock.write(lambda tx: stores.pin(tx, STORE))  # as a store that is met first is pinned by itself
        await dock.write(lambda tx: stores.honest(tx, STORE.id))
        with pytest.raises(PermitRefused, match=WHY):
            await issue(dock, segment)
        await dock.ledger.confirmed()
        assert not (keys / NAME).exists()
        await issue(dock, segment)
        assert await dock.write(lambda tx: released(tx, [segment])) == [segment]


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"two\nlines"])
async def test_what_cannot_be_understood_counts_and_outlives_a_restart(tmp_path: Path, keys: Path, text: bytes) -> None:
    (keys / NAME).write_bytes(text)
    for _ in range(2):
        ledger = await Ledger.open(tmp_path / "ledger.db", keys=keys)
        assert "cannot be read" in ledger.unconfirmed
        await ledger.close()
    (tmp_path / "ledger.db").unlink()  # nor does a new ledger forget it
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=keys)
    assert ledger.unconfirmed
    await ledger.close()
    assert why_unconfirmed(tmp_path) == ""


@pytest.mark.parametrize("damage", ["a folder", "a link to itself", "no folder of keys"])
def test_one_that_cannot_be_opened_counts(tmp_path: Path, keys: Path, damage: str) -> None:
    (keys / NAME).unlink()
    if damage == "a folder":
        (keys / NAME).mkdir()
    elif damage == "a link to itself":
        (keys / NAME).symlink_to(NAME)
    else:
        keys.rmdir()
        keys.write_text("")
    assert "cannot be read" in why_unconfirmed(keys)
