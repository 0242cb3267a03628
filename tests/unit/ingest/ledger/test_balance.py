"""The accounts: both books agree on a true ledger, and whatever one book says alone is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import LedgerUnusable
from ingest.ledger import Ledger, segments
from ingest.ledger.audit import moment
from ingest.ledger.balance import Accounts, accounts
from tests.unit.ingest.ledger.day import SIZES, a_day, forger


def of(state: Path, camera: str | None = None) -> Accounts:
    with moment(state / "ledger.db") as reader:
        return accounts(reader, camera=camera)


async def test_everything_confirmed(tmp_path: Path) -> None:
    await a_day(tmp_path)
    found = of(tmp_path)
    assert found.complete
    (camera,) = found.cameras.values()
    assert camera.segments.as_dict() == {
        "listed": 3, "copied": 3, "confirmed": 3, "wiped": 2, "held": 0, "left": 0, "lost": 0
    }  # fmt: skip
    assert (camera.bytes.listed, camera.bytes.confirmed, camera.bytes.wiped) == (sum(SIZES), sum(SIZES), sum(SIZES[:2]))


async def test_left_and_held_and_lost_are_told_apart_to_the_byte(tmp_path: Path) -> None:
    _first, second, third = await a_day(tmp_path, confirmed=1, wiped=1)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    await ledger.commit(lambda tx: segments.hold(tx, second, reason="store_refused", error="too large"))
    await ledger.close()
    found = of(tmp_path)
    files, size = found.total()
    assert (files.confirmed, files.held, files.left, files.lost) == (1, 1, 1, 0)
    assert (size.confirmed, size.held, size.left, size.listed) == (*SIZES, sum(SIZES))
    assert (found.balances, found.complete) == (True, False)
    assert {one.segment: (one.state, one.message) for one in found.open} == {
        second: ("held", "too large"),
        third: ("left", ""),
    }
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    await ledger.commit(lambda tx: segments.rotted(tx, third, error="bad disk"))
    await ledger.commit(lambda tx: segments.vanished(tx, third, error="gone"))
    in_doubt, _size = of(tmp_path).total()
    assert (in_doubt.held, in_doubt.lost) == (2, 0)  # until the store was asked for it
    await ledger.commit(lambda tx: segments.lost(tx, third))
    await ledger.close()
    found = of(tmp_path)
    files, size = found.total()
    assert (files.lost, size.lost) == (1, SIZES[2])
    assert (found.balances, found.complete) == (False, False)


@pytest.mark.parametrize(
    ("forgery", "said"),
    [
        ("UPDATE segments SET in_store = 0 WHERE id = ?", "its copies: "),
        ("UPDATE segments SET in_store = 0, in_spool = 0 WHERE id = ?", "its copies: none in the ledger"),
        ("UPDATE segments SET size = size + 1 WHERE id = ?", "its size in bytes: 11 in the ledger, 10 in the record"),
        ("UPDATE segments SET sha256 = 'x' WHERE id = ?", "its SHA-256: x in the ledger, "),
        ("UPDATE segments SET held = 'x' WHERE id = ?", "its held: x in the ledger, None in the record"),
        ("UPDATE custody SET action = 'agent.stopped' WHERE action = 'segment.copied' AND segment = ?", "SHA-256: "),
        ("DELETE FROM custody WHERE segment = ?", "in the ledger, but not in the record"),
    ],
)
async def test_what_one_book_says_alone_is_named(tmp_path: Path, forgery: str, said: str) -> None:
    first, *_others = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        connection.execute(forgery, (first,))
    found = of(tmp_path)
    assert not found.balances
    faults = [fault for fault in found.cameras["CAM01"].faults if said in fault]
    assert faults
    assert first in faults[0]


async def test_a_row_that_was_removed_is_missed_in_both_directions(tmp_path: Path) -> None:
    _first, _second, third = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM segments WHERE id = ?", (third,))
    found = of(tmp_path)
    camera = found.cameras["CAM01"]
    assert camera.faults == [f"segment {third} is in the record, but not in the ledger"]
    assert camera.unseen[0].startswith("its last listing (entry ")
    assert f"has 3 files with {sum(SIZES)} bytes; 2 segments with {sum(SIZES[:2])} bytes" in camera.unseen[0]


async def test_one_camera_of_several(tmp_path: Path) -> None:
    await a_day(tmp_path)
    assert list(of(tmp_path, "CAM01").cameras) == ["CAM01"]
    assert of(tmp_path, "CAM02").cameras == {}


def test_there_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="there is no ledger at"):
        of(tmp_path)
