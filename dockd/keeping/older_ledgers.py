"""The ledgers that a dock had before the one it works with (`ingest.ledger.kept_aside`), handed over at its end.

Why: the next step is to remove the state, and what one of them knew of cameras that never came back is nowhere else. Rules: each file goes as it is, by
its SHA-256, which is in the last entry of the record and in the note; what can be read of its record goes beside it; they are looked at in copies, in
the folder that they are handed over to, before anything is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.keeping.handing_over import WrongOut, name_it, who
from dockd.keeping.manifest import Changed, Unread, copy_from, opened
from ingest.errors import DockdError
from ingest.ledger.audit import Reader
from ingest.ledger.kept_aside import KeptAside, Lacking, kept_aside, lacking, record_of
from ingest.ledger.leaving import Reason, reasons_before


@dataclass(frozen=True, kw_only=True)
class Older:
    """One, looked at: `files`: name → (bytes, SHA-256); `copy`: where it can be read; `unread`: why a file of it cannot."""

    name: str
    files: dict[str, tuple[int, str]]
    copy: Path
    unread: str = ""

    def named(self) -> list[str]:
        """For the last entry of the record."""
        return [f"{name} {digest}" for name, (_size, digest) in self.files.items()] or [f"{self.name} unread"]


@dataclass(frozen=True, kw_only=True)
class HandedOlder:
    """`files`: where each lies now → its SHA-256. `record`: what could be read of its custody (`entries`; `whole`: to its end); `unread`: why not all."""

    name: str
    files: dict[str, str]
    record: str
    entries: int
    whole: bool
    unread: str = ""


@contextlib.contextmanager
def looked_at(ledger: Path, out: Path) -> Iterator[list[Older]]:
    """Those beside `ledger`, each with a copy of it in `out`, gone at the end. Nothing is made where there are none. Raises WrongOut, OSError."""
    found = kept_aside(ledger)
    if not found:
        yield []
        return
    folder = out / f".dockd-older.{secrets.token_hex(4)}.part"
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            copies = [_copied(ledger.parent, one, folder) for one in found]
        except Unread:
            raise
        except OSError as error:
            raise WrongOut(
                f"{out} cannot be written by {who()}, who owns the dock's state: {error.strerror}. Nothing was changed",
                unwritten=True,
            ) from error
        yield copies
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reasons(older: list[Older], present: Reader) -> list[Reason]:
    """What they know and the ledger in use does not. Raises nothing for damage."""
    found = []
    for one in older:
        known = Lacking(unread=one.unread) if one.unread else lacking(one.copy, present)
        found += reasons_before(one.name, known)
    return found


def hand_over_older(ledger: Path, out: Path, older: list[Older], *, dock: str) -> tuple[HandedOlder, ...]:
    """Each file as it was measured, durable under its name in `out`. Raises DockdError, OSError."""
    return tuple(_handed(ledger, out, one, dock=dock) for one in older)


def _copied(folder: Path, one: KeptAside, into: Path) -> Older:
    files, unread = {}, ""
    for name in one.files:
        try:
            with opened(folder / name) as file:
                files[name] = copy_from(file, into / name)
        except (Unread, FileNotFoundError) as error:
            unread = f"{name}: {error.strerror}"
    (into / f"{one.name}-shm").unlink(missing_ok=True)  # SQLite makes it anew; one that is not of this log misleads it
    return Older(name=one.name, files=files, copy=into / one.name, unread=unread)


def _handed(ledger: Path, out: Path, one: Older, *, dock: str) -> HandedOlder:
    def called(name: str) -> str:
        return f"dockd-ledger-{dock}-{name.removeprefix(ledger.name).removeprefix('.')}"

    files = {}
    for name, wanted in one.files.items():
        part = out / f".dockd-ledger.{secrets.token_hex(4)}.part"
        try:
            with opened(ledger.with_name(name)) as file:
                copy_from(file, part, wanted=wanted)
        except Changed as error:
            raise DockdError(f"{ledger.with_name(name)} was changed while it was handed over") from error
        target = out / called(name)
        try:
            name_it(part, target, digest=wanted[1])
        finally:
            part.unlink(missing_ok=True)
        files[str(target.absolute())] = wanted[1]
    if one.name not in one.files:
        return HandedOlder(name=one.name, files=files, record="", entries=0, whole=False, unread=one.unread)
    target = out / f"dockd-custody-{called(one.name).removeprefix('dockd-ledger-')}.jsonl"
    entries, whole = _write_record(one.copy, target)
    return HandedOlder(
        name=one.name, files=files, record=str(target.absolute()), entries=entries, whole=whole, unread=one.unread
    )


def _write_record(copy: Path, target: Path) -> tuple[int, bool]:
    part = target.with_name(f".dockd-custody.{secrets.token_hex(4)}.part")
    entries, last, digest = 0, "", hashlib.sha256()
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for line in record_of(copy):
                text = (json.dumps(line) + "\n").encode("ascii")
                file.write(text)
                digest.update(text)
                entries, last = entries + (line["type"] == "entry"), line["type"]
            file.flush()
            os.fsync(file.fileno())
        name_it(part, target, digest=digest.hexdigest())
    finally:
        part.unlink(missing_ok=True)
    return entries, last == "end"
