"""What a worker says while it works: silence is how a hung camera is told from a slow one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from ingest.model import PermittedSegment, WipePermit
from ingest.worker import frames
from ingest.worker.child import Child

FILES = 4


class SlowPipe:
    """Takes so long for a word of progress that the next one is due again."""

    def __init__(self) -> None:
        self.said: list[frames.Frame] = []

    def __call__(self, frame: frames.Frame) -> None:
        self.said.append(frame)
        if "progress" in frame:
            time.sleep(0.12)

    def answer(self) -> frames.Frame:
        assert "ok" in self.said[-1], self.said[-1]
        return dict(self.said[-1]["ok"])


class Hears(Protocol):
    """Where a child speaks to."""

    said: list[frames.Frame]

    def answer(self) -> frames.Frame:
        """The last thing that was said, which has to be a success."""


def proven(child: Child, hears: Hears, root: Path) -> tuple[str, list[PermittedSegment]]:
    """Open, list, and read again all that is there: the device, and what a permit would name."""
    child.answer({"op": "open", "root": os.fsencode(root).hex()})
    device = str(hears.answer()["device"])
    child.answer({"op": "list"})
    files = [frames.to_listed(item) for frame in hears.said for item in frame.get("files", ())]
    named = []
    for number, file in enumerate(files):
        child.answer({"op": "prove", "file": frames.of_listed(file), "segment": f"{number:032x}"})
        sha256 = str(hears.answer()["sha256"])
        named.append(PermittedSegment(segment=f"{number:032x}", path=file.path, size=file.size, sha256=sha256))
    return device, named


def permit_for(device: str, named: list[PermittedSegment], *, seconds: float) -> WipePermit:
    """Good for so long from now."""
    return WipePermit(
        id=1, camera="CAM", device=device, segments=tuple(named),
        deadline_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 10**9),
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    )  # fmt: skip


class SlowDisk:
    """Once one file is gone, the time of the permit passes: the disk takes that long."""

    def __init__(self) -> None:
        self.said: list[frames.Frame] = []
        self.deadline_ns = 0

    def __call__(self, frame: frames.Frame) -> None:
        self.said.append(frame)
        if "progress" in frame and self.deadline_ns:
            time.sleep(0.12)  # the next word is due
            while frame["bytes"] and time.clock_gettime_ns(time.CLOCK_BOOTTIME) < self.deadline_ns:
                time.sleep(0.01)

    def answer(self) -> frames.Frame:
        assert "ok" in self.said[-1], self.said[-1]
        return dict(self.said[-1]["ok"])


def test_a_permit_that_runs_out_on_a_slow_disk_deletes_nothing_more(tmp_path: Path) -> None:
    contents = {f"{number}.mp4": b"%d" % number for number in range(FILES)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    said = SlowDisk()
    child = Child(said)
    device, named = proven(child, said, tmp_path)
    time.sleep(0.12)  # a word of progress is due again
    permit = permit_for(device, named, seconds=1.5)
    said.deadline_ns = permit.deadline_ns
    child.answer({"op": "wipe", "permit": frames.of_permit(permit), "only": [one.segment for one in named]})
    answer = said.answer()
    first = named[0]
    assert [one["segment"] for one in answer["gone"]] == [first.segment]
    assert [(one["error"], one["message"]) for one in answer["kept"]] == [("StoreDown", "the permit ran out")] * (
        FILES - 1
    )
    del contents[os.fsdecode(first.path)]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents
    child.answer({"op": "close"})


def test_a_wipe_says_at_each_file_that_it_goes_on(tmp_path: Path) -> None:
    """200 folder syncs of a slow card take longer than the silence after which a worker counts as hung."""
    for number in range(FILES):
        (tmp_path / f"{number}.mp4").write_bytes(b"%d" % number)
    said = SlowPipe()
    child = Child(said)
    device, named = proven(child, said, tmp_path)
    permit = permit_for(device, named, seconds=60)
    time.sleep(0.12)
    said.said.clear()
    child.answer({"op": "wipe", "permit": frames.of_permit(permit), "only": [one.segment for one in named]})
    assert len(said.answer()["gone"]) == FILES
    assert [frame["progress"] for frame in said.said if "progress" in frame] == ["wiped"] * FILES
    child.answer({"op": "close"})


def test_a_listing_says_that_it_goes_on_before_a_batch_is_full(tmp_path: Path) -> None:
    for number in range(FILES):
        (tmp_path / f"{number}.mp4").write_bytes(b"%d" % number)
    said = SlowPipe()
    child = Child(said)
    child.answer({"op": "open", "root": os.fsencode(tmp_path).hex()})
    said.said.clear()
    child.answer({"op": "list"})
    words = [frame["progress"] for frame in said.said if "progress" in frame]
    assert words == ["listed"] * FILES
    assert sum(len(frame.get("files", ())) for frame in said.said) == FILES
    child.answer({"op": "close"})
