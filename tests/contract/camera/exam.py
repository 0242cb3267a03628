"""The exam that every kind of camera sits: what `ingest.camera.base` promises, on a camera whose content the exam can change.

A kind of camera comes as a `Bench`: it puts files on a camera, changes them behind its back, and takes it away.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import pytest

from ingest.camera.base import Camera, OpenFile
from ingest.errors import CameraGone, SourceUnstable
from ingest.model import Listed, Skipped

CONTENT = b"footage" * 500


class Bench(Protocol):
    """One camera, and hands that can reach into it. `prefix`: what the camera puts before every path of the exam."""

    camera: Camera
    prefix: bytes

    def takes(self, name: bytes) -> bool:
        """Whether a file can be called that on this kind of camera at all."""

    def put(self, path: bytes, content: bytes) -> None:
        """Write a file there, folders made as needed; one of that name is replaced by another file."""

    def append(self, path: bytes, content: bytes) -> None:
        """The camera goes on recording into it."""

    def remove(self, path: bytes) -> None:
        """The file is deleted, not by dockd."""

    def names(self) -> list[bytes]:
        """All regular files, seen past the camera's own code."""

    def unplug(self) -> None:
        """The camera leaves without a word."""


def files(camera: Camera) -> dict[bytes, Listed]:
    return {item.path: item for item in camera.listing() if isinstance(item, Listed)}


def listed(bench: Bench) -> dict[bytes, Listed]:
    """What the camera lists, by the exam's own paths."""
    found = files(bench.camera)
    assert all(path.startswith(bench.prefix) for path in found)
    return {path.removeprefix(bench.prefix): file for path, file in found.items()}


@contextlib.contextmanager
def held(camera: Camera, file: Listed) -> Iterator[OpenFile]:
    source = camera.open(file)
    try:
        yield source
    finally:
        source.close()


def content_of(source: OpenFile) -> bytes:
    content = source.content
    if isinstance(content, int):
        return os.pread(content, 1 << 20, 0)
    view = memoryview(bytearray(1 << 20))
    with content as reading:
        return bytes(view[: reading.read(view, offset=0)])


class CameraExam:
    """Subclass it with a fixture `bench`."""

    def test_lists_every_file_with_its_size(self, bench: Bench) -> None:
        bench.put(b"a.mp4", CONTENT)
        bench.put(b"DCIM/100MEDIA/b.mp4", b"")
        found = listed(bench)
        assert {path: file.size for path, file in found.items()} == {b"a.mp4": len(CONTENT), b"DCIM/100MEDIA/b.mp4": 0}

    def test_an_empty_camera_lists_nothing(self, bench: Bench) -> None:
        assert listed(bench) == {}

    def test_listing_twice_says_the_same(self, bench: Bench) -> None:
        bench.put(b"b", CONTENT)
        bench.put(b"a", CONTENT)
        assert list(bench.camera.listing()) == list(bench.camera.listing())

    @pytest.mark.parametrize("name", [b"\xff.mp4", b"a\nb", b"n" * 255, b"-rf", b" "])
    def test_names_are_bytes(self, bench: Bench, name: bytes) -> None:
        if not bench.takes(name):
            pytest.skip("this kind of camera has no such name")
        bench.put(b"DCIM/" + name, CONTENT)
        file = listed(bench)[b"DCIM/" + name]
        with held(bench.camera, file) as source:
            assert content_of(source) == CONTENT
            source.delete()
        assert bench.names() == []

    def test_reads_what_was_listed(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        with held(bench.camera, listed(bench)[b"a"]) as source:
            assert content_of(source) == CONTENT
            source.unchanged()

    @pytest.mark.parametrize("path", [b"../outside", b"a/../../outside", b"/etc/hostname", b"DCIM/./../../x"])
    def test_no_path_leads_out(self, bench: Bench, path: bytes) -> None:
        bench.put(b"a/x", CONTENT)
        file = listed(bench)[b"a/x"]
        outside = replace(file, path=bench.prefix + path)
        with pytest.raises((SourceUnstable, CameraGone)):
            bench.camera.open(outside)

    def test_a_file_that_grew_is_not_opened(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        file = listed(bench)[b"a"]
        bench.append(b"a", b"more")
        with pytest.raises(SourceUnstable):
            bench.camera.open(file)

    def test_a_file_that_grows_while_open_is_noticed_and_not_deleted(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        with held(bench.camera, listed(bench)[b"a"]) as source:
            bench.append(b"a", b"more")
            with pytest.raises(SourceUnstable):
                source.unchanged()
            with pytest.raises(SourceUnstable):
                source.delete()
        assert bench.names() == [b"a"]

    def test_a_file_that_is_gone_is_not_opened(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        bench.put(b"DCIM/b", CONTENT)
        were = listed(bench)
        bench.remove(b"a")
        bench.remove(b"DCIM/b")
        for file in were.values():
            with pytest.raises(SourceUnstable):
                bench.camera.open(file)

    def test_another_file_of_that_name_is_never_deleted(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        with held(bench.camera, listed(bench)[b"a"]) as source:
            bench.put(b"a", CONTENT[::-1])
            with pytest.raises(SourceUnstable):
                source.delete()
        assert bench.names() == [b"a"]

    def test_deletes_exactly_one_file_and_sees_it_gone(self, bench: Bench) -> None:
        for name in (b"DCIM/a", b"DCIM/b", b"a"):
            bench.put(name, CONTENT)
        with held(bench.camera, listed(bench)[b"DCIM/a"]) as source:
            assert source.delete()
        assert sorted(bench.names()) == [b"DCIM/b", b"a"]
        assert sorted(listed(bench)) == [b"DCIM/b", b"a"]

    def test_what_is_gone_already_is_not_deleted_twice(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        with held(bench.camera, listed(bench)[b"a"]) as source:
            source.delete()
            with pytest.raises(SourceUnstable):
                source.delete()

    def test_a_camera_that_left_says_so_and_nothing_else(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        file = listed(bench)[b"a"]
        source = bench.camera.open(file)
        bench.unplug()
        with pytest.raises(CameraGone):
            bench.camera.present()
        with pytest.raises(CameraGone):
            list(bench.camera.listing())
        with pytest.raises(CameraGone):
            source.delete()
        source.close()

    def test_a_camera_that_leaves_during_a_listing_lists_nothing_that_counts(self, bench: Bench) -> None:
        bench.put(b"a", CONTENT)
        bench.put(b"b", CONTENT)
        listing = bench.camera.listing()
        assert isinstance(next(listing), (Listed, Skipped))
        bench.unplug()
        with pytest.raises(CameraGone):
            list(listing)

    def test_it_says_which_device_it_is(self, bench: Bench) -> None:
        assert bench.camera.device() == bench.camera.device() != ""

    def test_its_room_is_a_number_or_not_known(self, bench: Bench) -> None:
        room = bench.camera.room()
        assert room is None or room >= 0
        bench.unplug()
        with contextlib.suppress(CameraGone):
            assert bench.camera.room() is None or bench.camera.room() == room

    def test_nothing_is_left_open(self, bench: Bench) -> None:
        bench.put(b"a/b/c", CONTENT)
        file = listed(bench)[b"a/b/c"]
        before = len(os.listdir("/proc/self/fd"))
        with held(bench.camera, file):
            pass
        list(bench.camera.listing())
        bench.append(b"a/b/c", b"x")
        with pytest.raises(SourceUnstable):
            bench.camera.open(file)
        assert len(os.listdir("/proc/self/fd")) == before
