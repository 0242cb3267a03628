"""Whether a backup is whole: every file by its SHA-256, nothing beside them, and the record by its own chain and signatures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dockd.keeping.manifest import NAME, Manifest, measured, read
from ingest.errors import LedgerUnusable
from ingest.ledger import backup
from ingest.spool import Description


def check(folder: Path) -> tuple[Manifest, list[str]]:
    """What it says, and what is wrong with it. Raises BackupUnusable, OSError. Blocks."""
    manifest = read(folder)
    return manifest, list(_faults(folder, manifest))


def _faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    there = {str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir()} - {NAME}
    yield from (f"{name} is not of this backup" for name in sorted(there - set(manifest.files)))
    for name, wanted in sorted(manifest.files.items()):
        try:
            if measured(folder / name) != wanted:
                yield f"{name} is not what was written"
            elif name.startswith("spool/") and name.endswith(".json"):
                yield from _copy(folder, manifest, name)
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
    if "ledger.db" not in manifest.files:
        yield "it has no ledger.db"
        return
    yield from (f"ledger.db: {fault}" for fault in backup.faults(folder / "ledger.db"))
    try:
        if backup.look(folder / "ledger.db").head.hash != manifest.head:
            yield "ledger.db ends with another entry than the manifest says"
    except LedgerUnusable as error:
        yield error.message


def _copy(folder: Path, manifest: Manifest, name: str) -> Iterator[str]:
    """A copy of footage is what its description says it is."""
    try:
        digest = Description.of_text((folder / name).read_text(encoding="utf-8")).digest
    except ValueError:
        yield f"{name} describes no segment"
        return
    if manifest.files.get(name.removesuffix(".json")) != (digest.size, digest.sha256):
        yield f"{name.removesuffix('.json')} is not the segment that its description names"
