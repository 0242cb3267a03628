"""A segment that is pulled again must be the one that was pulled before."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.errors import SourceUnstable
from ingest.ledger import segments
from tests.unit.ingest.ledger.dock import DIGEST, Dock, dock_at

OTHER = dataclasses.replace(DIGEST, sha256="c" * 64)


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def test_other_bytes_are_never_taken_for_the_same_segment(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    before = dock.ledger.head
    with pytest.raises(SourceUnstable, match="other bytes than when it was pulled before"):
        await dock.write(lambda tx: segments.copied(tx, segment, digest=OTHER, second_read="direct"))
    assert (await dock.segment(segment)).sha256 == DIGEST.sha256
    assert dock.ledger.head == before


async def test_what_was_replaced_is_in_doubt_out_loud_and_what_replaced_it_is_a_segment(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    new = await dock.write(lambda tx: segments.replaced(tx, segment))
    assert (await dock.actions())[-3:] == ["segment.vanished", "segment.held", "segment.listed"]
    assert (await dock.segment(new)).on_camera
    assert not (await dock.segment(segment)).copies


async def test_a_release_does_not_outlive_the_copy_that_it_was_for(dock: Dock) -> None:
    segment = await dock.confirmed()
    await dock.write(lambda tx: segments.released(tx, segment))
    await dock.write(lambda tx: segments.store_lost(tx, segment, error="x"))
    await dock.write(lambda tx: segments.copied(tx, segment, digest=DIGEST, second_read="direct"))
    assert (await dock.segment(segment)).released_at is None
