from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

import pytest

from ingest.errors import DockdError, SpoolFailed, SpoolFull
from ingest.model import Digest
from ingest.spool import Description, Part, Spool, of_disk
from tests.unit.ingest.worker.storage import small_filesystem

ID = "0123456789abcdef" * 2


def _description() -> Description:
    digest = Digest(size=5, sha256="ab" * 32, xxh3_128="cd" * 16)
    camera = {"profile": "folder", "serial": "1", "card": ""}
    return Description(segment=ID, camera=camera, path=b"a.mp4", digest=digest, mtime_ns=1, captured_at=1.0)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, keep_free=0)


@pytest.mark.parametrize("early", [True, False], ids=["settled before", "settled by publish"])
def test_a_published_copy_is_whole_and_says_what_it_is(spool: Spool, early: bool) -> None:
    with spool.part(ID) as part:
        os.write(part.fd, b"bytes")
        if early:
            part.settle()
        part.publish(_description())
    assert spool.file(ID).read_bytes() == b"bytes"
    assert spool.describe(ID) == _description()
    assert sorted(os.listdir(spool.folder)) == [ID, f"{ID}.json"]


def test_bytes_that_cannot_be_made_durable_get_no_name(spool: Spool) -> None:
    """A pipe cannot be synced: whatever the sync beside says, no name may appear after it."""
    reading, writing = os.pipe()
    (spool.folder / f"{ID}.part").write_bytes(b"")
    part = Part(spool=spool, path=spool.folder / f"{ID}.part", fd=writing)
    part.settle()
    with pytest.raises(OSError, match="Invalid argument"):
        part.publish(_description())
    os.close(reading)
    os.close(writing)
    assert not part.published
    assert all(name.endswith(".part") for name in os.listdir(spool.folder))


def test_no_thread_is_left_with_the_descriptor_of_a_copy_that_was_given_up(spool: Spool) -> None:
    with pytest.raises(ValueError, match="two reads"), spool.part(ID) as part:  # noqa: PT012
        os.write(part.fd, b"bytes")
        part.settle()
        raise ValueError("two reads gave different bytes")
    assert not [thread for thread in threading.enumerate() if thread.name == "spool-sync"]
    assert os.listdir(spool.folder) == []


def test_a_disk_that_is_full_at_the_description_keeps_nothing_of_the_copy(tmp_path: Path) -> None:
    """Each try would leave a file more on a disk that is full already."""
    with small_filesystem(tmp_path / "small", size=64 << 10) as folder:
        spool = Spool(folder, keep_free=0)
        with pytest.raises(OSError, match="No space left"), spool.part(ID) as part:  # noqa: PT012
            os.write(part.fd, bytes(4096))
            with (folder / "hog").open("wb", buffering=0) as hog, contextlib.suppress(OSError):
                while True:
                    hog.write(bytes(4096))
            part.publish(_description())
        assert os.listdir(folder) == ["hog"]


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, SpoolFull, "is full; it goes on by itself"), (errno.EDQUOT, SpoolFull, "is full"),
        (errno.EROFS, SpoolFailed, "cannot be written: Read-only file system"), (errno.EIO, SpoolFailed, "the dock's own disk gives errors"),
    ],
)  # fmt: skip
def test_an_error_of_the_spools_disk_is_told_as_its_own(
    number: int, kind: type[DockdError], says: str, tmp_path: Path
) -> None:
    told = of_disk(OSError(number, os.strerror(number)), tmp_path)
    assert type(told) is kind
    assert says in told.message
    assert str(tmp_path) in told.message
