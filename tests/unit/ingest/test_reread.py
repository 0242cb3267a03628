"""What is read again before it is sent, when it is read once more, and what ends it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from ingest.errors import IntegrityFailed
from ingest.model import Digest
from ingest.reread import Rereading, SpoolDiskFailed, SpoolUnread, unread
from ingest.spool import Spool
from ingest.store.slices import slices
from ingest.worker.pipeline import Fingerprint

ID = "0" * 31 + "1"


class Counting(Rereading):
    """Counts the readings."""

    reads = 0

    async def read(self, fd: int, *, size: int, sha256: bool, part_size: int | None = None) -> Fingerprint:
        self.reads += 1
        return await super().read(fd, size=size, sha256=sha256)


def digest_of(content: bytes) -> Digest:
    return Digest(
        size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128=xxhash.xxh3_128_hexdigest(content)
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool", keep_free=0)
    made.prepare()
    return made


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) + 5, 9 << 20])
async def test_a_copy_is_read_once_for_all_its_requests(spool: Spool, size: int) -> None:
    content = os.urandom(size)
    spool.file(ID).write_bytes(content)
    rereading = Counting(spool)
    for _again in range(2):
        async with rereading.of(ID, digest_of(content)) as copy:
            for _request in range(3):
                await copy.sound()
    assert rereading.reads == 1
    async with rereading.of(ID, digest_of(content)) as copy:
        await copy.sound(anew=True)
    assert rereading.reads == 2


@pytest.mark.parametrize("how", ["touched", "long ago", "another file", "proven"])
async def test_what_was_read_is_not_believed_for_ever(spool: Spool, how: str) -> None:
    content = os.urandom(10_000)
    path = spool.file(ID)
    path.write_bytes(content)
    rereading = Counting(spool, believed=0.0 if how == "long ago" else 600.0)
    async with rereading.of(ID, digest_of(content)) as copy:
        await copy.sound()
    match how:
        case "touched":
            os.utime(path)
        case "another file":
            other = path.with_suffix(".other")
            other.write_bytes(content)
            other.rename(path)
        case "proven":
            rereading.forget(ID)
        case _:
            pass
    async with rereading.of(ID, digest_of(content)) as copy:
        await copy.sound()
    assert rereading.reads == 2


async def test_bytes_that_change_while_it_is_sent_are_not_sent(spool: Spool) -> None:
    """The file is open and was read; then it is written to, under the same name, size and time."""
    content = os.urandom(2 << 20)
    path = spool.file(ID)
    path.write_bytes(content)
    async with Rereading(spool).of(ID, digest_of(content)) as copy:
        await copy.sound()
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(1 << 20)
            file.write(b"other")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(IntegrityFailed, match="no longer those that were pulled"):
            await copy.sound()


async def test_what_is_sent_is_what_was_read_whatever_takes_its_name(spool: Spool) -> None:
    content = os.urandom(50_000)
    spool.file(ID).write_bytes(content)
    async with Rereading(spool).of(ID, digest_of(content)) as copy:
        await copy.sound()
        other = spool.file(ID).with_suffix(".other")
        other.write_bytes(bytes(50_000))
        other.rename(spool.file(ID))
        sent = b"".join([piece async for piece in slices(copy.fd, offset=0, length=50_000)])
        assert sent == content


async def test_one_wrong_sum_in_the_ledger_makes_no_copy_bad(spool: Spool) -> None:
    """Bad is what differs twice, the second time by SHA-256."""
    content = os.urandom(5000)
    spool.file(ID).write_bytes(content)
    digest = Digest(size=5000, sha256=digest_of(content).sha256, xxh3_128="0" * 32)
    async with Rereading(spool).of(ID, digest) as copy:
        await copy.sound()


class Begun(Rereading):
    """Says when a reading begins, and how the threads' work ended."""

    def __init__(self, spool: Spool) -> None:
        super().__init__(spool)
        self.begun = asyncio.Event()

    async def read(self, fd: int, *, size: int, sha256: bool, part_size: int | None = None) -> Fingerprint:
        asyncio.get_running_loop().call_later(0.005, self.begun.set)
        return await super().read(fd, size=size, sha256=sha256)


async def test_a_reading_that_is_cancelled_ends_between_two_buffers_and_leaves_no_thread(spool: Spool) -> None:
    spool.file(ID).touch()
    os.truncate(spool.file(ID), 2 << 30)
    rereading = Begun(spool)
    async with rereading.of(ID, Digest(size=2 << 30, sha256="0" * 64, xxh3_128="0" * 32)) as copy:
        task = asyncio.create_task(copy.sound())
        await rereading.begun.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert not [one for one in threading.enumerate() if "_consume" in one.name]
        spool.file(ID).unlink()  # nothing of it is read any more: the descriptor is closed behind it


@pytest.mark.parametrize(
    ("number", "kind"), [(5, SpoolDiskFailed), (61, SpoolDiskFailed), (117, SpoolDiskFailed), (24, SpoolUnread), (12, SpoolUnread)]
)  # fmt: skip
def test_a_failing_disk_is_told_from_a_machine_that_is_short_of_something(number: int, kind: type[SpoolUnread]) -> None:
    assert type(unread(OSError(number, os.strerror(number)))) is kind


def _link_to_the_very_bytes(path: Path) -> None:
    aside = path.with_suffix(".aside")
    path.rename(aside)
    path.symlink_to(aside)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("put", "says"),
    [
        (_link_to_the_very_bytes, "is a symbolic link now"), (_pipe, "is a pipe now"),
        (_folder, "is a folder now"), (os.unlink, "No such file or directory"),
        (lambda path: os.truncate(path, 3), "has 3 bytes, 7 were pulled"),
    ],
)  # fmt: skip
async def test_only_a_file_of_the_right_size_is_opened_and_nobody_waits_for_it(
    spool: Spool, put: Callable[[Path], object], says: str
) -> None:
    content = b"footage"
    spool.file(ID).write_bytes(content)
    put(spool.file(ID))
    with pytest.raises(IntegrityFailed, match=says):
        async with Rereading(spool).of(ID, digest_of(content)):
            pass


async def test_a_spool_whose_disk_was_unmounted_makes_no_copy_bad(spool: Spool, tmp_path: Path) -> None:
    content = b"footage"
    spool.file(ID).write_bytes(content)
    spool.folder.rename(tmp_path / "aside")
    spool.folder.mkdir()
    with pytest.raises(SpoolUnread, match="is its disk mounted"):
        async with Rereading(spool).of(ID, digest_of(content)):
            pass
    spool.folder.rmdir()
    (tmp_path / "aside").rename(spool.folder)
    async with Rereading(spool).of(ID, digest_of(content)) as copy:
        await copy.sound()
