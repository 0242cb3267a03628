"""What segments are called in a bucket and on a share, and what lies beside them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.model import SegmentDescription
from ingest.store.description import describing
from ingest.store.names import place_of, plain_name
from tests.contract.store.exam import described

ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def named(path: bytes, **more: Any) -> SegmentDescription:
    return replace(described(b"footage", path=path), id="0" * 31 + "7", **more)


def test_a_name_says_station_day_camera_and_time() -> None:
    place = place_of(named(b"DCIM/100MEDIA/MOV_0001.MP4", station="North", camera="CAM01"))
    assert place == f"North/2026/11/20/CAM01/080000_MOV_0001.MP4_{'0' * 31}7"


@given(said=st.binary(max_size=400), longest=st.integers(min_value=20, max_value=120))
def test_every_name_can_be_a_component_anywhere(said: bytes, longest: int) -> None:
    name = plain_name(said, longest=longest)
    assert 0 < len(name) <= longest
    assert set(name) <= ALLOWED
    assert name[0] not in ".-" and name[-1] not in ".-"  # noqa: PT018 - one rule
    assert name.split(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")


@given(one=st.binary(max_size=100), other=st.binary(max_size=100))
def test_two_cameras_stay_two_folders(one: bytes, other: bytes) -> None:
    assert (plain_name(one, longest=64) == plain_name(other, longest=64)) == (one == other)


@pytest.mark.parametrize("said", [b"CON", b"nul.txt", b"com1.mp4", b"LPT9", b"..", b".", b"", b"a.", b" a", b"a/b"])
def test_names_that_a_share_does_not_take_are_changed(said: bytes) -> None:
    assert plain_name(said, longest=64).encode() != said


@given(path=st.binary(min_size=1, max_size=300), camera=st.text(max_size=80), station=st.text(max_size=80))
def test_no_place_leaves_its_store(path: bytes, camera: str, station: str) -> None:
    components = place_of(named(path, camera=camera, station=station)).split("/")
    assert len(components) == 6
    assert all(0 < len(one) <= 128 and not one.startswith(".") for one in components)
    assert components[-1].endswith("_" + "0" * 31 + "7")


def test_a_time_that_is_none_has_its_place_too() -> None:
    assert "/0000/00/00/" in place_of(named(b"a", captured_at="yesterday"))


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no segment's id"):
        place_of(replace(named(b"a"), id="../../etc"))


@given(path=st.binary(min_size=1, max_size=100))
def test_the_description_gives_the_true_path(path: bytes) -> None:
    segment = named(path)
    said = json.loads(describing(segment))
    found = base64.b64decode(said["path_b64"]) if "path_b64" in said else said["path"].encode()
    assert found == path
    assert ("path_b64" in said) == _no_text(path)
    assert (said["segment"], said["size"], said["sha256"]) == (segment.id, 7, segment.digest.sha256)


def _no_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
