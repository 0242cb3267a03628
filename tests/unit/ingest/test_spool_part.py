from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ingest.model import Digest
from ingest.spool import Description, Part, Spool

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
