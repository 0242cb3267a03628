"""What a worker says while it works: silence is how a hung camera is told from a slow one."""

from __future__ import annotations

import os
import time
from pathlib import Path

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


def test_a_wipe_says_at_each_file_that_it_goes_on(tmp_path: Path) -> None:
    """200 folder syncs of a slow card take longer than the silence after which a worker counts as hung."""
    for number in range(FILES):
        (tmp_path / f"{number}.mp4").write_bytes(b"%d" % number)
    said = SlowPipe()
    child = Child(said)
    child.answer({"op": "open", "root": os.fsencode(tmp_path).hex()})
    device = said.answer()["device"]
    child.answer({"op": "list"})
    files = [frames.to_listed(item) for frame in said.said for item in frame.get("files", ())]
    named = []
    for number, file in enumerate(files):
        child.answer({"op": "prove", "file": frames.of_listed(file), "segment": f"{number:032x}"})
        named.append(
            PermittedSegment(segment=f"{number:032x}", path=file.path, size=file.size, sha256=said.answer()["sha256"])
        )
    permit = WipePermit(
        id=1, camera="CAM", device=str(device), segments=tuple(named),
        deadline_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 60 * 10**9,
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    )  # fmt: skip
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
