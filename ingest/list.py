"""Hold a listing against what the ledger expects, and record it whole before the first byte is pulled.

Rules:

* A file is the segment that it was if its path, size and time are the same and the filesystem's own change time and inode prove that it
  was not touched; where the filesystem cannot prove that, its content is read and compared (`unsure`).
* What was never pulled and is longer now, or as long, is the same file that was written on: its inode says so, whatever time its writer gave it in
  the end (`cp -a`, a camera that dates a file back); where inodes say nothing, its time must not have gone back. What is shorter is another file.
* Segments that were last listed together lie on one card. Where none of them appears in the first listing of a docking, that is another card,
  and nothing is concluded of them. (Unless dockd itself had leave to delete every one of them from this very device: then it is seen
  that it did.) Within a docking the card is the same.
* What may lie where nobody could look (an unreadable folder, a device that failed while it was listed) is not missing.
* What is missing and was named in an open permit was deleted by dockd before it could write that down; what is missing otherwise vanished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.events import CameraOtherCard
from ingest.ledger import cameras, permits, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.model import Listed, Skipped
from ingest.rules import EVERYTHING, FileRules

Pair = tuple[Segment, Listed]
SEEN_GONE = "not listed any more by the camera, under an open permit"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One listing, as a worker gave it."""

    files: tuple[Listed, ...]
    skipped: tuple[Skipped, ...]
    change_times: bool


@dataclass(kw_only=True)
class Comparison:
    """What a listing means for each segment. `other_card`: how many were expected, where none was found."""

    new: list[Listed] = field(default_factory=list)
    same: list[Pair] = field(default_factory=list)
    unsure: list[Pair] = field(default_factory=list)
    grown: list[Pair] = field(default_factory=list)
    replaced: list[Pair] = field(default_factory=list)
    deleted: list[Segment] = field(default_factory=list)
    vanished: list[Segment] = field(default_factory=list)
    other_card: int = 0


def compare(
    seen: Seen, *, expected: Sequence[Segment], before: Iterable[Segment], first: bool, ours: Collection[str] = (),
    docking: int | None = None,
) -> Comparison:  # fmt: skip
    """Pure. `expected`: segments that the ledger believes to be on this camera; `before`: those that once were, latest last.

    `first`: it is the first listing of a docking, so this may be another card; `ours`: ids that dockd had leave to delete from this very device;
    `docking`: what was listed in it before is believed by name, size and time (nothing is deleted without being read again).
    """
    found = Comparison()
    here: dict[bytes, list[Segment]] = {}
    for segment in expected:
        here.setdefault(segment.path, []).append(segment)
    gone = {segment.path: segment for segment in before}
    replaced: list[Segment] = []
    for file in seen.files:
        candidates = here.pop(file.path, [])
        if candidates:
            known = _likeliest(candidates, file)
            replaced += [segment for segment in candidates if segment is not known]
            _compare_one(found, known, file, proven=seen.change_times, docking=docking)
            continue
        old = gone.get(file.path)
        if old is not None and old.sha256 is not None and old.size == file.size:
            found.unsure.append((old, file))
        else:
            found.new.append(file)
    missing = [one for segments in here.values() for one in segments if not _in_doubt(one.path, seen)] + replaced
    _conclude(found, missing=missing, expected=expected, first=first, change_times=seen.change_times, ours=ours)
    return found


def _likeliest(candidates: Sequence[Segment], file: Listed) -> Segment:
    """Which of several segments of one name this file is: cards of one camera may carry the same names."""
    same = [one for one in candidates if (one.size, one.mtime_ns) == (file.size, file.mtime_ns)]
    return (same or list(candidates))[-1]


