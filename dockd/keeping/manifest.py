"""What a backup says of itself: written last, so that a backup without it was cut, and with it every file can be held against its SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingest.errors import DockdError
from ingest.ledger.pin_file import durable_text

NAME = "manifest.json"
_LARGEST = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


class BackupUnusable(DockdError):
    """It is no whole backup, or cannot be written; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`files`: path in the backup → (bytes, SHA-256). `left_out`: segments and bytes that waited in the spool and are not in it."""

    made_at: str
    version: str
    dock: str
    seq: int
    head: str
    tables: str
    keys: bool
    spool: bool
    left_out: tuple[int, int]
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Durable, and there whole or not at all. Raises OSError."""
        durable_text(folder / NAME, json.dumps({"dockd_backup": 1, **asdict(self)}, sort_keys=True, indent=1) + "\n")


def read(folder: Path) -> Manifest:
    """Raises BackupUnusable, OSError."""
    try:
        with (folder / NAME).open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise BackupUnusable(f"{folder} is no whole backup: it has no {NAME} (was it cut?)") from error
    try:
        said: dict[str, Any] = json.loads(raw)
        if len(raw) > _LARGEST or said["dockd_backup"] != 1:
            raise ValueError
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
        if not all(_safe(name) and size >= 0 and _SHA256.fullmatch(digest) for name, (size, digest) in files.items()):
            raise ValueError
        words = {name: str(said[name]) for name in ("made_at", "version", "dock", "head", "tables")}
        left = (int(said["left_out"][0]), int(said["left_out"][1]))
        return Manifest(
            **words, seq=int(said["seq"]), keys=said["keys"] is True, spool=said["spool"] is True, left_out=left, files=files
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise BackupUnusable(
            f"{folder / NAME} is not what dockd writes: it was changed, or a newer dockd wrote it"
        ) from error


def _safe(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and all(part not in ("", ".", "..") for part in parts) and "\0" not in name


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Durable under its name, 0600; its size and SHA-256 as they were read. A link is not followed. Blocks. Raises OSError."""
    part = target.with_name(f".{target.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(fd, "rb") as file:
        out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(out, "wb") as copy:
            while block := file.read(_BLOCK):
                copy.write(block)
                digest.update(block)
                size += len(block)
            copy.flush()
            os.fsync(copy.fileno())
    os.rename(part, target)
    return size, digest.hexdigest()


def measured(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a regular file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(file.fileno()).st_size, digest
