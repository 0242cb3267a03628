"""Whose an address at the store is: another segment's is refused in the transaction that would take it, and nothing is changed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import AddressTaken
from ingest.ledger import addresses, segments
from ingest.ledger.core import Transaction
from tests.unit.ingest.ledger.dock import DIGEST, Dock, dock_at

AT = "http://store/files/MOV_0001.MP4"


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def _by_upload(dock: Dock) -> str:
    first = await dock.copied(b"first")
    await dock.write(lambda tx: segments.uploading_to(tx, first, AT))
    return first


async def _by_object(dock: Dock) -> str:
    first = await dock.copied(b"first")
    receipt = dataclasses.replace(await dock.receipt(first), object=AT)
    await dock.write(lambda tx: segments.confirmed(tx, receipt))
    return first


async def _by_receipt(dock: Dock) -> str:
    first = await _by_object(dock)
    await dock.write(lambda tx: segments.store_lost(tx, first, error="x"))
    assert (await dock.segment(first)).object is None
    return first


Owner = Callable[[Dock], Any]


@pytest.mark.parametrize("owner", [_by_upload, _by_object, _by_receipt])
@pytest.mark.parametrize("step", ["uploading_to", "confirmed", "found"])
async def test_another_ones_address_is_not_taken(dock: Dock, owner: Owner, step: str) -> None:
    first, second = await owner(dock), await dock.copied(b"second", dataclasses.replace(DIGEST, sha256="c" * 64))
    receipt = dataclasses.replace(await dock.receipt(second), object=AT)
    before, head = await dock.segment(second), dock.ledger.head
    steps: dict[str, Callable[[Transaction], Any]] = {
        "uploading_to": lambda tx: segments.uploading_to(tx, second, AT),
        "confirmed": lambda tx: segments.confirmed(tx, receipt),
        "found": lambda tx: segments.found(tx, receipt),
    }
    with pytest.raises(AddressTaken, match=re.escape(f"address of segment {first} (first of camera ")) as raised:
        await dock.write(steps[step])
    assert raised.value.others == (first,)
    assert (await dock.segment(second), dock.ledger.head) == (before, head)


@pytest.mark.parametrize("owner", [_by_upload, _by_object, _by_receipt])
async def test_its_own_is_its_own(dock: Dock, owner: Owner) -> None:
    first = await owner(dock)
    await dock.write(lambda tx: segments.uploading_to(tx, first, AT))
    receipt = dataclasses.replace(await dock.receipt(first), object=AT)
    await dock.write(lambda tx: segments.confirmed(tx, receipt))
    assert (await dock.segment(first)).object == AT
    second = await dock.copied(b"second")
    await dock.write(lambda tx: segments.uploading_to(tx, second, f"{AT}2"))


async def test_what_the_store_has_proven_is_in_doubt_until_it_is_asked_again(dock: Dock) -> None:
    proven, held, copied = await dock.confirmed(b"1"), await dock.confirmed(b"2"), await dock.copied(b"3")
    await dock.write(lambda tx: segments.hold(tx, held, reason="not_deletable", error="x"))
    await dock.write(lambda tx: segments.asked_again(tx, (proven, held, copied)))
    found = [(await dock.segment(one)).held for one in (proven, held, copied)]
    assert found == [segments.IN_DOUBT, "not_deletable", None]


async def test_no_table_is_read_through_for_it(dock: Dock) -> None:
    """It is asked before each upload, in the one transaction that may write."""

    def plan(execute: Callable[..., Any]) -> list[str]:
        return [str(row[3]) for row in execute(f"EXPLAIN QUERY PLAN {addresses._OTHERS}", (AT, "x"))]

    said = await dock.ledger.read(lambda db: plan(db.execute))
    assert [line for line in said if line.startswith("SCAN")] == []
    assert {name for line in said for name in re.findall(r"USING (?:COVERING )?INDEX (\w+)", line)} == {
        "segments_object", "segments_upload", "receipts_object",
    }  # fmt: skip
