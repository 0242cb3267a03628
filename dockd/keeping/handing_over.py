"""The whole record of a dock, into a folder that outlives it.

Rules: it is written only from a record in which all of it holds; it is there whole under its name, or not; the name says whose it is and where it
ends, so that many docks may be handed over into one folder, and nothing that is there is ever written over.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import DockdError
from ingest.ledger.audit import Reader, SignedHead, check, moment
from ingest.ledger.handover import handover
from ingest.ledger.history import Wanted
from ingest.ledger.pin_file import sync_folder


class WrongOut(DockdError):
    """The folder for the record is not one that outlives the dock, or cannot be written (`unwritten`); nothing was changed."""

    def __init__(self, message: str, *, unwritten: bool = False) -> None:
        super().__init__(message)
        self.unwritten = unwritten


@dataclass(frozen=True, kw_only=True)
class Handed:
    """The file, its SHA-256, and where the record in it ends."""

    path: Path
    sha256: str
    seq: int
    head: str


def name_of(dock: str, *, seq: int, head: str) -> str:
    """The file's name."""
    return f"dockd-custody-{dock}-{seq}-{head[:8]}.jsonl"


def see_out(out: Path, places: Iterable[Path]) -> None:
    """Raises WrongOut where `out` lies in one of `places`, which go with the dock."""
    real = out.resolve()
    for place in places:
        if real.is_relative_to(place.resolve()):
            raise WrongOut(
                f"--out {out} lies in {place}, which is removed at the end of a dock, with the record: name a folder that is not on this dock"
            )


def on_one_disk(out: Path, folder: Path) -> bool:
    """Whether what would lie in `out` lies on the disk of `folder`. Raises OSError."""
    disks = {os.stat(next(above for above in (one, *one.parents) if above.exists())).st_dev for one in (out, folder)}
    return len(disks) == 1


@contextlib.contextmanager
def there(out: Path) -> Iterator[Path]:
    """An empty file in `out`, which is made: that it can be written is known before anything rests on it. Gone at the end. Raises WrongOut."""
    part = out / f".dockd-custody.{secrets.token_hex(4)}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        part.touch(exist_ok=False)
    except OSError as error:
        raise WrongOut(
            f"{out} cannot be written by {who()}, who owns the dock's state: {error.strerror}. Nothing was changed",
            unwritten=True,
        ) from error
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def who() -> str:
    """As whom this works."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def as_it_holds(reader: Reader, *, vouched: frozenset[str]) -> SignedHead:
    """The record's signed end. Raises DockdError where anything in it does not hold."""
    audit = check(reader, vouched=vouched)
    if audit.faults:
        raise DockdError(
            f"the record does not hold ({audit.faults[0]}): `dockd custody verify` names every fault; the dock is not given up, and no key was erased. "
            "A new key that you know from elsewhere is vouched for by --key"
        )
    if audit.signed is None:
        raise DockdError("the record has no end that was signed: nothing was handed over, and no key erased")
    return audit.signed


def hand_over(
    ledger: Path, part: Path, *, dock: str, vouched: frozenset[str] = frozenset(), wanted: tuple[int, str] | None = None
) -> Handed:
    """Write it with its receipts into `part`, durable, and give it its name. `wanted`: it was checked before, and ended there.

    Raises DockdError, LedgerUnusable, OSError.
    """
    with moment(ledger) as reader:
        if wanted is None:
            signed = as_it_holds(reader, vouched=vouched)
            wanted = (signed.head.seq, signed.head.hash)
        digest = hashlib.sha256()
        with part.open("wb") as file:
            for number, line in enumerate(handover(reader, Wanted(), with_receipts=True)):
                if number == 0 and (line["head"]["seq"], line["head"]["hash"]) != wanted:
                    raise DockdError(
                        f"the record does not end with entry {wanted[0]} any more: nothing was handed over"
                    )
                text = (json.dumps(line) + "\n").encode("ascii")
                digest.update(text)
                file.write(text)
            file.flush()
            os.fsync(file.fileno())
    target = part.with_name(name_of(dock, seq=wanted[0], head=wanted[1]))
    name_it(part, target, digest=digest.hexdigest())
    return Handed(path=target.absolute(), sha256=digest.hexdigest(), seq=wanted[0], head=wanted[1])


def name_it(part: Path, target: Path, *, digest: str) -> None:
    """The name is taken first, by an empty file: not every disk that a record is carried on knows links. Raises DockdError where it is another's."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        with os.fdopen(os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == digest:
                return
            if os.fstat(file.fileno()).st_size:  # an empty one is of a run that was cut
                raise DockdError(
                    f"{target} is there, and is another record: nothing was written over it. Name another --out"
                ) from None
    os.rename(part, target)
    sync_folder(target.parent)
