"""A camera that does not give the same bytes twice: what was read once counts for nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.camera.base import Camera
from ingest.model import Listed, Skipped, Vitals
from ingest.worker import frames
from ingest.worker.child import Child

CONTENT = os.urandom(100_000)
FILE = Listed(path=b"a.mp4", size=len(CONTENT), mtime_ns=1, ctime_ns=1, dev=1, ino=1)
SEGMENT = "0" * 32


class TwoFaced:
    """A camera behind the production interface with one file. Each whole reading of it gives the next of `faces`."""

    def __init__(self, *faces: bytes) -> None:
        self.faces = list(faces)
        self.content: TwoFaced = self

    def listing(self) -> Iterator[Listed | Skipped]:
        yield FILE

    def open(self, file: Listed) -> TwoFaced:
        assert file == FILE
        return self

    def device(self) -> str:
        return "1:1"

    def keeps_change_times(self) -> bool:
        return True

    def present(self) -> None: ...

    def vitals(self) -> Vitals:
        return Vitals()

    def room(self) -> int | None:
        return None

    def set_clock(self) -> bool:
        return False

    def close(self) -> None: ...

    def unchanged(self) -> None: ...

    def at_rest(self) -> None: ...

    def delete(self) -> str:
        raise AssertionError

    def __enter__(self) -> TwoFaced:
        self.face = self.faces.pop(0)
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, view: memoryview, *, offset: int) -> int:
        piece = self.face[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def size_now(self) -> int:
        return len(self.face)


class ChildOf(Child):
    """A worker that was lent to this very camera."""

    def __init__(self, there: Camera) -> None:
        self.said: list[frames.Frame] = []
        super().__init__(self.said.append)
        self.there = there

    @property
    def camera(self) -> Camera:
        return self.there


def pulled(spool: Path, *faces: bytes) -> frames.Frame:
    """What the worker answers to a pull."""
    child = ChildOf(TwoFaced(*faces))
    request = {
        "op": "pull", "file": frames.of_listed(FILE), "segment": SEGMENT, "camera": {"profile": "folder", "serial": "CAM", "card": ""},
        "captured_at": 1.0, "spool": os.fsencode(spool).hex(),
    }  # fmt: skip
    child.answer(request)
    return child.said[-1]


def test_the_same_bytes_twice_are_a_copy(tmp_path: Path) -> None:
    assert "ok" in pulled(tmp_path, CONTENT, CONTENT)
    assert (tmp_path / SEGMENT).read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("bit", [0, 8 * len(CONTENT) // 2, 8 * len(CONTENT) - 1])
def test_two_reads_that_differ_in_one_bit_are_none(tmp_path: Path, wrong: int, bit: int) -> None:
    faces = [bytearray(CONTENT), bytearray(CONTENT)]
    faces[wrong][bit // 8] ^= 1 << bit % 8
    answer = pulled(tmp_path, *map(bytes, faces))
    assert (answer.get("error"), os.listdir(tmp_path)) == ("IntegrityFailed", [])
