"""The spool on a real folder: whole or nothing, one file a segment, room that is kept free."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SpoolFull
from ingest.model import Digest
from ingest.spool import Description, Part, Spool

ID = "0123456789abcdef" * 2
CONTENT = b"footage"


def description(segment: str = ID, path: bytes = b"DCIM/a.mp4", content: bytes = CONTENT) -> Description:
    digest = Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128="0" * 32)
    camera = {"profile": "folder", "serial": "CAM", "card": ""}
    return Description(segment=segment, camera=camera, path=path, digest=digest, mtime_ns=5, captured_at=1.5)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool", keep_free=0)
    spool.prepare()
    return spool


def names(spool: Spool) -> list[str]:
    return sorted(os.listdir(spool.folder))


def test_a_copy_becomes_whole_at_once(spool: Spool) -> None:
    with spool.part(ID) as part:
        os.write(part.fd, CONTENT)
        assert [name.endswith(".part") for name in names(spool)] == [True]
        assert spool.segments() == []
        part.publish(description())
    assert names(spool) == [ID, f"{ID}.json"]
    assert spool.file(ID).read_bytes() == CONTENT
    assert spool.describe(ID) == description()
    assert spool.segments() == [ID]


def test_a_copy_that_is_given_up_leaves_nothing(spool: Spool) -> None:
    with pytest.raises(RuntimeError), spool.part(ID):
        raise RuntimeError
    assert names(spool) == []


def test_two_copies_of_one_segment_do_not_meet(spool: Spool) -> None:
    with spool.part(ID) as one, spool.part(ID) as two:
        assert one.path != two.path


def test_a_start_sweeps_only_what_never_became_whole(spool: Spool) -> None:
    with spool.part(ID) as part:
        part.publish(description())
    (spool.folder / f"{ID}.1.ab.part").touch()
    (spool.folder / f"{ID}.rotted").touch()
    spool.prepare()
    assert names(spool) == [ID, f"{ID}.json", f"{ID}.rotted"]


def test_a_start_that_is_killed_while_it_tries_the_folder_leaves_nothing_for_good(spool: Spool) -> None:
    """Whatever name a start tries the folder with, the next one sweeps it."""
    tried: set[str] = set()

    class Watched(Spool):
        def part(self, segment: str) -> contextlib.AbstractContextManager[Part]:  # type: ignore[override]
            made = super().part(segment)
            tried.add(segment)
            return made

    Watched(spool.folder, keep_free=0).prepare()
    for segment in tried:
        (spool.folder / f"{segment}.1.ab.part").touch()
    assert tried
    spool.prepare()
    assert names(spool) == []


def test_removed(spool: Spool) -> None:
    with spool.part(ID) as part:
        part.publish(description())
    spool.remove(ID)
    spool.remove(ID)
    assert names(spool) == []


def test_what_was_put_aside_before_stays_until_the_segment_is_given_up(spool: Spool) -> None:
    """Where its disk did not answer for a while, the first of them may be whole, and all there is."""
    for content in (b"first", b"second", b"third"):
        spool.file(ID).write_bytes(content)
        spool.put_aside(ID)
    assert sorted(path.read_bytes() for path in spool.folder.glob("*.rotted")) == [b"first", b"second", b"third"]
    assert spool.segments() == []
    spool.remove(ID)
    assert names(spool) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a" * 31, "A" * 32, "a" * 33, "a" * 32 + "\n", f"{'a' * 32}.json"])
def test_only_ids_are_names(spool: Spool, name: str) -> None:
    with pytest.raises(ValueError, match="no segment's id"):
        spool.file(name)


def test_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, keep_free=0)
    free = spool.free()
    half = free // 2 + 1
    with spool.room_for(half):
        assert spool.free() < half
        with pytest.raises(SpoolFull, match="spool.keep_free"), spool.room_for(half):
            raise AssertionError
    assert spool.free() > half
    assert spool.size() >= free


def test_keep_free_is_never_used(tmp_path: Path) -> None:
    spool = Spool(tmp_path, keep_free=1 << 60)
    assert spool.free() < 0
    with pytest.raises(SpoolFull, match="0 are left"), spool.room_for(1):
        raise AssertionError
    with pytest.raises(SpoolFull), spool.room_for(0):
        raise AssertionError


def test_room_is_given_back_when_a_copy_fails(tmp_path: Path) -> None:
    spool = Spool(tmp_path, keep_free=0)
    with pytest.raises(RuntimeError), spool.room_for(1 << 20):
        raise RuntimeError
    with spool.room_for(1 << 20):
        pass


@given(st.binary(min_size=1, max_size=400))
def test_a_description_keeps_every_name(path: bytes) -> None:
    text = description(path=path).text()
    assert "\n" not in text
    assert Description.of_text(text) == description(path=path)


def test_the_longest_path_that_a_camera_can_have(spool: Spool) -> None:
    path = b"/".join([b"\xff" * 255] * 65)
    with spool.part(ID) as part:
        part.publish(description(path=path))
    assert spool.describe(ID).path == path


@pytest.mark.parametrize(
    "spoil",
    [
        {"dockd_spool": 2},
        {"segment": "x"},
        {"segment": "../" + ID[3:]},
        {"sha256": "x"},
        {"sha256": None},
        {"size": -1},
        {"size": "many"},
        {"path_hex": "zz"},
        {"camera": {}},
        {"camera": None},
        {"captured_at": []},
        {"mtime_ns": None},
    ],
    ids=str,
)
def test_a_description_that_is_none(spoil: dict[str, object]) -> None:
    said = json.loads(description().text()) | spoil
    with pytest.raises(ValueError, match="not a description"):
        Description.of_text(json.dumps(said))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "1", "[" * 100_000, '{"camera": ' * 10_000])
def test_text_that_is_no_description(text: str) -> None:
    with pytest.raises(ValueError, match="not a description"):
        Description.of_text(text)


def test_a_description_of_another_segment(spool: Spool) -> None:
    with spool.part(ID) as part:
        part.publish(description())
    other = "f" * 32
    spool.description_file(ID).rename(spool.description_file(other))
    with pytest.raises(ValueError, match="another segment"):
        spool.describe(other)


def test_a_description_without_end(spool: Spool) -> None:
    spool.description_file(ID).write_bytes(b" " * (1 << 20))
    with pytest.raises(ValueError, match="not a description"):
        spool.describe(ID)


def test_a_start_leaves_what_is_not_its_own(spool: Spool) -> None:
    others = ["config.json", "download.part", "notes.json.part", f"{ID}.txt", "a" * 32 + ".json.bak"]
    for name in others:
        (spool.folder / name).touch()
    spool.prepare()
    assert set(others) <= set(names(spool))
