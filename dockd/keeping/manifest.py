"""What a backup says of itself: written last, so that a backup without it was cut, and with it every file can be held against its SHA-256."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ingest.errors import DockdError
from ingest.ledger.pin_file import durable_text

NAME = "manifest.json"
_LARGEST = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_OF_KEYS = re.compile(
    r"dock\.(id|key|key\.next)|store\.(pin|token|\w+\.token)|store-client\.(pem|\w+\.(key|pem|csr))|store-invitation"
)


class BackupUnusable(DockdError):
    """It is no whole backup, or cannot be written; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`files`: path in the backup → (bytes, SHA-256). `left_out`: segments and bytes that waited in the spool and are not in it.

    `unlike`: copies of footage that were not what their descriptions say when it was made, in words. `not_taken`: what else lay there and is not in it.
    """

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
    unlike: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()

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
            **words, seq=int(said["seq"]), keys=said["keys"] is True, spool=said["spool"] is True, left_out=left, files=files,
            unlike=tuple(map(str, said.get("unlike", ()))), not_taken=tuple(map(str, said.get("not_taken", ()))),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise BackupUnusable(
            f"{folder / NAME} is not what dockd writes: it was changed, or a newer dockd wrote it"
        ) from error


def is_of_keys(name: str) -> bool:
    """Whether a name is one that dockd gives to what lies in its folder of keys, and that may go with a backup.

    >>> [is_of_keys(name) for name in ("dock.key", "store-client.next.key", "head", "passwd")]
    [True, True, False, False]
    """
    return _OF_KEYS.fullmatch(name) is not None


def _safe(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and all(part not in ("", ".", "..") for part in parts) and "\0" not in name


class Unread(OSError):
    """What was to be copied cannot be read; nothing is wrong with where it was to go."""


class Changed(OSError):
    """What was read is not what was wanted."""


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Durable under its name, 0600; its size and SHA-256 as they were read. A link is not followed. Blocks. Raises OSError."""
    with opened(source) as file:
        return copy_from(file, target)


def opened(source: str | Path, *, within: int | None = None) -> BinaryIO:
    """A regular file, `within` a folder's descriptor; no link is followed. Raises FileNotFoundError, Unread."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=within)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unread(error.errno, error.strerror, str(source)) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unread(errno.EINVAL, "it is no regular file", str(source))
    return os.fdopen(fd, "rb")


def opened_folder(folder: str | Path, *, within: int | None = None) -> int:
    """A folder's descriptor; no link is followed. Raises FileNotFoundError, Unread."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    except FileNotFoundError:
        raise
    except OSError as error:
        linked = error.errno in (errno.ENOTDIR, errno.ELOOP)
        why = "it is no folder (a link is not followed)" if linked else error.strerror
        raise Unread(error.errno, why, str(folder)) from error


def copy_from(file: BinaryIO, target: Path, *, wanted: tuple[int, str] | None = None) -> tuple[int, str]:
    """As `copy_file`, of what is open. It gets its name only where it is `wanted`. Blocks. Raises Unread, Changed, OSError."""
    part = target.with_name(f".{target.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    digest, size = hashlib.sha256(), 0
    out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(out, "wb") as copy:
            while block := _block(file, target.name):
                copy.write(block)
                digest.update(block)
                size += len(block)
            copy.flush()
            os.fsync(copy.fileno())
        if wanted not in (None, (size, digest.hexdigest())):
            raise Changed(errno.EIO, "it was changed while it was read", target.name)
        os.rename(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return size, digest.hexdigest()


def _block(file: BinaryIO, name: str) -> bytes:
    try:
        return file.read(_BLOCK)
    except OSError as error:
        raise Unread(error.errno, error.strerror, name) from error


def measured(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a regular file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(file.fileno()).st_size, digest
