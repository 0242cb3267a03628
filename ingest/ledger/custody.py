"""The custody chain: append-only, hash-chained, its head signed.

An entry is canonical JSON (sorted keys, no spaces, ASCII) of `seq`, `at`, `action`, `prev` and `data`; its hash is the
SHA-256 of that text; `prev` is the hash of the entry before. Sequence numbers have no gaps but one: `custody.restored`
continues after the number that the store last saw, and says so. The head's signature is Ed25519 over
`dockd-head-v1\\n<seq>\\n<hash>`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingest.errors import LedgerUnusable
from ingest.model import Head

GENESIS = "0" * 64


def canonical(entry: dict[str, Any]) -> str:
    """The one text of an entry."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def entry_text(*, seq: int, at: str, action: str, prev: str, data: dict[str, Any]) -> str:
    """Canonical JSON of one entry."""
    return canonical({"seq": seq, "at": at, "action": action, "prev": prev, "data": data})


def entry_hash(text: str) -> str:
    """SHA-256 of an entry's text, lower-case hex."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _signed(head: Head) -> bytes:
    return f"dockd-head-v1\n{head.seq}\n{head.hash}".encode("ascii")


class DockKey:
    """The dock's signing key: made at first start, mode 0600, never leaves its file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
        self.thumbprint = thumbprint(self.public)

    @classmethod
    def load_or_make(cls, folder: Path) -> DockKey:
        """The key in `folder`/dock.key, made there if there is none. Raises LedgerUnusable."""
        path = folder / "dock.key"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                _write_key(path, Ed25519PrivateKey.generate())
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise LedgerUnusable(f"the dock's key {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise LedgerUnusable(
                f"the dock's key {path} is damaged: put back the saved one, or move it aside for a new one"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise LedgerUnusable(f"the dock's key {path} is not an Ed25519 key")
        return cls(key)

    def sign(self, head: Head) -> str:
        """Base64url signature of the head."""
        return base64.urlsafe_b64encode(self._private.sign(_signed(head))).rstrip(b"=").decode("ascii")


def _write_key(path: Path, key: Ed25519PrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    temporary = path.with_suffix(f".{secrets.token_hex(4)}.part")  # a killed start must not be in the way of the next
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, pem)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def thumbprint(public: str) -> str:
    """RFC 7638 thumbprint of an Ed25519 public key given as base64url of its 32 bytes."""
    jwk = canonical({"crv": "Ed25519", "kty": "OKP", "x": public})
    return base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).rstrip(b"=").decode("ascii")


def signature_holds(head: Head, *, public: str, signature: str) -> bool:
    """Whether `signature` (base64url) is the key's over this head."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_unb64(public))
        key.verify(_unb64(signature), _signed(head))
    except (InvalidSignature, ValueError):
        return False
    return True


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the chain; `data` as in ingest.events, `text` the canonical JSON that was hashed."""

    seq: int
    at: str
    action: str
    data: dict[str, Any]
    hash: str
    text: str


def entries(
    reader: sqlite3.Connection,
    *,
    segment: str | None = None,
    camera: str | None = None,
    since: str = "",
    until: str = "~",
) -> Iterator[Entry]:
    """Entries in order; `since` and `until` are RFC 3339 and compare as text."""
    where, values = "at >= ? AND at <= ?", [since, until]
    for column, value in (("segment", segment), ("camera", camera)):
        if value is not None:
            where, values = f"{where} AND {column} = ?", [*values, value]
    for seq, at, action, text, digest in reader.execute(
        f"SELECT seq, at, action, body, hash FROM custody WHERE {where} ORDER BY seq", values
    ):
        yield Entry(seq=seq, at=at, action=action, data=json.loads(text)["data"], hash=digest, text=text)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check of the whole chain found. `faults` is empty when nothing is wrong; `restored` names the gaps that are explained."""

    entries: int
    head: Head | None
    faults: tuple[str, ...]
    restored: tuple[int, ...] = ()
    outside: str = "unknown"


def verify(reader: sqlite3.Connection, *, head: str | None = None) -> Verdict:
    """Check every hash, every link, the head's signature, and that `head` (a hash known from outside) is in the chain."""
    faults: list[str] = []
    restored: list[int] = []
    prev, last, count, seen = GENESIS, None, 0, head is None
    for seq, action, at, camera, segment, text, digest in reader.execute(
        "SELECT seq, action, at, camera, segment, body, hash FROM custody ORDER BY seq"
    ):
        count += 1
        fault = _entry_fault(
            seq=seq, columns=(action, at, camera, segment), text=text, digest=digest, prev=prev, last=last
        )
        if fault:
            faults.append(fault)
        if action == "custody.restored":
            restored.append(seq)
        seen = seen or digest == head
        prev, last = digest, seq
    end = Head(seq=last, hash=prev) if last is not None else None
    faults += _head_faults(reader, end)
    if not seen:
        faults.append(
            f"the head {head} known from outside is not in the chain: entries were cut off, or it is another dock's"
        )
    return Verdict(
        entries=count, head=end, faults=tuple(faults), restored=tuple(restored),
        outside="unknown" if head is None else ("found" if seen else "missing"),
    )  # fmt: skip


def _entry_fault(
    *, seq: int, columns: tuple[Any, ...], text: str, digest: str, prev: str, last: int | None
) -> str | None:
    try:
        body = json.loads(text)
        data = body["data"]
        said = (body["action"], body["at"], data.get("camera"), data.get("segment"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"entry {seq}: its text is damaged"
    if not text.isascii() or canonical(body) != text or entry_hash(text) != digest:
        return f"entry {seq}: its text was changed"
    if body.get("seq") != seq or said != columns:
        return f"entry {seq}: its columns were changed"
    if body.get("prev") != prev:
        return f"entry {seq}: it does not follow the entry before (one was removed, inserted, changed or moved)"
    expected = 1 if last is None else last + 1
    jumps = body["action"] == "custody.restored" and seq == max(expected, int(data.get("store_seq", 0)) + 1)
    if seq != expected and not jumps:
        return f"entry {seq}: entries {expected} to {seq - 1} are missing"
    return None


def _head_faults(reader: sqlite3.Connection, end: Head | None) -> list[str]:
    row = reader.execute("SELECT seq, hash, key, signature FROM head").fetchone()
    if row is None:
        return [] if end is None else ["the head is not signed"]
    signed = Head(seq=row[0], hash=row[1])
    key = reader.execute("SELECT public FROM dock_keys WHERE thumbprint = ?", (row[2],)).fetchone()
    faults = []
    if end != signed:
        faults.append(f"the signed head is entry {signed.seq}, but the chain ends at {end.seq if end else 0}")
    if key is None or thumbprint(key[0]) != row[2] or not signature_holds(signed, public=key[0], signature=row[3]):
        faults.append("the head's signature does not hold")
    return faults
