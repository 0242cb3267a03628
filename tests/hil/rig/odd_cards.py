"""Cards that are not as a camera's should be: locked in LUKS, of no known filesystem, with two partitions, and many at once."""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.hil.rig import footage
from tests.hil.rig.cards import Card, Filesystem, Table, make_card
from tests.hil.rig.fat_volume import FatVolume
from tests.hil.rig.shell import host
from tests.hil.rig.volumes import SECTOR

SMALL: Mapping[str, int] = {
    "DCIM/100MEDIA/BWC00001.MP4": 700_000,
    "DCIM/100MEDIA/BWC00002.MP4": 400_001,
    "DCIM/100MEDIA/BWC00003.MP4": 300_000,
}
DOCUMENTS: Mapping[str, int] = {
    "Statements/2026-03 witness.docx": 120_000,
    "Statements/custody record.pdf": 480_000,
    "Private/holiday.jpg": 900_000,
    "shopping.txt": 300,
}
# In the frames of each clip of a card that others are cloned from, and replaced by each clone's own.
MARK = b"\x00CARD NUMBER 0000\x00"


def filled_card(
    image: Path,
    sizes: Mapping[str, int] = SMALL,
    *,
    filesystem: Filesystem = Filesystem.FAT32,
    table: Table = Table.MBR,
    label: str = "BWC",
    size: int = 48 << 20,
    seed: str = "",
) -> Card:
    """A card with these files on it; beside the image lies the folder that they came from. Another seed, other footage."""
    tree = footage.write_tree(image.with_suffix(".tree"), sizes, seed=seed)
    card = make_card(
        image, filesystem=filesystem, table=table, label=label, size=size, cluster=512 if size < 256 << 20 else 4096
    )
    card.fill(tree)
    return card


def clones(folder: Path, *, number: int, sizes: Mapping[str, int] = SMALL, size: int = 48 << 20) -> list[Card]:
    """So many FAT32 cards with footage of their own and volumes of their own, made fast: one is filled, the rest are copies.

    In every clip of a copy a few bytes are another's than in its model, so no two cards hold one equal file.
    """
    tree = folder / "model.tree"
    for name, length in sizes.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        clip = footage.clip(length, seed=name)
        path.write_bytes(clip[:1024] + MARK + clip[1024 + len(MARK) :])
    model = make_card(folder / "model.img", size=size, cluster=512)
    model.fill(tree)
    raw = model.image.read_bytes()
    places = _all(raw, MARK)
    cards = []
    for nth in range(1, number + 1):
        card = model.copied_to(folder / f"card-{nth:02d}.img")
        card.volume.relabel(serial=0x0B0D0000 + nth)
        with card.image.open("r+b") as file:
            for at in places:
                file.seek(at)
                file.write(MARK.replace(b"0000", b"%04d" % nth))
        cards.append(card)
    return cards


def _all(raw: bytes, needle: bytes) -> list[int]:
    found = []
    at = raw.find(needle)
    while at >= 0:
        found.append(at)
        at = raw.find(needle, at + 1)
    return found


def fill_up(card: Card, *, name: str = "DCIM/100MEDIA/BWC09999.MP4", leave: int = 0) -> int:
    """Add one more clip to a FAT32 card, so large that only `leave` bytes stay free. Returns its size."""
    size = card.fat.free_bytes() - leave
    path = card.image.with_suffix(".more")
    path.write_bytes(footage.clip(size, seed=name))
    host("mcopy", "-i", f"{card.image}@@{card.start}", path, f"::/{name}")
    path.unlink()
    return size


def two_partitions(image: Path, first: Path, second: Path, *, size: int = 96 << 20) -> tuple[Card, FatVolume]:
    """A card with two FAT32 partitions, filled from two folders; the second as a volume."""
    half = (size // 2) >> 20 << 20
    with image.open("wb") as file:
        file.truncate(size)
    lines = [
        f"start={1 << 11}, size={(half - (1 << 20)) // SECTOR}, type=c",
        f"start={half // SECTOR}, size={(half - (1 << 20)) // SECTOR}, type=c",
    ]
    host("sfdisk", "-q", image, stdin="label: dos\n" + "\n".join(lines) + "\n")
    volumes = [FatVolume(image=image, start=start, size=half - (1 << 20)) for start in (1 << 20, half)]
    for volume, tree, label in zip(volumes, (first, second), ("FIRST", "SECOND"), strict=True):
        volume.format(label=label, cluster=512)
        volume.fill(tree)
    return Card(image=image, filesystem=Filesystem.FAT32), volumes[1]


def partitioned_image(image: Path, content: bytes, *, size: int = 48 << 20) -> Card:
    """A card whose one partition begins with these bytes, whatever they are; only to be plugged, not to be read here."""
    with image.open("wb") as file:
        file.truncate(size)
    host("sfdisk", "-q", image, stdin=f"label: dos\nstart={1 << 11}, type=83\n")
    with image.open("r+b") as file:
        file.seek(1 << 20)
        file.write(content)
    return Card(image=image, filesystem=Filesystem.FAT32)


def unknown_filesystem() -> bytes:
    """The beginning of a volume that only its maker can read."""
    return b"RECORDERFS v3\0\0\0" + random.Random("vendor").randbytes(1 << 20)


def luks_header() -> bytes:
    """A LUKS1 header as far as anybody looks who has no key."""
    fields = (b"LUKS\xba\xbe", 1, b"aes", b"xts-plain64", b"sha256", 4096, 64, bytes(20), bytes(32), 1000)
    head = struct.pack(">6sH32s32s32sII20s32sI40s", *fields, str(uuid.UUID(int=0xB0D1)).encode())
    keys = struct.pack(">II32sII", 0xDEAD, 0, bytes(32), 8, 4000) * 8
    return (head + keys).ljust(4096, b"\0") + random.Random("luks").randbytes(1 << 20)
