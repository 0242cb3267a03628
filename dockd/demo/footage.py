"""Footage for trials: playable MP4 files, all different, of any size, made from the few clips in the package.

Why it exists: a rehearsal with random bytes in files called .MP4 shows nothing that an officer could look at, and a video
encoder is no part of a dock. So each file is a packaged clip with one more box at its end, which players pass over: it
carries what makes the file unlike any other, and noise up to the size that is wanted. Noise, because a store or a
filesystem that compresses would otherwise flatter every figure. Rules kept here: equal arguments give equal bytes; no file
that is there already is written to.

    python -m dockd.demo.footage ROOT --files 200 --bytes "2 GiB"
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import click
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dockd.demo.boxes import outermost_boxes, user_box_header
from dockd.settings.units import parse_size

USERTYPE = UUID("6d5f4c0e-3a1b-5e8e-9c7d-646f636b6421").bytes
_FOLDER = Path(__file__).resolve().parent / "clips"
_HEADER_MOST = 32  # of a uuid box: size, type, large size, usertype
_NOISE_BLOCK = 1 << 20
_FILES_IN_A_FOLDER = 100
_FIRST_EVENING = datetime(2026, 1, 9, 18, 0, tzinfo=UTC)
_LAYOUTS = {
    "dcim": "DCIM/{folder:03d}MEDIA/DOC_{number:04d}.MP4",
    "vendor": "files/data/{day:%Y%m%d}/{day:%H%M%S}_{number:04d}.mp4",
}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One packaged clip: lengths in seconds and bytes; `sound`: an AAC track; `index_in_front`: moov before mdat."""

    name: str
    seconds: float
    pre_record_seconds: float
    width: int
    height: int
    frames_per_second: int
    sound: bool
    index_in_front: bool
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        """Where the clip itself is."""
        return _FOLDER / f"{self.name}.mp4"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What `build_tree` made: every file with its size in bytes, in the order of recording."""

    root: Path
    sizes: dict[Path, int]

    @property
    def total_bytes(self) -> int:
        """The sum over all files."""
        return sum(self.sizes.values())


@cache
def clips() -> dict[str, Clip]:
    """The packaged clips by name."""
    described = json.loads((_FOLDER / "clips.json").read_text(encoding="utf-8"))
    return {clip.name: clip for clip in (Clip(**one) for one in described)}


def smallest_segment(clip: str, *, unique: bytes) -> int:
    """The least size in bytes that `write_segment` can give a file of `clip` with `unique`."""
    return clips()[clip].size + _HEADER_MOST + len(unique)


def write_segment(
    target: Path, *, clip: str, unique: bytes, size: int | None = None, ended_at: datetime | None = None
) -> int:
    """Write a playable MP4 to the new file `target`; its size in bytes is the answer.

    It is the clip of that name with a box at the end that carries `unique` and then noise up to `size` bytes in all
    (default: no noise). With `ended_at` the file's modification time is set to that, as a camera does.

    Raises KeyError for an unknown clip, ValueError where `size` is below `smallest_segment`, FileExistsError, OSError.
    """
    source = clips()[clip]
    least = smallest_segment(clip, unique=unique)
    total = least if size is None else size
    if total < least:
        raise ValueError(f"{target.name}: {clip} with its box needs at least {least} bytes, not {total}")
    header = user_box_header(usertype=USERTYPE, total=total - source.size)
    with target.open("xb", buffering=0) as file:
        _write_all(file.fileno(), source.path.read_bytes() + header + unique)
        for block in _noise(total - source.size - len(header) - len(unique), key=unique):
            _write_all(file.fileno(), block)
    if ended_at is not None:
        os.utime(target, (ended_at.timestamp(), ended_at.timestamp()))
    return total


def truncate(target: Path, *, keep: float = 0.6) -> int:
    """Cut `target` as a flat battery does: in the middle of its picture data, with `keep` (0 to 1) of that left.

    The answer is the new size in bytes. A camera writes the index last, so a file whose index is at the end loses it and
    plays only after repair; dockd keeps it either way. Modification time stays. Raises ValueError, OSError.
    """
    if not 0 < keep < 1:
        raise ValueError(f"keep is {keep}: a part that is left lies between 0 and 1")
    before = target.stat()
    data = next((box for box in outermost_boxes(target) if box.type == "mdat"), None)
    if data is None:
        raise ValueError(f"{target} has no picture data to cut")
    size = data.content + int((data.end - data.content) * keep)
    os.truncate(target, size)
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    return size


def build_tree(root: Path, *, files: int, total_bytes: int, seed: int, layout: str = "dcim") -> Tree:
    """Fill the folder `root` (made where missing) with `files` MP4 files of `total_bytes` in all.

    Sizes differ as recordings do; equal arguments give equal trees. Layouts: "dcim" (DCIM/100MEDIA/DOC_0001.MP4, a new
    folder for each hundred files, numbers that wrap after 9999) and "vendor" (files/data/DAY/TIME_NUMBER.mp4).

    Raises ValueError where the files cannot be so small, KeyError for an unknown layout, FileExistsError, OSError.
    """
    pattern = _LAYOUTS[layout]
    shuffle = random.Random(seed)
    names = sorted(clips())
    chosen = [names[number % len(names)] for number in range(files)]
    shuffle.shuffle(chosen)
    marks = [f"dockd trial {seed} {number}".encode() for number in range(files)]
    sizes = _sizes(
        [smallest_segment(clip, unique=mark) for clip, mark in zip(chosen, marks, strict=True)],
        total=total_bytes,
        shuffle=shuffle,
    )
    made: dict[Path, int] = {}
    ended = _FIRST_EVENING
    for number, (clip, mark, size) in enumerate(zip(chosen, marks, sizes, strict=True)):
        ended += timedelta(seconds=clips()[clip].seconds + shuffle.randrange(10, 600))
        folder = 100 + number // _FILES_IN_A_FOLDER % 900
        target = root / pattern.format(folder=folder, number=1 + number % 9999, day=ended)
        target.parent.mkdir(parents=True, exist_ok=True)
        made[target] = write_segment(target, clip=clip, unique=mark, size=size, ended_at=ended)
    return Tree(root=root, sizes=made)


def _sizes(least: list[int], *, total: int, shuffle: random.Random) -> list[int]:
    """`total` bytes shared out by chance, each share at least what `least` says."""
    spare = total - sum(least)
    if spare < 0:
        raise ValueError(f"{len(least)} files need at least {sum(least)} bytes, not {total}")
    weights = [shuffle.lognormvariate(0, 0.7) for _ in least]
    shares = [int(spare * (weight / sum(weights))) for weight in weights]
    shares[-1] += spare - sum(shares)
    return [low + share for low, share in zip(least, shares, strict=True)]


def _noise(length: int, *, key: bytes) -> Iterator[bytes | memoryview]:
    """`length` bytes that no compressor makes smaller, the same for the same `key`, at gigabytes a second."""
    stream = Cipher(algorithms.AES(hashlib.sha256(key).digest()), modes.CTR(bytes(16))).encryptor()
    nothing = memoryview(bytes(_NOISE_BLOCK))
    while length > 0:
        block = stream.update(nothing[: min(length, _NOISE_BLOCK)])
        length -= len(block)
        yield block


def _write_all(descriptor: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@click.command()
@click.argument("root", type=click.Path(path_type=Path, file_okay=False))
@click.option("--files", type=click.IntRange(min=1), default=200, show_default=True, help="How many files.")
@click.option("--bytes", "size", default="2 GiB", show_default=True, help="How much they are in all.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another tree.")
@click.option("--layout", type=click.Choice(sorted(_LAYOUTS)), default="dcim", show_default=True)
def main(root: Path, files: int, size: str, seed: int, layout: str) -> None:
    """Fill the folder ROOT with playable MP4 files for a trial."""
    try:
        tree = build_tree(root, files=files, total_bytes=parse_size(size), seed=seed, layout=layout)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(tree.sizes)} files, {tree.total_bytes} bytes in {tree.root}")


if __name__ == "__main__":
    main()