def _compare_one(found: Comparison, known: Segment, file: Listed, *, proven: bool, docking: int | None) -> None:
    same_look = (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
    if known.sha256 is None:
        if same_look:
            found.same.append((known, file))
        elif file.size >= known.size and (file.mtime_ns >= known.mtime_ns or (proven and _one_file(known, file))):
            found.grown.append((known, file))
        else:
            found.replaced.append((known, file))
    elif not same_look:
        found.replaced.append((known, file))
    elif (proven and (known.dev, known.ino, known.ctime_ns) == (file.dev, file.ino, file.ctime_ns)) or (
        not proven and docking is not None and known.docking == docking
    ):
        found.same.append((known, file))
    else:
        found.unsure.append((known, file))


def _in_doubt(path: bytes, seen: Seen) -> bool:
    """Whether a file that is not listed may lie where nobody could look: then nothing is concluded of it."""
    return any(item.hides and (item.path in (b".", path) or path.startswith(item.path + b"/")) for item in seen.skipped)


def _one_file(known: Segment, file: Listed) -> bool:
    """Whether this is the very file that was listed before, whatever it holds by now."""
    return (known.dev, known.ino) == (file.dev, file.ino)


def _conclude(
    found: Comparison, *, missing: list[Segment], expected: Sequence[Segment], first: bool, change_times: bool, ours: Collection[str]
) -> None:  # fmt: skip
    elsewhere = _elsewhere(found, missing, expected, change_times=change_times, ours=ours) if first else set()
    for pairs in (found.replaced, found.grown):
        found.new += [file for segment, file in pairs if segment.id in elsewhere]
        pairs[:] = [(segment, file) for segment, file in pairs if segment.id not in elsewhere]
    found.other_card = len(elsewhere)
    for segment in missing:
        if segment.id not in elsewhere:
            (found.deleted if segment.wipe_permit is not None else found.vanished).append(segment)


def _elsewhere(
    found: Comparison, missing: list[Segment], expected: Sequence[Segment], *, change_times: bool, ours: Collection[str]
) -> set[str]:  # fmt: skip
    """Segments of other cards of this camera. What was last listed together lies on one card: none of it is here, or it is this card."""
    other = found.replaced + [pair for pair in found.grown if change_times and not _one_file(*pair)]
    absent = {segment.id for segment in missing} | {segment.id for segment, _file in other}
    cards: dict[int | None, set[str]] = {}
    for segment in expected:
        cards.setdefault(segment.docking, set()).add(segment.id)
    moved = {(file.size, file.mtime_ns) for file in found.new}
    known = {one.id: (one.size, one.mtime_ns) for one in expected}
    return {
        one for card in cards.values() if card <= absent and not _deleted(card, ours, known=known, moved=moved) for one in card
    }  # fmt: skip


def _deleted(
    card: set[str], ours: Collection[str], *, known: Mapping[str, tuple[int, int]], moved: Collection[tuple[int, int]]
) -> bool:
    """Whether dockd deleted all of a card: it had leave to, and nothing that looks like one of them lies elsewhere on it now."""
    return card <= set(ours) and not any(known[one] in moved for one in card)


def record(
    tx: Transaction, *, camera: str, docking: int, device: str | None, seen: Seen, first: bool, unsettled: Collection[str] = (),
    rules: FileRules = EVERYTHING, clock_offset: float | None = None,
) -> Comparison:  # fmt: skip
    """Compare and write it all down, in one transaction. `unsure` pairs are left to `ingest.verify`.

    After the first listing of a docking only what was seen in it is expected; `unsettled` names what could not be read then. `rules` say what
    its files are; `clock_offset` is what its clock was found to be off by, in seconds. `device` None: the camera's identity names its card.
    """
    believed = cameras.on_camera(tx.execute, camera)
    expected = [one for one in believed if first or one.docking == docking or one.id in unsettled]
    there = {segment.path for segment in expected}
    before = [
        old
        for file in seen.files
        if file.path not in there
        for old in reversed(cameras.at_path(tx.execute, camera, file.path))
        if not old.on_camera
    ]
    ours = permits.named(tx.execute, camera=camera, device=device)
    found = compare(seen, expected=expected, before=before, first=first, ours=ours, docking=docking)
    cameras.listing(tx, camera=camera, docking=docking, files=seen.files, skipped=seen.skipped)
    for segment, file in found.same:
        segments.seen_again(tx, segment.id, docking=docking, file=file)
    for segment, file in found.grown:
        segments.grown(tx, segment.id, docking=docking, file=file)
    for segment, file in found.replaced:
        segments.vanished(tx, segment.id, error="another file lies at its place")
        segments.listed(tx, camera=camera, docking=docking, file=file)
    for file in found.new:
        segments.listed(tx, camera=camera, docking=docking, file=file)
    for segment in found.deleted:
        segments.seen_in(tx, segment.id, docking=docking)
        segments.wiped(tx, segment.id, permit=segment.wipe_permit or 0, seen=SEEN_GONE)
    for segment in found.vanished:
        segments.vanished(tx, segment.id, error="it is not listed any more")
    segments.classified(tx, docking=docking, rules=rules, clock_offset=clock_offset, again=first)
    if not any(item.hides for item in seen.skipped):
        gone = Counter(segment.wipe_permit for segment in found.deleted if segment.wipe_permit is not None)
        permits.close_seen(tx, camera=camera, docking=docking, gone=gone)
    if found.other_card:
        tx.record(CameraOtherCard(camera=camera, expected=found.other_card))
    return found
