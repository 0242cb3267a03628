"""How a wipe is cut into batches: bounded in count, bytes and path bytes, in order, nothing left out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.segments import Segment
from ingest.wipe import BATCH, BATCH_BYTES, BATCH_PATHS, batches


def segment(size: int, path: int) -> Segment:
    fields: dict[str, Any] = dict.fromkeys(Segment.__dataclass_fields__)
    return Segment(**fields | {"size": size, "path": b"p" * path})


sizes = st.sampled_from([0, 1, 1000, BATCH_BYTES // 3, BATCH_BYTES - 1, BATCH_BYTES, 2 * BATCH_BYTES])
paths = st.sampled_from([1, 100, 16_000])


@given(st.lists(st.builds(segment, sizes, paths), max_size=60))
def test_batches(wanted: list[Segment]) -> None:
    found = batches(wanted)
    assert [one for batch in found for one in batch] == wanted
    for batch in found:
        assert 1 <= len(batch) <= BATCH
        assert len(batch) == 1 or sum(one.size for one in batch) <= BATCH_BYTES
        assert len(batch) == 1 or sum(len(one.path) for one in batch) <= BATCH_PATHS


def test_many_small_ones() -> None:
    assert [len(batch) for batch in batches([segment(1, 1)] * (2 * BATCH + 1))] == [BATCH, BATCH, 1]


def test_none() -> None:
    assert batches([]) == []
