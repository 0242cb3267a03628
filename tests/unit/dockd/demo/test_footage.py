"""The footage of the trials: real, playable, all different, and cut where a battery would cut it."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dockd.demo.boxes import BrokenFileError, outermost_boxes, user_box_header
from dockd.demo.footage import USERTYPE, build_tree, clips, smallest_segment, truncate, write_segment
from dockd.demo.sidecar import Bookmark, write_sidecar

EVENING = datetime(2026, 1, 9, 18, 0, tzinfo=UTC)


def types(path: Path) -> list[str]:
    return [box.type for box in outermost_boxes(path)]


def decode(path: Path) -> subprocess.CompletedProcess[str]:
    """What a real decoder says to every picture of `path`."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no decoder on this machine")
    return subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=False,
    )


def run_footage(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dockd.demo.footage", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(clips()))
def test_packaged_clip_is_what_its_description_says(name: str) -> None:
    clip = clips()[name]
    content = clip.path.read_bytes()
    assert len(content) == clip.size
    assert hashlib.sha256(content).hexdigest() == clip.sha256
    found = types(clip.path)
    assert found[0] == "ftyp"
    assert sorted(set(found)) == ["free", "ftyp", "mdat", "moov"]
    assert (found.index("moov") < found.index("mdat")) == clip.index_in_front
    assert (b"mp4a" in content) == clip.sound
    assert b"avc1" in content


def test_clips_differ_as_cameras_do_and_fit_into_the_package() -> None:
    every = clips().values()
    assert sum(clip.size for clip in every) <= 3_000_000
    assert {clip.sound for clip in every} == {clip.index_in_front for clip in every} == {True, False}
    lengths = sorted(clip.seconds for clip in every)
    assert (lengths[0], lengths[-1]) == (2, 20)
    rates = sorted(clip.size / clip.seconds for clip in every)
    assert rates[-1] > 10 * rates[0]


@pytest.mark.parametrize("name", sorted(clips()))
def test_segment_is_the_clip_and_one_box_of_the_size_asked_for(tmp_path: Path, name: str) -> None:
    target = tmp_path / "DOC_0001.MP4"
    assert write_segment(target, clip=name, unique=b"bay 3", size=1_500_001, ended_at=EVENING) == 1_500_001
    content = target.read_bytes()
    clip = clips()[name]
    assert len(content) == 1_500_001
    assert content[: clip.size] == clip.path.read_bytes()
    last = outermost_boxes(target)[-1]
    assert (last.type, last.begin, last.end) == ("uuid", clip.size, len(content))
    assert content[last.content :].startswith(USERTYPE + b"bay 3")
    assert target.stat().st_mtime == EVENING.timestamp()
    noise = content[last.content + len(USERTYPE) + 5 :]
    assert len(zlib.compress(noise, 9)) > len(noise)


@pytest.mark.parametrize("name", sorted(clips()))
def test_segment_plays_from_beginning_to_end(tmp_path: Path, name: str) -> None:
    target = tmp_path / "DOC_0001.MP4"
    write_segment(target, clip=name, unique=b"bay 3", size=2_000_000)
    answer = decode(target)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_equal_marks_give_equal_bytes_and_others_give_others(tmp_path: Path) -> None:
    def made(name: str, mark: bytes) -> bytes:
        write_segment(tmp_path / name, clip="stumble", unique=mark, size=400_000)
        return (tmp_path / name).read_bytes()

    assert made("a", b"1") == made("b", b"1")
    assert made("c", b"2")[-100_000:] != made("d", b"1")[-100_000:]


def test_smallest_segment_is_possible_and_one_byte_less_is_not(tmp_path: Path) -> None:
    least = smallest_segment("stumble", unique=b"x" * 40)
    write_segment(tmp_path / "least", clip="stumble", unique=b"x" * 40, size=least)
    assert types(tmp_path / "least")[-1] == "uuid"
    assert write_segment(tmp_path / "unpadded", clip="stumble", unique=b"x" * 40) == least
    with pytest.raises(ValueError, match=rf"less: stumble with its box needs at least {least} bytes, not {least - 1}"):
        write_segment(tmp_path / "less", clip="stumble", unique=b"x" * 40, size=least - 1)
    assert not (tmp_path / "less").exists()


def test_existing_file_is_never_written_to(tmp_path: Path) -> None:
    target = tmp_path / "DOC_0001.MP4"
    target.write_bytes(b"evidence")
    with pytest.raises(FileExistsError):
        write_segment(target, clip="stumble", unique=b"1")
    assert target.read_bytes() == b"evidence"


@pytest.mark.parametrize("name", ["patrol", "pursuit"])
def test_flat_battery_cuts_within_the_picture_data(tmp_path: Path, name: str) -> None:
    target = tmp_path / "DOC_0001.MP4"
    write_segment(target, clip=name, unique=b"1", ended_at=EVENING)
    whole = target.read_bytes()
    size = truncate(target, keep=0.5)
    assert target.read_bytes() == whole[:size]
    assert target.stat().st_mtime == EVENING.timestamp()
    with pytest.raises(BrokenFileError, match="box 'mdat' at byte"):
        outermost_boxes(target)
    assert (b"moov" in whole[:size]) == clips()[name].index_in_front
    assert decode(target).returncode != 0


@pytest.mark.parametrize("keep", [0.0, 1.0, -1.0, float("nan")])
def test_a_cut_that_is_none_is_refused(tmp_path: Path, keep: float) -> None:
    target = tmp_path / "DOC_0001.MP4"
    size = write_segment(target, clip="stumble", unique=b"1")
    with pytest.raises(ValueError, match="between 0 and 1"):
        truncate(target, keep=keep)
    assert target.stat().st_size == size


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0", "only 3 bytes of a box header at byte 0"),
        (struct.pack(">I4s", 7, b"free"), "says that it is 7 bytes long"),
        (struct.pack(">I4s", 1, b"mdat"), "only 8 bytes of a box header"),
        (struct.pack(">I4sQ", 1, b"mdat", 15), "says that it is 15 bytes long"),
        (struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1), "ends at 18446744073709551615, the file at 16"),
        (struct.pack(">I4s", 8, b"free") + b"\0", "only 1 bytes of a box header at byte 8"),
    ],
)
def test_broken_boxes_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BrokenFileError, match=says):
        outermost_boxes(tmp_path / "x")


