"""The oracle: what is safe where, by coreutils' sha256sum over files, never by what dockd says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.hil.rig.shell import host

Hashes = Mapping[str, str]


def hashes(folder: Path) -> dict[str, str]:
    """Path below `folder` → SHA-256 in hex, of every regular file."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if not paths:
        return {}
    # -z ends each entry with NUL and leaves names as they are.
    said = host("sha256sum", "-z", "--", *paths)
    entries = (entry.split("  ", 1) for entry in said.split("\0") if entry)
    return {str(Path(name).relative_to(folder)): digest for digest, name in entries}


def lost(originals: Hashes, *, card: Hashes, store: Hashes) -> list[str]:
    """Every original that is whole neither on the card, under its own name, nor anywhere in the store."""
    stored = set(store.values())
    return [name for name, digest in originals.items() if card.get(name) != digest and digest not in stored]
