"""Bad input through the real program: each gets its message, the rest goes on, nothing is lost and nothing is wiped that should not be."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_input import ROWS, said, spoken, table
from tests.oracle import Witness, always
from tests.program import Dock, Ended, Lines, StoreProcess, ended, filled, kill_group, store_at
from tests.unit.ingest.worker.storage import small_filesystem

REPOSITORY = Path(__file__).parents[2]
_CHANCE = random.Random(2)
# Root reads and writes everything; without these two capabilities it is a user like any other.
LIKE_A_USER = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
    if os.geteuid() == 0
    else ()
)


def footage(size: int = 3000) -> bytes:
    return _CHANCE.randbytes(size)


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    return filled(tmp_path / "CAM", {"DCIM/a.mp4": footage(), "DCIM/b.mp4": footage(), "c.txt": footage(10)})


def ends_well(dock: Dock, witness: Witness, *cameras: Path) -> None:
    """Run again: everything is delivered and wiped, and the custody chain holds."""
    again = dock.ingest(*cameras)
    assert again.code == 0, again.said
    always(witness.faults)
    assert (witness.emptied(), witness.delivered()) == ([], [])
    assert dock.custody_faults() == ""


def test_the_table_in_the_docs_is_this_one() -> None:
    assert table() in (REPOSITORY / "docs" / "bad-input.md").read_text(encoding="utf-8")


def test_every_row_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    text += (REPOSITORY / "tests" / "soak" / "test_large.py").read_text(encoding="utf-8")
    assert [key for key in ROWS if f'"{key}"' not in text] == []


# -- what lies on a camera ----------------------------------------------------------------------------------------------


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def a_device(path: Path) -> None:
    os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(7, 200))


def test_what_holds_no_footage_is_passed_over(camera: Path, dock: Dock, witness: Witness) -> None:
    kinds: dict[str, Callable[[Path], object]] = {
        "symlink": lambda path: path.symlink_to("/etc"), "fifo": os.mkfifo, "socket": a_socket,
    }  # fmt: skip
    if os.geteuid() == 0:  # making a device node needs root
        kinds["device"] = a_device
    for key, make in kinds.items():
        make(camera / "DCIM" / key)
    witness.remember(camera)
    run = dock.ingest(camera)
    for key in kinds:
        said(run, key)
    always(witness.faults)
    assert (witness.emptied(), witness.delivered()) == ([], [])
    assert sorted(os.listdir(camera / "DCIM")) == sorted(kinds)


def test_skipped_things_are_in_the_json_document_too(camera: Path, dock: Dock) -> None:
    (camera / "odd").symlink_to("c.txt")
    run = dock.ingest(camera, options=("--wipe", "--json"))
    (note,) = run.document["notes"]
    assert "odd is passed over: a link is not followed" in note


def test_a_thousand_links_are_named_in_part(camera: Path, dock: Dock) -> None:
    for number in range(1000):
        (camera / f"{number:04d}").symlink_to("c.txt")
    run = dock.ingest(camera)
    assert run.code == 0, run.said
    assert len(run.err.splitlines()) == 21
    assert "980 more are passed over" in run.err


@pytest.fixture
def reopened() -> Iterator[list[Path]]:
    """What is closed in a test is opened again, so that it can be removed."""
    closed: list[Path] = []
    yield closed
    for path in closed:
        if path.exists():
            path.chmod(0o700)


def test_a_folder_without_permission_keeps_its_camera_from_being_wiped(
    camera: Path, tmp_path: Path, dock: Dock, witness: Witness, reopened: list[Path]
) -> None:
    closed = filled(camera / "PRIVATE", {"x.mp4": footage()})
    other = filled(tmp_path / "OTHER", {"y.mp4": footage()})
    witness.remember(camera, other)
    closed.chmod(0)
    reopened.append(closed)
    dock.prefix = LIKE_A_USER
    run = dock.ingest(camera, other)
    said(run, "closed folder")
    assert spoken("nothing wiped").search(run.err)
    closed.chmod(0o755)
    always(witness.faults)
    assert len(witness.emptied()) == 4, "the other camera was wiped, this one was not"
    assert len(witness.delivered()) == 1
    ends_well(dock, witness, camera, other)


def test_a_file_without_permission_is_held_and_tried_again(
    camera: Path, dock: Dock, witness: Witness, reopened: list[Path]
) -> None:
    witness.remember(camera)
    closed = camera / "DCIM" / "a.mp4"
    closed.chmod(0)
    reopened.append(closed)
    dock.prefix = LIKE_A_USER
    run = dock.ingest(camera)
    said(run, "closed file")
    assert spoken("nothing wiped").search(run.err)
    closed.chmod(0o644)
    always(witness.faults)
    assert (len(witness.emptied()), len(witness.delivered())) == (3, 1)
    ends_well(dock, witness, camera)


def test_a_closed_file_where_another_was_wiped_counts_as_an_only_copy(
    camera: Path, dock: Dock, witness: Witness, reopened: list[Path]
) -> None:
    """Of the same name and size as one that was wiped, it could be taken for that one come back."""
    witness.remember(camera)
    ends_well(dock, witness, camera)
    closed = camera / "DCIM" / "a.mp4"
    closed.write_bytes(footage())
    (camera / "DCIM" / "d.mp4").write_bytes(footage())
    witness.remember(camera)
    closed.chmod(0)
    reopened.append(closed)
    dock.prefix = LIKE_A_USER
    run = dock.ingest(camera)
    closed.chmod(0o644)
    assert run.code == 1, run.said
    assert spoken("nothing wiped").search(run.err), run.said
    always(witness.faults)
    assert len(witness.emptied()) == 2
    ends_well(dock, witness, camera)


def test_a_camera_that_may_not_be_read(
    camera: Path, tmp_path: Path, dock: Dock, witness: Witness, reopened: list[Path]
) -> None:
    other = filled(tmp_path / "OTHER", {"y.mp4": footage()})
    witness.remember(camera, other)
    camera.chmod(0)
    reopened.append(camera)
    dock.prefix = LIKE_A_USER
    run = dock.ingest(camera, other)
    said(run, "closed root")
    camera.chmod(0o755)
    always(witness.faults)
    assert not (other / "y.mp4").exists()
    ends_well(dock, witness, camera, other)


def test_a_file_that_may_be_read_but_not_deleted_is_held(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    dock.prefix = LIKE_A_USER
    (camera / "DCIM").chmod(0o555)
    run = dock.ingest(camera)
    (camera / "DCIM").chmod(0o755)
    assert run.code == 1, run.said
    assert "cannot be deleted: Permission denied" in run.err
    always(witness.faults)
    assert (len(witness.emptied()), witness.delivered()) == (2, [])
    ends_well(dock, witness, camera)


ODD_NAMES = (
    b"\xff\xfe\x80.mp4",
    b"one\nline\r\tand \x1b[31mred\x07.mp4",
    b"n" * 255,
    "\u00e9".encode() * 127,
    b" leading, comma & \"quote\" 'too' %00 \\ .mp4 ",
    b"-rf",
    b".part",
    b"CON.",
    "\u202egpm.kcab".encode(),
    b"store.json",
)


def test_names(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    camera = os.fsencode(tmp_path / "CAM")
    for name in ODD_NAMES:
        folder = camera + b"/DCIM/" + name[:100]
        os.makedirs(folder)
        for place in (camera, folder):
            with open(place + b"/" + name, "wb") as file:
                file.write(footage())
    witness.remember(tmp_path / "CAM")
    run = dock.ingest(tmp_path / "CAM", options=("--wipe", "--json"))
    said(run, "names")
    assert run.document["segments"]["wiped"] == 2 * len(ODD_NAMES)
    always(witness.faults)
    assert (witness.emptied(), witness.delivered()) == ([], [])
    assert dock.custody_faults() == ""


def test_names_that_differ_only_in_case_or_normal_form(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    names = ("MOV_0001.MP4", "mov_0001.mp4", "Mov_0001.mp4", "\u00e9.mp4", "e\u0301.mp4")
    camera = filled(tmp_path / "CAM", {name: footage() for name in names})
    witness.remember(camera)
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["wiped"]) == (0, len(names)), run.said
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_held_file_with_a_name_that_is_no_utf8(
    tmp_path: Path, dock: Dock, reopened: list[Path]
) -> None:  # fmt: skip
    camera = filled(tmp_path / "CAM", {})
    odd = Path(os.fsdecode(os.fsencode(camera) + b"/\xff\n"))
    odd.write_bytes(footage())
    odd.chmod(0)
    reopened.append(odd)
    dock.prefix = LIKE_A_USER
    run = dock.ingest(camera, options=("--wipe", "--json"))
    (held,) = run.document["held"]
    assert (run.code, held["path"], held["path_b64"]) == (1, "\udcff\n", "/wo="), run.said
    assert "held: \\xff\\n: " in run.err


def test_paths_as_long_as_they_get(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    """64 folders of 255 bytes: more than any system call takes in one path, so they are made one by one."""
    camera = filled(tmp_path / "CAM", {"a.mp4": footage()})
    here = os.open(camera, os.O_RDONLY)
    for _ in range(64):
        os.mkdir("n" * 255, dir_fd=here)
        below = os.open("n" * 255, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    for number in range(20):
        with open(f"{number:0255d}", "wb", opener=lambda name, flags: os.open(name, flags, 0o600, dir_fd=here)) as file:
            file.write(footage(100))
    try:
        run = dock.ingest(camera, options=("--wipe", "--json"))
        left = os.listdir(here)
    finally:
        os.close(here)
        shutil.rmtree(camera)
    document = run.document
    assert document["segments"]["copied"] == 21, run.said
    assert document["segments"]["confirmed"] + document["segments"]["held"] == 21, run.said
    assert len(left) == document["segments"]["held"], run.said


def test_folders_deeper_than_anything_sane(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": footage(), "/".join(["d"] * 65) + "/deep.mp4": footage()})
    witness.remember(camera)
    run = dock.ingest(camera)
    said(run, "deep")
    assert spoken("nothing wiped").search(run.err)
    always(witness.faults)
    assert (len(witness.emptied()), len(witness.delivered())) == (2, 1)


@pytest.mark.timeout(120)
def test_hundreds_of_empty_files(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    """So quick that the queue is read while deliveries end: none is delivered twice. (Ten thousand: tests/soak/test_large.py.)"""
    camera = filled(tmp_path / "CAM", {f"{number // 100}/{number:05d}": b"" for number in range(300)})
    witness.remember(camera)
    run = dock.ingest(camera, options=("--wipe", "--json"), timeout=110)
    assert (run.code, run.document["segments"]["wiped"]) == (0, 300), run.said
    assert (witness.emptied(), witness.delivered(), witness.faults()) == ([], [], [])


def test_a_file_of_no_bytes(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    camera = filled(tmp_path / "CAM", {"empty.mp4": b""})
    witness.remember(camera)
    run = dock.ingest(camera)
    said(run, "empty file")
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_equal_content_twice_is_delivered_twice(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    content = footage(200_000)
    camera = filled(tmp_path / "CAM", {"a.mp4": content, "twin.mp4": content})
    other = filled(tmp_path / "OTHER", {"a.mp4": content})
    witness.remember(camera, other)
    run = dock.ingest(camera, other)
    said(run, "twins")
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert not [name for name in os.listdir(dock.spool) if len(name) == 32]


def test_a_twin_keeps_its_spool_copy_when_the_other_is_done(tmp_path: Path, witness: Witness, dock: Dock) -> None:
    """One is delivered and released; then the store is gone; then the twin comes: its copy is its own."""
    content = footage(50_000)
    first = filled(tmp_path / "CAM", {"a.mp4": content})
    witness.remember(first)
    ends_well(dock, witness, first)
    (first / "twin.mp4").write_bytes(content)
    witness.remember(first)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    run = away.ingest(first, options=("--wipe", "--wait", "500 ms"))
    assert run.code == 3, run.said
    assert [name for name in os.listdir(dock.spool) if len(name) == 32]
    assert (first / "twin.mp4").exists()
    ends_well(dock, witness, first)


class Writing:
    """Somebody who goes on changing a file until told to stop."""

    def __init__(self, change: Callable[[], object], *, every: float = 0.01) -> None:
        self._change, self._every = change, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._change()

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_file_that_grows_while_it_is_read_and_one_that_is_open_for_writing(
    camera: Path, dock: Dock, witness: Witness
) -> None:
    recording = camera / "DCIM" / "now.mp4"
    recording.write_bytes(footage(2 << 20))
    witness.remember(camera)

    def record() -> None:
        with recording.open("ab") as file:
            file.write(footage(1000))

    with Writing(record, every=0.001), (camera / "DCIM" / "open.mp4").open("wb", buffering=0) as recorder:
        recorder.write(footage(2 << 20))
        run = dock.ingest(camera)
        recorder.write(b"the end")
    said(run, "written")
    assert run.code == ROWS["grows"].exits, run.said
    assert "now.mp4 changed each time" in run.err or "now.mp4 is open" in run.err, run.said  # it is open now and then
    assert spoken("nothing wiped").search(run.err)
    witness.forgive(camera, "DCIM/now.mp4")
    witness.remember(camera)
    witness.forgive(camera, "DCIM/now.mp4")
    always(witness.faults)
    assert len(witness.emptied()) == 5
    ends_well(dock, witness, camera)


def test_a_file_that_shrinks_before_it_is_copied_and_one_that_grows_and_is_dated_back(
    camera: Path, dock: Dock, witness: Witness
) -> None:
    """They were listed, and change before the next run has read them (the spool has no room in the first): the first is lost, the second `cp -a`."""
    cut, copied = camera / "DCIM" / "a.mp4", camera / "DCIM" / "b.mp4"
    run = dock.ingest(camera, options=("--wipe", "--keep-free", "100000 GiB", "--wait", "0 s"))
    assert run.code == 3, run.said
    os.truncate(cut, 1000)
    with copied.open("ab") as file:
        file.write(b"the rest of it")
    os.utime(copied, (1767981896, 1767981896))
    witness.remember(camera)
    run = dock.ingest(camera)
    said(run, "shrinks")
    assert "SEGMENT LOST" in run.err
    assert "1 segment was lost" in run.err
    assert run.err.count("is gone from camera") == 1, ROWS["dated back"].then + "\n" + run.said
    assert dock.custody_faults() == ""
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_file_that_is_replaced_between_pull_and_wipe(camera: Path, dock: Dock, witness: Witness) -> None:
    """By other bytes of the same size and time: they survive, and are delivered as a segment of their own."""
    witness.remember(camera)
    replaced = camera / "DCIM" / "a.mp4"
    before = replaced.stat()
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    run = away.ingest(camera, options=("--wipe", "--wait", "0 s"))
    assert run.code == 3, run.said
    (camera / "DCIM" / "new").write_bytes(footage(before.st_size))
    os.utime(camera / "DCIM" / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (camera / "DCIM" / "new").rename(replaced)
    witness.remember(camera)
    run = dock.ingest(camera)
    said(run, "replaced")
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_file_that_is_replaced_while_the_store_is_waited_for(camera: Path, tmp_path: Path, witness: Witness) -> None:
    """The same within one docking: pulled, then replaced, then the store comes."""
    with store_at(tmp_path / "late") as store:
        witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
        witness.remember(camera)
        replaced = camera / "DCIM" / "b.mp4"
        before = replaced.stat()
        store.kill()
        dock = Dock(state=tmp_path / "state", url=store.url)
        process = dock.start(camera)
        deadline = time.monotonic() + 40
        while len([n for n in os.listdir(dock.spool) if len(n) == 32] if dock.spool.exists() else []) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        replaced.write_bytes(footage(before.st_size))
        os.utime(replaced, ns=(before.st_atime_ns, before.st_mtime_ns))
        witness.remember(camera)
        store.start()
        run = ended(process)
        assert run.code == 0, run.said
        assert spoken("replaced").search(run.err), run.said
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


# -- which cameras -------------------------------------------------------------------------------------------------------


def test_two_cameras_with_one_serial(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    one = filled(tmp_path / "A" / "000000", {"MOV_0001.MP4": footage(), "x": b"equal"})
    two = filled(tmp_path / "B" / "000000", {"MOV_0001.MP4": footage(), "x": b"equal"})
    witness.remember(one, two)
    run = dock.ingest(one, two, options=("--wipe", "--json"))
    said(run, "one serial")
    assert run.document["segments"]["wiped"] == 4
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_two_cameras_under_one_given_name(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    one = filled(tmp_path / "A", {"MOV_0001.MP4": footage()})
    two = filled(tmp_path / "B", {"MOV_0001.MP4": footage()})
    witness.remember(one, two)
    run = dock.ingest(one, two, options=("--wipe", "--camera", "000000"))
    assert run.code == 0, run.said
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_two_cameras_in_turn_under_one_name_and_one_path(tmp_path: Path, dock: Dock, witness: Witness) -> None:
    """Another card in the place of the first, before the first was copied: nothing is concluded of the first."""
    place = tmp_path / "CAM"
    filled(place, {"MOV_0001.MP4": footage(), "MOV_0002.MP4": footage()})
    run = dock.ingest(place, options=("--wipe", "--keep-free", "100000 GiB", "--wait", "0 s"))
    assert run.code == 3, run.said
    place.rename(tmp_path / "away")
    filled(place, {"MOV_0001.MP4": footage(), "MOV_0003.MP4": footage()})
    witness.remember(place)
    run = dock.ingest(place)
    said(run, "other card")
    assert "SEGMENT LOST" not in run.err
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    (place / "MOV_0009.MP4").write_bytes(footage())  # the second card is used once more, and comes a second time
    witness.remember(place)
    run = dock.ingest(place)
    said(run, "other card")
    assert "SEGMENT LOST" not in run.err
    place.rename(tmp_path / "second")
    (tmp_path / "away").rename(place)
    witness = Witness(spool=dock.spool, store=witness.store)
    witness.remember(place)
    ends_well(dock, witness, place)


@pytest.mark.parametrize("order", [("CAM", "CAM"), ("CAM", "CAM/DCIM"), ("CAM/DCIM", "CAM"), ("CAM", "link")])
def test_paths_in_one_another(
    order: tuple[str, str], camera: Path, tmp_path: Path, dock: Dock, witness: Witness
) -> None:
    (tmp_path / "link").symlink_to("CAM/DCIM")
    witness.remember(camera)
    said(dock.ingest(*(tmp_path / name for name in order)), "two in one")
    assert len(witness.emptied()) == 3
    assert not dock.state.exists()


def test_a_path_that_is_not_there(camera: Path, tmp_path: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    said(dock.ingest(camera, tmp_path / "none"), "no folder")
    said(dock.ingest(camera, camera / "c.txt"), "a file")
    said(dock.ingest(camera, options=("--camera", " ")), "no name")
    assert len(witness.emptied()) == 3


def test_a_path_that_holds_the_state_or_lies_in_it(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    for state in (camera / "state", camera, camera.parent):
        said(Dock(state=state, url=dock.url).ingest(camera), "own state")
    inside = filled(dock.state / "inside", {"x": b"x"})
    said(dock.ingest(inside), "own state")
    always(witness.faults)
    assert len(witness.emptied()) == 3


def test_a_path_that_holds_a_store_or_lies_in_it(
    camera: Path, tmp_path: Path, dock: Dock, store: StoreProcess, witness: Witness
) -> None:
    witness.remember(camera)
    ends_well(dock, witness, camera)
    before = sorted(store.root.rglob("*"))
    for path in (store.root, store.root.parent, store.root / "objects", next((store.root / "objects").iterdir())):
        said(dock.ingest(path), "a store")
    (tmp_path / "link").symlink_to(store.root)
    said(dock.ingest(tmp_path / "link"), "a store")
    objects = [path for path in before if "objects" in path.parts]
    assert [path for path in objects if not path.exists()] == []


def test_a_path_that_holds_another_docks_state(camera: Path, tmp_path: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    away = Dock(state=tmp_path / "elsewhere" / "state", url="http://127.0.0.1:9")
    run = away.ingest(camera, options=("--wait", "0 s"))
    assert run.code == 3, run.said
    for path in (tmp_path / "elsewhere", away.state, away.spool):
        said(dock.ingest(path), "other state")
    assert len([name for name in os.listdir(away.spool) if len(name) == 32]) == 3


# -- the spool -----------------------------------------------------------------------------------------------------------


def test_a_full_spool_waits_says_so_and_goes_on(tmp_path: Path, store: StoreProcess) -> None:
    keep_free = 2 << 20
    with small_filesystem(tmp_path / "small", size=10 << 20) as small:
        dock = Dock(state=small / "state", url=store.url)
        witness = Witness(spool=dock.spool, store=store.root)
        camera = filled(tmp_path / "CAM", {f"{n}.mp4": footage(1_500_000) for n in range(8)})
        witness.remember(camera)
        least = [1 << 40]

        def look() -> None:
            disk = os.statvfs(small)
            least[0] = min(least[0], disk.f_bavail * disk.f_frsize)
            always(witness.faults)

        with Writing(look, every=0.05):
            run = dock.ingest(camera, options=("--wipe", "--keep-free", f"{keep_free} B", "--limit", "60 Mbit/s"))
        said(run, "spool full")
        assert "there is room on the dock again" in run.err
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
        assert least[0] > keep_free - (1 << 19), "the ledger may take of it, footage may not"


def test_a_disk_that_is_really_full(tmp_path: Path, store: StoreProcess) -> None:
    """Other programs use the disk too: what the kernel refuses is waited for in the same way."""
    with small_filesystem(tmp_path / "small", size=8 << 20) as small:
        dock = Dock(state=small / "state", url=store.url)
        dock.state.mkdir()
        witness = Witness(spool=dock.spool, store=store.root)
        camera = filled(tmp_path / "CAM", {"a.mp4": footage(1000), "b.mp4": footage(3 << 20)})
        witness.remember(camera)
        hog = small / "hog"
        hog.write_bytes(bytes(5 << 20))
        process = dock.start(camera, options=("--wipe",))
        lines = Lines(process)
        lines.wait_for("dock room is full")
        hog.unlink()
        assert process.wait(timeout=40) == 0, lines.seen
        assert process.stdout is not None
        process.stdout.close()
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_spool_that_can_never_take_it(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    run = dock.ingest(camera, options=("--wipe", "--keep-free", "100000 GiB", "--wait", "500 ms"))
    said(run, "spool too small")
    always(witness.faults)
    assert len(witness.emptied()) == 3
    ends_well(dock, witness, camera)


@pytest.mark.parametrize("spoil", [lambda path: os.truncate(path, 10), os.unlink], ids=["cut", "gone"])
def test_a_spool_file_that_is_cut_or_gone(
    spoil: Callable[[Path], None], camera: Path, dock: Dock, witness: Witness
) -> None:
    witness.remember(camera)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    assert away.ingest(camera, options=("--wipe", "--wait", "0 s")).code == 3
    for name in os.listdir(dock.spool):
        if len(name) == 32:
            spoil(dock.spool / name)
    run = dock.ingest(camera)
    said(run, "spool file cut")
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert dock.custody_faults() == ""


def test_a_spool_file_that_is_rotten_and_the_camera_is_gone(camera: Path, tmp_path: Path, dock: Dock) -> None:
    """One bit differs and no other copy can be had: it is said, what is left is kept, the rest is delivered."""
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    assert away.ingest(camera, options=("--wipe", "--wait", "0 s")).code == 3
    camera.rename(tmp_path / "taken")
    name = min(name for name in os.listdir(dock.spool) if len(name) == 32)
    raw = bytearray((dock.spool / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (dock.spool / name).write_bytes(raw)
    other = filled(tmp_path / "OTHER", {"x": b"x"})
    run = dock.ingest(other)
    assert run.code == 1, run.said
    assert "is no longer what was pulled" in run.err, run.said
    kept = [path for path in dock.spool.iterdir() if path.stem == name and path.suffix != ".json"]
    assert [path.read_bytes() for path in kept] == [bytes(raw)]


# -- the ledger and the state ----------------------------------------------------------------------------------------------


@pytest.fixture
def copied(camera: Path, dock: Dock, witness: Witness) -> Dock:
    """Everything is in the spool, nothing in the store; the camera holds its files too."""
    witness.remember(camera)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    run = away.ingest(camera, options=("--wipe", "--wait", "0 s"))
    assert run.code == 3, run.said
    return dock


def refused(dock: Dock, camera: Path, witness: Witness, key: str) -> None:
    """It says so and touches nothing: not the ledger, not the spool, not the camera."""
    before = {path: path.read_bytes() for path in dock.state.rglob("*") if path.is_file() and path.name != "lock"}
    said(dock.ingest(camera), key)
    after = {path: path.read_bytes() for path in dock.state.rglob("*") if path.is_file() and path.name != "lock"}
    assert {path for path in before if before[path] != after.get(path)} == set()
    always(witness.faults)
    assert len(witness.emptied()) == 3


def test_a_locked_ledger(copied: Dock, camera: Path, witness: Witness) -> None:
    # in a process of its own: a POSIX lock ends when its process closes any descriptor of the file, as reading it here does
    holding = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", holding, str(copied.state / "ledger.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused(copied, camera, witness, "ledger locked")
        holder.communicate("go\n")
    ends_well(copied, witness, camera)


def test_a_ledger_that_may_not_be_written(copied: Dock, camera: Path, witness: Witness) -> None:
    (copied.state / "ledger.db").chmod(0o400)
    copied.prefix = LIKE_A_USER
    refused(copied, camera, witness, "ledger read-only")
    (copied.state / "ledger.db").chmod(0o600)
    ends_well(copied, witness, camera)


@pytest.mark.parametrize(
    ("key", "spoil"),
    [
        pytest.param("ledger empty", lambda path: os.truncate(path, 0), id="empty"),
        pytest.param("ledger damaged", lambda path: os.truncate(path, path.stat().st_size // 2), id="truncated"),
        pytest.param("ledger damaged", lambda path: os.truncate(path, 100), id="only its header"),
        pytest.param("ledger damaged", lambda path: path.write_bytes(b"garbage" * 1000), id="garbage"),
        pytest.param("ledger damaged", lambda path: path.write_bytes(b"{}"), id="two bytes"),
    ],
)
def test_a_damaged_ledger_is_put_aside_and_a_new_one_loses_nothing(
    key: str, spoil: Callable[[Path], None], copied: Dock, camera: Path, witness: Witness
) -> None:
    ledger = copied.state / "ledger.db"
    spoil(ledger)
    damaged = ledger.read_bytes()
    said(copied.ingest(camera), key)
    ends_well(copied, witness, camera)
    (aside,) = [path for path in copied.state.glob("ledger.db.damaged-*") if path.name[-4:] not in ("-wal", "-shm")]
    assert aside.read_bytes() == damaged


def test_a_ledger_that_is_gone_is_made_anew_from_the_spool(
    copied: Dock, camera: Path, tmp_path: Path, witness: Witness
) -> None:
    """The camera has left, and so has the ledger: the spool says what it holds, and delivers it."""
    (copied.state / "ledger.db").unlink()
    other = filled(tmp_path / "OTHER", {})
    said(copied.ingest(other), "ledger gone")
    always(witness.faults)
    assert witness.delivered() == []
    ends_well(copied, witness, camera, other)


def test_a_log_without_its_ledger_is_not_played_into_a_new_one(
    copied: Dock, camera: Path, witness: Witness, tmp_path: Path
) -> None:
    """A -wal that outlived its ledger is put aside."""
    process = copied.start(camera, options=("--wipe", "--limit", "1 kB/s"))
    deadline = time.monotonic() + 40
    log = copied.state / "ledger.db-wal"
    while not (log.exists() and log.stat().st_size > 40_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kill_group(process)
    process.communicate()
    assert log.exists()
    (copied.state / "ledger.db").unlink()
    ends_well(copied, witness, camera)
    assert [path.name for path in copied.state.iterdir() if "wal.aside" in path.name]


def test_a_ledger_of_a_newer_dockd(copied: Dock, camera: Path, witness: Witness) -> None:
    with sqlite3.connect(copied.state / "ledger.db") as ledger:
        ledger.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('dockd', '0999_later', '')"
        )
    ledger.close()
    refused(copied, camera, witness, "ledger newer")


def test_a_database_that_is_no_ledger(copied: Dock, camera: Path, witness: Witness) -> None:
    (copied.state / "ledger.db").unlink()
    with sqlite3.connect(copied.state / "ledger.db") as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    refused(copied, camera, witness, "no ledger")


def test_a_damaged_key(copied: Dock, camera: Path, witness: Witness) -> None:
    (copied.state / "keys" / "dock.key").write_bytes(b"not a key")
    refused(copied, camera, witness, "key damaged")


def test_two_dockd_on_one_state(camera: Path, tmp_path: Path, dock: Dock, witness: Witness) -> None:
    other = filled(tmp_path / "OTHER", {"x.mp4": footage()})
    witness.remember(camera, other)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    first = away.start(camera, options=("--wipe", "--wait", "30 s"))
    lines = Lines(first)
    lines.wait_for("the store is down")
    run = dock.ingest(other)
    said(run, "two dockd")
    assert f"process {first.pid})" in run.err
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 130
    assert first.stdout is not None
    first.stdout.close()
    ends_well(dock, witness, camera, other)


def test_a_lock_file_that_was_left_behind_is_nobody(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    filled(dock.state, {"lock": b"1\n"})
    ends_well(dock, witness, camera)


def test_a_lock_that_somebody_else_holds(camera: Path, dock: Dock) -> None:
    filled(dock.state, {"lock": b"\xff\xfe" * 100})
    with (dock.state / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said(dock.ingest(camera), "two dockd")


def test_a_state_folder_that_may_not_be_written(
    camera: Path, tmp_path: Path, dock: Dock, witness: Witness, reopened: list[Path]
) -> None:
    witness.remember(camera)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    reopened.append(closed)
    dock.state = closed / "state"
    dock.prefix = LIKE_A_USER
    said(dock.ingest(camera), "state closed")
    dock.state = closed
    said(dock.ingest(camera), "state closed")
    assert len(witness.emptied()) == 3


def test_the_state_of_another_user(copied: Dock, camera: Path, witness: Witness) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving files to another user needs root")
    for path in (copied.state, *copied.state.rglob("*")):
        os.chown(path, 65534, 65534)
    for as_whom in ((), LIKE_A_USER):
        copied.prefix = as_whom
        said(copied.ingest(camera), "state of another")
    always(witness.faults)
    assert len(witness.emptied()) == 3


def test_a_spool_that_may_not_be_written(camera: Path, dock: Dock, witness: Witness, reopened: list[Path]) -> None:
    witness.remember(camera)
    dock.spool.mkdir(parents=True)
    dock.spool.chmod(0o500)
    reopened.append(dock.spool)
    dock.prefix = LIKE_A_USER
    said(dock.ingest(camera), "spool closed")
    always(witness.faults)
    assert len(witness.emptied()) == 3


# -- how it is called ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "store", "ftp://store", "http://", "http://a b", "http://u:p@store", "http://s:0"])
def test_an_address_that_is_none(url: str, camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    dock.url = url
    run = dock.ingest(camera)
    assert run.code == ROWS["store nonsense"].exits, run.said
    assert "URL" in run.err
    assert len(witness.emptied()) == 3


def test_a_store_that_is_down(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    run = away.ingest(camera, options=("--wipe", "--wait", "500 ms"))
    said(run, "store down")
    assert "127.0.0.1:9" in run.err
    always(witness.faults)
    assert len(witness.emptied()) == 3
    assert len([name for name in os.listdir(dock.spool) if len(name) == 32]) == 3
    ends_well(dock, witness, camera)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting", "waiting"])
def test_interrupted(number: signal.Signals, moment: str, camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    process = away.start(camera)
    if moment == "starting":
        while not (dock.state / "lock").exists():
            time.sleep(0.005)
            assert process.poll() is None
        process.send_signal(number)
        run = ended(process, timeout=30)
    else:
        lines = Lines(process)
        lines.wait_for("the store is down")
        process.send_signal(number)
        run = Ended(code=process.wait(timeout=30), out="", err="")
        lines.wait_for("interrupted")
        run = Ended(code=run.code, out="", err="\n".join(lines.seen))
        assert process.stdout is not None
        process.stdout.close()
    said(run, "interrupted")
    always(witness.faults)
    ends_well(dock, witness, camera)


def test_closed_streams(camera: Path, dock: Dock, witness: Witness) -> None:
    """Nobody listens: the work is done all the same, and no file gets a stream's number."""
    witness.remember(camera)
    dock.prefix = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    run = dock.ingest(camera)
    assert run.code == 0
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_pipe_that_nobody_reads(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    ours, theirs = os.pipe()
    os.close(ours)
    process = dock.start(camera, stdout=theirs)
    os.close(theirs)
    run = ended(process)
    assert "Traceback" not in run.err
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_a_configuration_is_refused_before_anything_is_touched(camera: Path, dock: Dock, witness: Witness) -> None:
    witness.remember(camera)
    for options in (
        ("--wait", "soon"),
        ("--limit", "0 Mbit/s"),
        ("--keep-free", "much"),
        ("--parallel", "0"),
        ("--nope",),
    ):
        run = dock.ingest(camera, options=options)
        assert run.code == 2, run.said
        assert "Traceback" not in run.err
    assert not dock.state.exists()
    assert len(witness.emptied()) == 3
