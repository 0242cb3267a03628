"""What a porter does with a share, without the process around it: markers, names, journals, and whatever may lie in the way."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import (
    DockdError,
    Garbled,
    NeverStorable,
    ObjectGone,
    Refused,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
    Withheld,
    WrongStore,
)
from ingest.store.porter import journal
from ingest.store.porter.journal import Journal
from ingest.store.porter.meanings import of_share
from ingest.store.porter.publishing import WAYS, Way, by_placeholder, publish
from ingest.store.porter.share import Share
from ingest.store.porter.uploads import Uploads, split
from ingest.worker import residency
from ingest.worker.arena import Arena

PLACE = b"station/2026/11/20/CAM01/080000_a.mp4_0123456789abcdef"
NAME = PLACE.rpartition(b"/")[2].decode()
CONTENT = bytes(range(256)) * 500
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)
ARENA = Arena(buffers=3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    root.mkdir()
    return root


@pytest.fixture
def uploads(root: Path) -> Iterator[Uploads]:
    with Share.opened(bytes(root)) as share:
        yield Uploads(share, arena=ARENA, going_on=lambda _done: None)


def begin(uploads: Uploads) -> bytes:
    return uploads.begin(PLACE, size=SIZE, sha256=SHA256)


def take(uploads: Uploads, address: bytes, start: int, end: int) -> int:
    blocks = iter([memoryview(CONTENT[start:end])])
    return uploads.take(address, blocks, offset=start, length=end - start, size=SIZE)


def bring(uploads: Uploads) -> bytes:
    address = begin(uploads)
    take(uploads, address, 0, SIZE)
    uploads.finish(address, size=SIZE)
    return address


def unsent(path: Path) -> int:
    """Bytes of the file that only this machine's memory has: what was written, less what was written out; -1 where nobody says (cachestat)."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    try:
        found = (ctypes.c_uint64 * 5)()
        if (
            residency.lives_in_memory(fd)
            or libc.syscall(451, fd, ctypes.byref((ctypes.c_uint64 * 2)(0, 0)), ctypes.byref(found), 0) != 0
        ):
            return -1
        return int(found[1]) * 4096  # dirty; what is under write-out is on its way
    finally:
        os.close(fd)


def incoming(root: Path, ending: str, *, name: str = NAME) -> Path:
    return root / ".dockd/incoming" / (name + ending)


