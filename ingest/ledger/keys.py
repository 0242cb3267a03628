"""The dock's signing key: made at first start, replaced by rotation, and signed for by the one before.

Rules: a private key never leaves its file, 0600 in a 0700 folder. `dock.key` is the key that signs; `dock.key.next` is one that a rotation
has made: it counts from the ledger's commit of `custody.key_rotated` on, so whichever of the two the chain announced last is the key, and a
start finishes what a crash has left. `dock.id` says under which name stores know this dock: the thumbprint of its first key, for good.
A rotation's proof is signed over the entry's own number and the hash before it: who has the new key alone cannot write another past.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingest.errors import LedgerUnusable
from ingest.model import Head

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


def head_statement(head: Head) -> bytes:
    """What a head's signature is over."""
    return f"dockd-head-v1\n{head.seq}\n{head.hash}".encode("ascii")


def rotation_statement(*, seq: int, prev: str, public: str) -> bytes:
    """What the old key signs: `public` is the dock's key from entry `seq` on, which follows the entry with the hash `prev`."""
    return f"dockd-key-rotation-v1\n{seq}\n{prev}\n{public}".encode("ascii")


class DockKey:
    """A key of the dock. `public` is base64url of its 32 bytes, `thumbprint` its name (RFC 7638)."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = base64url(raw)
        self.thumbprint = thumbprint(self.public)

    def sign(self, head: Head) -> str:
        """Base64url signature of the head."""
        return base64url(self._private.sign(head_statement(head)))

    def vouch(self, *, seq: int, prev: str, public: str) -> str:
        """Base64url signature for the key that follows this one, from entry `seq` on."""
        return base64url(self._private.sign(rotation_statement(seq=seq, prev=prev, public=public)))

    def pem(self) -> bytes:
        """The private key, for its file."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclass(frozen=True)
class KeyFolder:
    """Where the dock's keys lie."""

    folder: Path

    @property
    def current(self) -> Path:
        """The key that signs."""
        return self.folder / "dock.key"

    @property
    def next(self) -> Path:
        """A key that a rotation has made and that does not count yet, or not everywhere."""
        return self.folder / "dock.key.next"

    def load(self, *, announced: str | None) -> DockKey:
        """The dock's key, made if there is none. `announced` is the thumbprint that the chain names last: a rotation that a crash has
        ended after its record is finished here, one that was not recorded is forgotten. Raises LedgerUnusable.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.next.exists():
                self._settle(announced)
            if not self.current.exists():
                _write(self.current, DockKey(Ed25519PrivateKey.generate()).pem())
            return _read(self.current)
        except OSError as error:
            raise LedgerUnusable(
                f"the dock's key {error.filename or self.current} cannot be read or written: {error.strerror}"
            ) from error

    def _settle(self, announced: str | None) -> None:
        try:
            counts = announced is not None and _read(self.next).thumbprint == announced
        except LedgerUnusable:
            counts = False  # half a key was never recorded: it is durable before its record
        if counts:
            self.install()
            return
        self.next.unlink()
        _sync(self.folder)

    def make_next(self) -> DockKey:
        """A new key in `dock.key.next`, durable. Blocks. Raises OSError."""
        fresh = DockKey(Ed25519PrivateKey.generate())
        _write(self.next, fresh.pem())
        return fresh

    def install(self) -> None:
        """The next key becomes the key; the old one is gone with that. Blocks. Raises OSError."""
        os.rename(self.next, self.current)
        _sync(self.folder)

    def identity(self) -> str | None:
        """The dock's name as it was written down; None where it was not, or cannot be read."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = (self.folder / "dock.id").read_text(encoding="ascii").strip()
            return text if _THUMBPRINT.fullmatch(text) else None
        return None

    def identify(self, dock: str) -> None:
        """Write down the dock's name, for a ledger that has to be made anew one day. Blocks. Raises OSError."""
        if self.identity() is None:
            _write(self.folder / "dock.id", f"{dock}\n".encode("ascii"))


def _read(path: Path) -> DockKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise LedgerUnusable(
            f"the dock's key {path} is damaged: put back the saved one, or move it aside for a new one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerUnusable(f"the dock's key {path} is not an Ed25519 key")
    return DockKey(key)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(
        f"{path.name}.{secrets.token_hex(4)}.part"
    )  # a killed start is not in the next one's way
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def thumbprint(public: str) -> str:
    """RFC 7638 thumbprint of an Ed25519 public key given as base64url of its 32 bytes."""
    jwk = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public}, separators=(",", ":"))
    return base64url(hashlib.sha256(jwk.encode("utf-8", "surrogatepass")).digest())


def is_signed(message: bytes, *, public: str, signature: str) -> bool:
    """Whether `signature` (base64url) is the key's over `message`. Whatever is malformed is not signed."""
    try:
        Ed25519PublicKey.from_public_bytes(unbase64url(public)).verify(unbase64url(signature), message)
    except (InvalidSignature, ValueError, TypeError, AttributeError):
        return False
    return True


def base64url(raw: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unbase64url(text: str) -> bytes:
    """Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
