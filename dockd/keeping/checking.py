"""Whether a backup is what was written, and what is known to be wrong with what was written.

Rules: damage (a file by its SHA-256, something beside them, the ledger's file, another end of the record than the manifest's) is what a backup is not
put back with. What was so in the dock already is told and put back all the same: a record with faults, a copy of footage that is not what its
description says. It may be all there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.keeping.manifest import NAME, Manifest, measured, read
from ingest.errors import LedgerUnusable
from ingest.ledger import backup


@dataclass(frozen=True, kw_only=True)
class Checked:
    """`damage`: it is not what was written. `record`: faults of the dock's record; `copies`: of its footage. Both were so when it was made."""

    manifest: Manifest
    damage: tuple[str, ...]
    record: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


def check(folder: Path, *, vouched: frozenset[str] = frozenset()) -> Checked:
    """`vouched`: thumbprints of the dock's keys that are known from elsewhere. Raises BackupUnusable, OSError. Blocks."""
    manifest = read(folder)
    damage = tuple(_damage(folder, manifest))
    if damage:
        return Checked(manifest=manifest, damage=damage, copies=manifest.unlike)
    record = tuple(f"ledger.db: {fault}" for fault in backup.faults(folder / "ledger.db", vouched=vouched))
    return Checked(manifest=manifest, damage=(), record=record, copies=manifest.unlike)


def _damage(folder: Path, manifest: Manifest) -> Iterator[str]:
    there = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_symlink() or not one.is_dir()} - {NAME}
    yield from (f"{name} is not of this backup" for name in sorted(there - set(manifest.files)))
    for name, wanted in sorted(manifest.files.items()):
        try:
            if measured(folder / name) != wanted:
                yield f"{name} is not what was written"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
    if "ledger.db" not in manifest.files:
        yield "it has no ledger.db"
        return
    try:
        yield from (f"ledger.db: {fault}" for fault in backup.damage(folder / "ledger.db"))
        if backup.look(folder / "ledger.db").head.hash != manifest.head:
            yield "ledger.db ends with another entry than the manifest says"
    except LedgerUnusable as error:
        yield error.message
    except OSError as error:
        yield f"ledger.db cannot be read: {error.strerror}"