class TestMarker:
    def test_it_is_made_once(self, root: Path) -> None:
        with Share.opened(bytes(root)) as one, Share.opened(bytes(root)) as other:
            assert (one.marker, other.marker) == (None, None)
            one.make_marker()
            other.make_marker()
            assert one.marker == other.marker is not None
        assert os.listdir(root) == [".dockd-store"]
        assert (root / ".dockd-store").stat().st_mode & 0o007 == 0

    def test_a_store_that_is_another_one_is_refused(self, root: Path) -> None:
        with Share.opened(bytes(root)) as share:
            with pytest.raises(WrongStore, match="no store's marker"):
                share.expect("the-one-before", device=share.device)
            share.make_marker()
            with pytest.raises(WrongStore, match="another store"):
                share.expect("the-one-before", device=share.device)
            with pytest.raises(StoreDown, match="mounted anew"):
                share.expect(str(share.marker), device=share.device + 1)
            share.expect(str(share.marker), device=share.device)

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"[]", b"null", b'{"id": 7}', b'{"id": ""}', b'{"id": "a b c d e f"}', b"[" * 5000,
                 b'{"id": "' + b"x" * 5000 + b'"}'],
    )  # fmt: skip
    def test_what_is_none_is_said_so(self, root: Path, text: bytes) -> None:
        (root / ".dockd-store").write_bytes(text)
        with pytest.raises(WrongStore, match="no store's marker"), Share.opened(bytes(root)):
            raise AssertionError

    def test_it_is_read_through_no_link_and_out_of_no_pipe(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_text(json.dumps({"id": "0123456789abcdef"}))
        (root / ".dockd-store").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(Refused, match="links are not followed"), Share.opened(bytes(root)):
            raise AssertionError
        (root / ".dockd-store").unlink()
        os.mkfifo(root / ".dockd-store")
        with pytest.raises(WrongStore), Share.opened(bytes(root)):
            raise AssertionError

    def test_no_folder_is_told_as_one_that_is_not_mounted(self, tmp_path: Path) -> None:
        with pytest.raises(StoreDown, match="is the share mounted"), Share.opened(bytes(tmp_path / "none")):
            raise AssertionError


class TestUploads:
    def test_the_way_in(self, root: Path, uploads: Uploads) -> None:
        address = bring(uploads)
        assert address == PLACE
        assert (root / os.fsdecode(address)).read_bytes() == CONTENT
        assert os.listdir(root / ".dockd/incoming") == []
        assert uploads.read(address, size=SIZE).sha256 == SHA256
        assert uploads.look(address, size=SIZE).final == SIZE
        uploads.finish(address, size=SIZE)

    def test_files_are_for_their_group_and_nobody_else(self, root: Path, uploads: Uploads) -> None:
        old = os.umask(0o027)
        try:
            path = root / os.fsdecode(bring(uploads))
        finally:
            os.umask(old)
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o640, 0o750)

    def test_only_what_was_synced_counts(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        assert take(uploads, address, 0, 1000) == 1000
        with incoming(root, ".part").open("ab") as part:
            part.write(b"\0" * 5000)  # as a server leaves it that fell over before it had written
        assert uploads.look(address, size=SIZE).durable == 1000
        take(uploads, address, 1000, SIZE)
        uploads.finish(address, size=SIZE)
        assert uploads.read(address, size=SIZE).sha256 == SHA256

    def test_bytes_leave_as_they_come(self, root: Path, uploads: Uploads) -> None:
        """At a limited rate no more than a few slices wait in this machine's memory, to leave all at once when they are synced."""
        content = os.urandom(200_000)
        address = uploads.begin(PLACE, size=len(content), sha256="ab" * 32)
        dirty: list[int] = []

        def slowly() -> Iterator[memoryview]:
            for start in range(0, len(content), 10_000):
                yield memoryview(content)[start : start + 10_000]
                time.sleep(0.01)
                dirty.append(unsent(incoming(root, ".part")))

        uploads.take(address, slowly(), offset=0, length=len(content), size=len(content))
        if max(dirty) < 0:
            pytest.skip("this kernel does not tell what is written out")
        assert max(dirty) <= 60_000

    def test_bytes_that_a_server_lost_are_sent_again(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, 5000)
        os.truncate(incoming(root, ".part"), 4000)
        assert uploads.look(address, size=SIZE).durable == 0
        take(uploads, address, 0, SIZE)
        uploads.finish(address, size=SIZE)
        assert uploads.read(address, size=SIZE).sha256 == SHA256

    def test_what_breaks_off_is_kept_as_far_as_it_came(self, uploads: Uploads) -> None:
        address = begin(uploads)
        blocks = iter([memoryview(CONTENT[:3000])])
        assert uploads.take(address, blocks, offset=0, length=9000, size=SIZE) == 3000
        assert uploads.look(address, size=SIZE).durable == 3000

    def test_a_wrong_place_changes_nothing(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, 1000)
        before = incoming(root, ".part").read_bytes()
        for start, end in ((0, 100), (999, 1100), (1001, 1100)):
            with pytest.raises(UploadBlocked, match="1000"):
                take(uploads, address, start, end)
        with pytest.raises(UploadBlocked):
            uploads.take(address, iter([memoryview(b"x")]), offset=1000, length=SIZE, size=SIZE)
        assert incoming(root, ".part").read_bytes() == before

    def test_one_that_lacks_bytes_gets_no_name(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, SIZE - 1)
        with pytest.raises(UploadBlocked, match=f"{SIZE - 1} of its {SIZE} bytes"):
            uploads.finish(address, size=SIZE)
        assert not (root / os.fsdecode(address)).exists()

    def test_a_whole_one_that_lies_there_counts(self, uploads: Uploads) -> None:
        assert bring(uploads) == begin(uploads)
        with pytest.raises(UploadBlocked, match="whole"):
            take(uploads, PLACE, 0, SIZE)

    def test_what_went_bad_is_never_overwritten(self, root: Path, uploads: Uploads) -> None:
        path = root / os.fsdecode(bring(uploads))
        rotten = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
        path.write_bytes(rotten)
        assert uploads.read(PLACE, size=SIZE).sha256 != SHA256
        again = bring(uploads)
        assert again == PLACE + b"-2"
        assert path.read_bytes() == rotten
        assert uploads.read(again, size=SIZE).sha256 == SHA256

    def test_what_appears_under_the_name_meanwhile_is_never_overwritten(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, SIZE)
        path = root / os.fsdecode(address)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"another's")
        with pytest.raises(Unproven, match="9 bytes"):
            uploads.finish(address, size=SIZE)
        assert path.read_bytes() == b"another's"
        assert bring(uploads) == PLACE + b"-2"

    def test_another_length_is_no_proof(self, root: Path, uploads: Uploads) -> None:
        path = root / os.fsdecode(bring(uploads))
        with path.open("ab") as file:
            file.write(b"more")
        for asked in (uploads.look, uploads.read):
            with pytest.raises(Unproven):
                asked(PLACE, size=SIZE)
        with pytest.raises(Garbled, match=f"{SIZE} were sent"):
            uploads.part(PLACE, offset=0, length=10, size=SIZE)

    def test_gone_is_gone(self, root: Path, uploads: Uploads) -> None:
        (root / os.fsdecode(bring(uploads))).unlink()
        for asked in (uploads.look, uploads.read, uploads.finish):
            with pytest.raises(ObjectGone):
                asked(PLACE, size=SIZE)
        with pytest.raises(Withheld):
            uploads.part(PLACE, offset=0, length=10, size=SIZE)

    def test_other_bytes_under_the_same_id_get_a_name_of_their_own(self, uploads: Uploads) -> None:
        take(uploads, begin(uploads), 0, 1000)
        other = uploads.begin(PLACE, size=SIZE, sha256="ab" * 32)
        assert other == PLACE + b"-2"
        assert uploads.look(PLACE, size=SIZE).durable == 1000

    def test_two_that_bring_the_same_harm_nothing(self, root: Path, uploads: Uploads) -> None:
        with Share.opened(bytes(root)) as share:
            other = Uploads(share, arena=ARENA, going_on=lambda _done: None)
            address = begin(uploads)
            assert begin(other) == address
            take(uploads, address, 0, 70_000)
            woken = other.look(address, size=SIZE)
            take(uploads, address, 70_000, SIZE)
            uploads.finish(address, size=SIZE)
            assert woken.durable == 70_000
            with pytest.raises(UploadBlocked):
                take(other, address, 70_000, SIZE)
            other.finish(address, size=SIZE)
        assert uploads.read(address, size=SIZE).sha256 == SHA256

    def test_a_stop_between_the_name_and_the_journals_end(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, SIZE)
        kept = incoming(root, ".at").read_bytes()
        uploads.finish(address, size=SIZE)
        incoming(root, ".at").write_bytes(kept)
        os.link(root / os.fsdecode(address), incoming(root, ".part"))  # as `by_second_name` leaves it
        uploads.finish(address, size=SIZE)
        assert os.listdir(root / ".dockd/incoming") == []
        assert uploads.read(address, size=SIZE).sha256 == SHA256

    def test_a_stop_over_a_placeholder(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        take(uploads, address, 0, SIZE)
        path = root / os.fsdecode(address)
        path.parent.mkdir(parents=True)
        path.touch()  # as `by_placeholder` leaves it
        assert begin(uploads) == address
        assert uploads.look(address, size=SIZE).durable == SIZE
        uploads.finish(address, size=SIZE)
        assert path.read_bytes() == CONTENT

    def test_a_journal_that_is_torn(self, root: Path, uploads: Uploads) -> None:
        begin(uploads)
        incoming(root, ".at").write_bytes(b"")
        assert begin(uploads) == PLACE, "no byte of it was there yet"
        take(uploads, PLACE, 0, 1000)
        incoming(root, ".at").write_bytes(b"garbage" * 200)
        assert begin(uploads) == PLACE + b"-2", "whose bytes those are nobody knows"
        with pytest.raises(ObjectGone):
            uploads.look(PLACE, size=SIZE)

    def test_an_empty_one_is_ended(self, root: Path, uploads: Uploads) -> None:
        address = begin(uploads)
        uploads.withdraw(address)
        assert os.listdir(root / ".dockd/incoming") == []
        address = begin(uploads)
        take(uploads, address, 0, 1)
        uploads.withdraw(address)
        assert uploads.look(address, size=SIZE).durable == 1

    def test_what_nobody_goes_on_with_is_swept_after_a_month(self, root: Path, uploads: Uploads) -> None:
        assert uploads.sweep() == 0
        take(uploads, begin(uploads), 0, 1000)
        uploads.begin(PLACE[:-1] + b"0", size=SIZE, sha256=SHA256)
        (incoming(root, ".part").parent / "of somebody else").touch()
        for path in incoming(root, ".part").parent.iterdir():
            if not path.name.startswith(NAME[:-1] + "0"):
                os.utime(path, (1, path.stat().st_mtime - 32 * 86400))
        assert uploads.sweep() == 2
        assert len(os.listdir(root / ".dockd/incoming")) == 3

    def test_documents_lie_beside(self, root: Path, uploads: Uploads) -> None:
        address = bring(uploads)
        for text in (b"{}", b'{"more": 1}'):
            uploads.lay_beside(address, b".json", text)
            assert Path(root / (os.fsdecode(address) + ".json")).read_bytes() == text
        assert os.listdir(root / ".dockd/incoming") == []


class TestWhatMayLieThere:
    @pytest.mark.parametrize(
        "address",
        [b"", b"/etc/passwd", b"../../../../../etc/passwd", b"a/b/c/d/e/../x", b"a/b/c/d/../f", b".dockd/incoming/a/b/c/d",
         b"a/b/c/d/e/", b"http://store/files/1/2/3", b"a/b/c/d/e/f/g", b"a/b/c/d/e/" + b"x" * 300, b"a/b/c/d/e/f\0"],
    )  # fmt: skip
    def test_no_address_leads_out(self, address: bytes) -> None:
        with pytest.raises(ObjectGone):
            split(address)

    @pytest.mark.parametrize(
        "link", ["station", "station/2026", "station/2026/11/20/CAM01", ".dockd", ".dockd/incoming"]
    )
    def test_no_link_is_followed(self, root: Path, uploads: Uploads, link: str, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(elsewhere)
        with pytest.raises((OSError, DockdError)):
            bring(uploads)
        assert os.listdir(elsewhere) == []

    def test_no_link_to_a_file_is_written_through(self, root: Path, uploads: Uploads, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"safe")
        address = begin(uploads)
        for make in (incoming(root, ".part").symlink_to, incoming(root, ".part").hardlink_to):
            incoming(root, ".part").unlink()
            make(victim)
            with pytest.raises(OSError):
                take(uploads, address, 0, 1000)
            assert victim.read_bytes() == b"safe"

    @pytest.mark.parametrize(
        "put", [lambda path: os.mkfifo(path), lambda path: path.mkdir(), lambda path: path.symlink_to("/dev/zero")]
    )
    def test_what_is_no_file_is_not_read(self, root: Path, uploads: Uploads, put: Callable[[Path], None]) -> None:
        path = root / os.fsdecode(bring(uploads))
        path.unlink()
        put(path)
        for asked in (uploads.look, uploads.read, uploads.finish):
            with pytest.raises(OSError) as raised:
                asked(PLACE, size=SIZE)
            assert isinstance(of_share(raised.value, doing="", folder=b""), Refused)


class TestPublishing:
    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
    def test_each_way_gives_the_name_and_takes_no_place(self, tmp_path: Path, way: Way) -> None:
        (tmp_path / "to").mkdir()
        source, target = (os.open(path, os.O_RDONLY) for path in (tmp_path, tmp_path / "to"))
        try:
            (tmp_path / "new").write_bytes(b"new")
            publish(b"new", b"named", source=source, target=target, ways=[way])
            assert (tmp_path / "to/named").read_bytes() == b"new"
            assert not (tmp_path / "new").exists()
            (tmp_path / "new").write_bytes(b"newer")
            with pytest.raises(FileExistsError):
                publish(b"new", b"named", source=source, target=target, ways=[way])
            assert (tmp_path / "to/named").read_bytes() == b"new"
            assert (tmp_path / "new").read_bytes() == b"newer"
        finally:
            os.close(source)
            os.close(target)

    def test_where_one_way_is_not_there_the_next_is_taken(self, tmp_path: Path) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            (tmp_path / "new").write_bytes(b"new")
            publish(b"new", b"named", source=folder, target=folder, ways=[lambda *_: False, by_placeholder])
            assert (tmp_path / "named").read_bytes() == b"new"
            with pytest.raises(OSError, match="without overwriting"):
                publish(b"named", b"other", source=folder, target=folder, ways=[lambda *_: False])
        finally:
            os.close(folder)


class TestJournal:
    @settings(max_examples=20, deadline=None)
    @given(
        steps=st.lists(st.integers(min_value=0, max_value=10**12), max_size=6),
        torn=st.integers(min_value=0, max_value=511),
        data=st.binary(max_size=512),
    )
    def test_a_torn_write_never_takes_the_last_one_away(self, tmp_path_factory: pytest.TempPathFactory, steps: list[int], torn: int, data: bytes) -> None:  # fmt: skip
        path = tmp_path_factory.getbasetemp() / "journal"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            known = Journal(size=10**12, sha256="ab" * 32).write(fd, durable=0)
            for durable in steps:
                known = known.write(fd, durable=durable)
            os.pwrite(
                fd, data, (known.number + 1) % 2 * 512 + torn
            )  # the next one, as a server leaves it that falls over
            if torn + len(data) <= 512:
                assert journal.read(fd) == known
        finally:
            os.close(fd)

    @settings(max_examples=40, deadline=None)
    @given(data=st.binary(max_size=1024))
    def test_garbage_is_none(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "garbage"
        path.write_bytes(data)
        fd = os.open(path, os.O_RDONLY)
        try:
            assert journal.read(fd) is None
        finally:
            os.close(fd)

    def test_more_than_all_is_none(self, tmp_path: Path) -> None:
        fd = os.open(tmp_path / "journal", os.O_RDWR | os.O_CREAT)
        try:
            Journal(size=10, sha256="ab" * 32).write(fd, durable=11)
            assert journal.read(fd) is None
        finally:
            os.close(fd)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EROFS, Refused), (errno.EACCES, Refused), (errno.EPERM, Refused),
     (errno.EIO, StoreDown), (errno.ESTALE, StoreDown), (errno.ENOTCONN, StoreDown), (errno.EHOSTDOWN, StoreDown), (errno.ETIMEDOUT, StoreDown),
     (errno.ENAMETOOLONG, NeverStorable), (errno.EFBIG, NeverStorable), (errno.ELOOP, Refused), (errno.ENOTDIR, Refused), (errno.EXDEV, Refused)],
)  # fmt: skip
def test_what_an_error_of_the_share_means(code: int, kind: type[DockdError]) -> None:
    error = of_share(OSError(code, os.strerror(code)), doing="bytes of a segment", folder=b"/srv/share")
    assert type(error) is kind
    assert "/srv/share" in error.message
    assert "bytes of a segment" in error.message
