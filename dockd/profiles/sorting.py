"""What each file on a card would be to a profile: for whoever writes one, with the card's folder before them.

Rules kept here: it walks as the agent does (no links followed, regular files only), a bounded number of files, and opens none of them.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ingest.camera.mass_storage import MassStorage
from ingest.model import Listed, Skipped, legible
from ingest.rules import FileKind, FileRules

MOST_FILES = 200_000
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Card:
    """What was found. `names`: those in its root; `whole`: whether there was no more than is looked at."""

    names: tuple[bytes, ...]
    files: tuple[Listed, ...]
    skipped: tuple[Skipped, ...]
    whole: bool


@dataclass(kw_only=True)
class Pile:
    """The files of one kind: how many, how many bytes, and some of them, each with its recording ("" where none is told)."""

    files: int = 0
    size: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """A card as a profile sees it. `endings`: of the files that are neither segments nor sidecars, the most frequent first."""

    profile: str
    piles: dict[FileKind, Pile]
    endings: tuple[tuple[str, int], ...]
    skipped: tuple[Skipped, ...]
    whole: bool


def card_in(folder: Path) -> Card:
    """List the folder. Blocks. Raises CameraGone, Unreadable, OSError."""
    root = os.path.realpath(os.fsencode(folder))
    camera = MassStorage(root)
    try:
        entries = list(islice(camera.listing(), MOST_FILES + 1))
    finally:
        camera.close()
    files = tuple(one for one in entries[:MOST_FILES] if isinstance(one, Listed))
    skipped = tuple(one for one in entries[:MOST_FILES] if isinstance(one, Skipped))
    return Card(names=tuple(os.listdir(root)), files=files, skipped=skipped, whole=len(entries) <= MOST_FILES)


def sort(card: Card, rules: FileRules, *, profile: str) -> Sorted:
    """Each file to its kind."""
    piles: dict[FileKind, Pile] = {kind: Pile() for kind in ("segment", "sidecar", "other", "ignorable")}
    endings: Counter[str] = Counter()
    for one in card.files:
        kind = rules.kind(one.path)
        pile = piles[kind]
        pile.files += 1
        pile.size += one.size
        if len(pile.examples) < _EXAMPLES:
            pile.examples.append((legible(one.path), _recording(one.path, rules) if kind == "segment" else ""))
        if kind == "other":
            endings[_ending(one.path)] += 1
    return Sorted(
        profile=profile, piles=piles, endings=tuple(endings.most_common(10)), skipped=card.skipped[:10], whole=card.whole
    )  # fmt: skip


def _recording(path: bytes, rules: FileRules) -> str:
    place = rules.place(path)
    part = f", part {place.part}" if place.part is not None else ""
    return f"{place.recording}{part}" if place.recording else ""


def _ending(path: bytes) -> str:
    name = legible(path.rpartition(b"/")[2])
    return name[name.rfind(".") :][:20].upper() if "." in name[1:] else name[:20]
