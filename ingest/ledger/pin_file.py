"""The pinned store beside the ledger, so that a ledger that is lost does not take with it which store is believed.

Rules: `store.pin` lies with the dock's keys. It is durable before the ledger commits what it says, so it is never the older of the two, and
where they differ it is right: which store was pinned, and by which keys. Caught is a store that either of the two says it of. A file that cannot be
understood pins nothing that could answer, whatever the ledger says: then a person says which store it is (dockd store pin). Without any file a new
ledger pins the first honest store, as in a new dock.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from ingest.model import ProofMethod

NAME = "store.pin"
_LARGEST = 1 << 20
UNREADABLE = "unknown (store.pin beside the dock's keys is damaged: pin the store anew with dockd store pin)"


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The store that this dock believes. `honest_at`: seconds since the epoch of the last passed honesty check."""

    id: str
    url: str
    method: ProofMethod
    durable: bool
    keys: tuple[str, ...]
    honest_at: float | None
    dishonest: str | None


def kept(folder: Path) -> Pinned | None:
    """What was pinned last, by the file in the folder of the dock's keys; None where nothing ever was. Blocks. Raises OSError."""
    try:
        with (folder / NAME).open("rb") as file:
            raw = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    try:
        return _of(json.loads(raw))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Pinned(id=UNREADABLE, url="", method="receipt", durable=False, keys=(), honest_at=None, dishonest=None)


def text_of(pinned: Pinned) -> str:
    """What the file says of it."""
    said = {
        "dockd_pin": 1, "id": pinned.id, "url": pinned.url, "method": pinned.method, "durable": pinned.durable,
        "keys": list(pinned.keys), "dishonest": pinned.dishonest,
    }  # fmt: skip
    return json.dumps(said, sort_keys=True) + "\n"


def same(one: Pinned, other: Pinned) -> bool:
    """Whether both say the same of which store is believed."""
    return (one.id, one.method, one.keys, one.dishonest) == (other.id, other.method, other.keys, other.dishonest)


def _of(said: dict[str, Any]) -> Pinned:
    if said["dockd_pin"] != 1 or said["method"] not in get_args(ProofMethod):
        raise ValueError("of another format")
    texts = [said["id"], said["url"], *said["keys"], said["dishonest"] or ""]
    if not all(isinstance(text, str) for text in texts) or not said["id"]:
        raise ValueError("of another format")
    return Pinned(
        id=said["id"], url=said["url"], method=cast(ProofMethod, said["method"]), durable=said["durable"] is True,
        keys=tuple(said["keys"]), honest_at=None, dishonest=said["dishonest"],
    )  # fmt: skip


def durable_text(path: Path, text: str) -> None:
    """A small file of ours that is there whole or not at all. Blocks. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(text.encode("utf-8", "surrogateescape"))
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