def test_box_without_a_size_reaches_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(struct.pack(">I4s", 8, b"free") + struct.pack(">I4s", 0, b"mdat") + b"12345")
    assert [(box.type, box.content, box.end) for box in outermost_boxes(tmp_path / "x")] == [
        ("free", 8, 8),
        ("mdat", 16, 21),
    ]


def test_header_of_a_box_beyond_four_gigabytes_has_the_large_size(tmp_path: Path) -> None:
    total = 2**32 + 5
    with (tmp_path / "x").open("wb") as file:
        file.write(user_box_header(usertype=USERTYPE, total=total))
        file.truncate(total)
    assert [(box.type, box.content, box.end) for box in outermost_boxes(tmp_path / "x")] == [("uuid", 16, total)]
    with pytest.raises(ValueError, match="at least 24 bytes"):
        user_box_header(usertype=USERTYPE, total=23)


@pytest.mark.parametrize(("layout", "like"), [("dcim", "DCIM/1*MEDIA/DOC_*.MP4"), ("vendor", "files/data/*/*.mp4")])
def test_tree_has_exactly_what_was_asked_for_twice_over(tmp_path: Path, layout: str, like: str) -> None:
    trees = [
        build_tree(tmp_path / name, files=120, total_bytes=60_000_000, seed=5, layout=layout) for name in ("one", "two")
    ]
    one, two = (
        {path.relative_to(tree.root): hashlib.sha256(path.read_bytes()).digest() for path in tree.sizes}
        for tree in trees
    )
    assert one == two
    assert len(set(one.values())) == 120
    assert {path: path.stat().st_size for path in (tmp_path / "one").rglob("*") if path.is_file()} == trees[0].sizes
    assert trees[0].total_bytes == 60_000_000
    assert len(list((tmp_path / "one").glob(like))) == 120
    assert all("mdat" in types(path) for path in trees[0].sizes)
    assert len({size // 100_000 for size in trees[0].sizes.values()}) > 5


def test_another_seed_gives_another_tree(tmp_path: Path) -> None:
    one, two = (build_tree(tmp_path / str(seed), files=6, total_bytes=4_000_000, seed=seed) for seed in (1, 2))
    assert list(one.sizes.values()) != list(two.sizes.values())


def test_tree_that_cannot_be_so_small_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="12 files need at least [0-9]+ bytes, not 1000"):
        build_tree(tmp_path / "tree", files=12, total_bytes=1000, seed=1)
    assert not (tmp_path / "tree").exists()


def test_command_makes_the_tree_and_says_what_is_wrong(tmp_path: Path) -> None:
    done = run_footage(str(tmp_path / "tree"), "--files", "6", "--bytes", "4 MiB", "--layout", "vendor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"6 files, {4 << 20} bytes in {tmp_path / 'tree'}\n"
    again = run_footage(str(tmp_path / "tree"), "--files", "6", "--bytes", "4 MiB", "--layout", "vendor")
    assert again.returncode == 1
    assert "File exists" in again.stderr
    wrong = run_footage(str(tmp_path / "other"), "--bytes", "4 GiBs")
    assert wrong.returncode == 1
    assert "4 GiBs" in wrong.stderr


def test_sidecar_says_when_the_first_picture_was_and_where(tmp_path: Path) -> None:
    clip = clips()["patrol"]
    segment = tmp_path / "DOC_0001.MP4"
    write_segment(segment, clip="patrol", unique=b"1", ended_at=EVENING)
    sidecar = write_sidecar(
        segment,
        camera="DEMO-0007",
        began_at=EVENING - timedelta(seconds=clip.seconds),
        seconds=clip.seconds,
        pre_record_seconds=clip.pre_record_seconds,
        bookmarks=[Bookmark(at_seconds=5, label="stop")],
        with_hash=True,
    )
    assert sidecar == tmp_path / "DOC_0001.json"
    said = json.loads(sidecar.read_text())
    assert (said["file"], said["camera"]) == ("DOC_0001.MP4", "DEMO-0007")
    assert said["start"] == "2026-01-09T17:59:48.000Z"
    assert said["record_pressed"] == "2026-01-09T17:59:51.000Z"
    assert said["end"] == "2026-01-09T18:00:00.000Z"
    assert said["bookmarks"] == [{"at": "2026-01-09T17:59:53.000Z", "label": "stop"}]
    assert [fix["at"] for fix in said["gps"]][:2] == ["2026-01-09T17:59:48.000Z", "2026-01-09T17:59:50.000Z"]
    assert len({(fix["lat"], fix["lon"]) for fix in said["gps"]}) == len(said["gps"]) == 7
    assert said["sha256"] == hashlib.sha256(segment.read_bytes()).hexdigest()
    assert sidecar.stat().st_mtime_ns == segment.stat().st_mtime_ns


def test_sidecar_wants_a_time_zone_and_writes_over_nothing(tmp_path: Path) -> None:
    segment = tmp_path / "DOC_0001.MP4"
    write_segment(segment, clip="stumble", unique=b"1")
    with pytest.raises(ValueError, match="has no time zone"):
        write_sidecar(segment, camera="c", began_at=EVENING.replace(tzinfo=None), seconds=2)
    write_sidecar(segment, camera="c", began_at=EVENING, seconds=2)
    with pytest.raises(FileExistsError):
        write_sidecar(segment, camera="c", began_at=EVENING, seconds=2)
