"""Is what lies on the camera now still the segment of an earlier docking? Only its content can say.

Where a filesystem cannot prove that a file was not touched (FAT, exFAT, another mount), the file is read again and its SHA-256 compared.
The verification of a fresh pull, an independent second read of the source, belongs to the pull itself (`ingest.worker.child`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.activity import Activity
from ingest.errors import SourceUnstable, Unreadable
from ingest.events import SegmentSame
from ingest.ledger import Ledger, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.model import Listed, legible
from ingest.worker.pool import Worker


async def settle(
    pairs: Sequence[tuple[Segment, Listed]], *, worker: Worker, ledger: Ledger, camera: str, docking: int, activity: Activity,
    settled: Callable[[Segment], None], enough: Callable[[], bool] = lambda: False,
) -> bool:  # fmt: skip
    """Read each file and write down what it is: the same segment, one that is back, or another; `settled` is told of each that is known then.

    Returns False where it was `enough` for this turn before all were looked at.

    A file that cannot be read at the place of a segment that is gone is a segment of its own until it is shown otherwise. Raises CameraGone.
    """
    for number, (segment, file) in enumerate(pairs):
        if number and enough():
            return False
        activity.camera(camera, "reading", path=file.path, total=file.size)
        try:
            found = await worker.compare(file, progress=lambda _what, done: activity.moved(camera, done))
        except SourceUnstable:
            continue  # the next listing sees it anew; until then nothing is concluded
        except Unreadable as error:
            if segment.on_camera:
                await ledger.commit(_unreadable(segment, error.message, docking=docking))
                continue
            found = ""
        same = found == segment.sha256
        await ledger.commit(_conclusion(segment, file, same=same, camera=camera, docking=docking))
        if same and segment.on_camera:  # nothing happened to it, and yet it counts in this docking from now on
            ledger.publish(SegmentSame(camera=camera, segment=segment.id, path=legible(segment.path)))
        settled(segment)
    return True


def _unreadable(segment: Segment, error: str, *, docking: int) -> Callable[[Transaction], None]:
    def write(tx: Transaction) -> None:
        segments.seen_in(tx, segment.id, docking=docking)
        segments.hold(tx, segment.id, reason="copy_failed", error=error)

    return write


def _conclusion(
    segment: Segment, file: Listed, *, same: bool, camera: str, docking: int
) -> Callable[[Transaction], None]:
    def write(tx: Transaction) -> None:
        if same and segment.on_camera:
            segments.seen_again(tx, segment.id, docking=docking, file=file)
        elif same:
            segments.reappeared(tx, segment.id, docking=docking, file=file)
        else:
            if segment.on_camera:
                segments.vanished(tx, segment.id, error="other bytes of the same size and time lie at its place")
            segments.listed(tx, camera=camera, docking=docking, file=file)

    return write
