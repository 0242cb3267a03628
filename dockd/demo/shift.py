"""One camera's shift: the segments that it recorded, and a list of them that is kept apart, to hold the store against at the end.

Rules: hashes are taken from what was written, by nobody who later says that it arrived; equal arguments give equal footage.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dockd.demo.footage import clips, smallest_segment, truncate, write_segment
from dockd.demo.plan import Part
from dockd.demo.sidecar import Bookmark, write_sidecar

_KEEP = 0.6
_WHEN_CUT = "patrol"  # its index is at the end: without it the file has to be repaired to be played


@dataclass(frozen=True, kw_only=True)
class Made:
    """A file that a camera recorded: `size` in bytes, `sha256` in hex."""

    camera: str
    path: str
    size: int
    sha256: str


def record_shift(folder: Path, part: Part, *, shift: int, began_at: datetime) -> list[Made]:
    """Fill the camera's `folder` with its segments of this shift. `began_at` (UTC) by a clock that is right. Raises OSError."""
    shuffle = random.Random(f"{part.serial} {shift}")
    media = folder / "DCIM" / f"{99 + shift:03d}MEDIA"
    media.mkdir(parents=True)
    clock = began_at.astimezone(UTC) + timedelta(seconds=part.clock_offset)
    written: list[Path] = []
    names = sorted(clips())
    shuffle.shuffle(names)
    for number, size in enumerate(_sizes(part, shuffle)):
        clip = names[number % len(names)]
        last = number == part.segments - 1
        if last and "flat" in part.roles:
            clip = _WHEN_CUT
        mark = f"dockd demo {part.serial} {shift} {number}".encode()
        began = clock
        clock += timedelta(seconds=clips()[clip].seconds)
        target = media / f"{part.serial.replace('-', '')}_{number + 1:04d}.MP4"
        write_segment(
            target, clip=clip, unique=mark, size=max(size, smallest_segment(clip, unique=mark)), ended_at=clock
        )
        if last and "flat" in part.roles:
            truncate(target, keep=_KEEP)
        written.append(target)
        if "sidecars" in part.roles:
            written.append(_sidecar(target, part, clip=clip, began=began, marked=number % 5 == 0))
        clock += timedelta(seconds=shuffle.randrange(4, 40))
    return [_made(part.serial, folder, path) for path in written]


def _sidecar(target: Path, part: Part, *, clip: str, began: datetime, marked: bool) -> Path:
    described = clips()[clip]
    bookmarks = [Bookmark(at_seconds=described.seconds / 2, label="marked")] if marked else []
    return write_sidecar(
        target, camera=part.serial, began_at=began, seconds=described.seconds, pre_record_seconds=described.pre_record_seconds,
        bookmarks=bookmarks, with_hash=True,
    )  # fmt: skip


def _sizes(part: Part, shuffle: random.Random) -> list[int]:
    """`part.bytes` shared out as recordings are: many short ones, few long ones."""
    weights = [shuffle.lognormvariate(0, 0.8) for _ in range(part.segments)]
    return [int(part.bytes * weight / sum(weights)) for weight in weights]


def _made(camera: str, folder: Path, path: Path) -> Made:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Made(camera=camera, path=str(path.relative_to(folder)), size=path.stat().st_size, sha256=digest)


def keep_list(file: Path, made: Iterable[Made]) -> None:
    """Add to the list of all that was ever recorded here."""
    with file.open("a", encoding="ascii") as out:
        out.writelines(json.dumps(asdict(one)) + "\n" for one in made)


def read_list(file: Path) -> list[Made]:
    """All that was ever recorded here."""
    with file.open(encoding="ascii") as lines:
        return [Made(**json.loads(line)) for line in lines]
