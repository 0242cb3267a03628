"""The files of enrolment, in the folder of the dock's keys: what is in use, what is to follow it, and what an interrupted run left to go on with.

    store-client.pem        key and certificate chain by which the dock is known to its store, in one file, so that both change at once
    store.token             the bearer token, where it is known by one
    store-*.next*           what is being got, until it has been proven to open the door

Rules: each is 0600 and the agent's own, durable before anything rests on it, and there whole or not at all; a key that is there is never drawn over; what is in use is replaced by
renaming alone, and only by what was proven.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import DockdError
from ingest.ledger.pin_file import durable_text, sync_folder

_LARGEST = 256 << 10


class NotTaken(DockdError):
    """What is there cannot be used for this; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """In `folder`, which is made where it is not there. `turn`: in whose names what is to follow is got; the agent that renews leaves alone what a person has begun."""

    folder: Path
    turn: str = "next"

    @property
    def certificate(self) -> Path:
        return self.folder / "store-client.pem"

    @property
    def token(self) -> Path:
        return self.folder / "store.token"

    @property
    def next_key(self) -> Path:
        return self.folder / f"store-client.{self.turn}.key"

    @property
    def next_certificate(self) -> Path:
        return self.folder / f"store-client.{self.turn}.pem"

    @property
    def next_token(self) -> Path:
        return self.folder / f"store.{self.turn}.token"

    @property
    def request(self) -> Path:
        return self.folder / f"store-client.{self.turn}.csr"

    @property
    def invitation(self) -> Path:
        return self.folder / "store-invitation"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: a person's run, or the agent that renews. Raises NotTaken, OSError."""
        self.make_folder()
        fd = os.open(self.folder / "enrolment.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise NotTaken("another enrolment or renewal is under way here: try again in a moment") from error
        finally:
            os.close(fd)

    def make_folder(self) -> None:
        """Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def clear(self, *files: Path) -> None:
        """What is no longer of use. Raises OSError."""
        for file in files:
            file.unlink(missing_ok=True)
        sync_folder(self.folder)

    def put(self, source: Path, target: Path) -> None:
        """What was proven takes the place of what was in use. Raises OSError."""
        os.rename(source, target)
        sync_folder(self.folder)


def first_of(path: Path, text: str) -> str:
    """Write a file that is not there yet; what it says then, which is what somebody else wrote where they were quicker. Blocks. Raises OSError."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    durable_text(aside, text)
    try:
        os.link(aside, path)
    except FileExistsError:
        return text_of(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return text


def whole(path: Path, text: str) -> None:
    """Write a file of ours anew, whole or not at all. Blocks. Raises OSError."""
    durable_text(path, text)


def text_of(path: Path) -> str:
    """A small file of ours. Blocks. Raises OSError, NotTaken where others may read or have written what is secret, or it is no such file."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise NotTaken(f"{path} is no file")
        if found.st_mode & 0o077:
            raise NotTaken(
                f"{path} may be read by others than its owner: whoever did has what is in it. Take it away, and begin anew"
            )
        raw = file.read(_LARGEST + 1)
    try:
        if len(raw) > _LARGEST:
            raise ValueError("it is too large")
        return raw.decode("ascii")
    except ValueError as error:
        raise NotTaken(f"{path} is damaged: take it away, and begin anew") from error
