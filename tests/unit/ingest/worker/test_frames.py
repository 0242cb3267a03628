"""Frames between agent and worker: what goes in comes out, and nonsense is nonsense."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.model import Listed, PermittedSegment, Skipped, Vitals, WipePermit
from ingest.worker import frames

number = st.integers(min_value=0, max_value=2**63)
path = st.binary(min_size=1, max_size=300)
listed = st.builds(Listed, path=path, size=number, mtime_ns=number, ctime_ns=number, dev=number, ino=number)
skipped = st.builds(Skipped, path=path, kind=st.text(), message=st.text(), hides=st.booleans())
named = st.builds(PermittedSegment, segment=st.text(), path=path, size=number, sha256=st.text())
permit = st.builds(
    WipePermit, id=number, camera=st.text(), device=st.text(), segments=st.lists(named, max_size=5).map(tuple),
    deadline_ns=number, boot_id=st.text(),
)  # fmt: skip


def sent(frame: frames.Frame) -> frames.Frame:
    raw = frames.encode(frame)
    assert frames.length(raw[:4]) == len(raw) - 4
    return frames.decode(raw[4:])


@given(listed)
def test_listed(file: Listed) -> None:
    assert frames.to_listed(sent(frames.of_listed(file))) == file


@given(skipped)
def test_skipped(item: Skipped) -> None:
    assert frames.to_skipped(sent(frames.of_skipped(item))) == item


@given(permit)
def test_permits(leave: WipePermit) -> None:
    assert frames.to_permit(sent(frames.of_permit(leave))) == leave


@given(st.none() | st.integers(0, 100), st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_vitals(battery: int | None, offset: float | None) -> None:
    told = Vitals(battery_percent=battery, clock_offset_seconds=offset)
    assert frames.to_vitals(sent(frames.of_vitals(told))) == told


@pytest.mark.parametrize("frame", [{}, {"battery_percent": "x", "clock_offset_seconds": 0}, {"battery_percent": None}])
def test_not_vitals(frame: frames.Frame) -> None:
    with pytest.raises(frames.Nonsense):
        frames.to_vitals(frame)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff", b"[" * 200_000])
def test_no_frame(body: bytes) -> None:
    with pytest.raises(frames.Nonsense):
        frames.decode(body)


def test_lengths_are_bounded() -> None:
    assert frames.length(struct.pack(">I", frames.LARGEST)) == frames.LARGEST
    with pytest.raises(frames.Nonsense):
        frames.length(struct.pack(">I", frames.LARGEST + 1))
    with pytest.raises(ValueError, match="too long"):
        frames.encode({"x": "y" * frames.LARGEST})


@pytest.mark.parametrize("spoil", [{"size": None}, {"size": "x"}, {"path": "zz"}, {"path": None}, {"ino": []}], ids=str)
def test_not_a_listed_file(spoil: dict[str, object]) -> None:
    frame = frames.of_listed(Listed(path=b"a", size=1, mtime_ns=2, ctime_ns=3, dev=4, ino=5))
    with pytest.raises(frames.Nonsense):
        frames.to_listed(json.loads(json.dumps(frame | spoil)))


@pytest.mark.parametrize("spoil", [{"id": "x"}, {"segments": None}, {"segments": [{}]}, {"deadline_ns": None}], ids=str)
def test_not_a_permit(spoil: dict[str, object]) -> None:
    leave = WipePermit(id=1, camera="C", device="1:2", segments=(), deadline_ns=5, boot_id="b")
    with pytest.raises(frames.Nonsense):
        frames.to_permit(frames.of_permit(leave) | spoil)


def test_a_full_batch_fits_into_a_frame() -> None:
    """The longest listing batch and the longest permit that can be asked for."""
    long = b"\xff" * 16_500
    many = [frames.of_listed(Listed(path=long, size=1, mtime_ns=2, ctime_ns=3, dev=4, ino=5)) for _ in range(17)]
    frames.encode({"files": many, "skipped": []})
    one = PermittedSegment(segment="a" * 32, path=long, size=1, sha256="b" * 64)
    leave = WipePermit(id=1, camera="C", device="1:2", segments=(one,) * 17, deadline_ns=5, boot_id="b")
    frames.encode({"op": "wipe", "permit": frames.of_permit(leave)})
