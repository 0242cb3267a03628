"""What lies in a simulated S3 server, and outlives it: objects with their versions, uploads that are under way, and who may do what.

All in memory; one bucket. A lie changes the behaviour over it (`s3_lies`), or the vault itself, by hand.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha256_b64(data: bytes) -> str:
    """As S3 writes it: base64."""
    return b64(hashlib.sha256(data).digest())


def stamp(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(kw_only=True)
class Part:
    """One part that was taken. `size` and `checksum` are what the server says of it, `body` what it keeps."""

    body: bytes
    size: int
    checksum: str

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


@dataclass(kw_only=True)
class Version:
    """One version of an object. `checksum`: base64, with `-N` where it is of N parts, empty where the server keeps none."""

    body: bytes
    checksum: str = ""
    etag: str = ""
    parts: list[Part] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    tags: str = ""
    mode: str = ""
    until: str = ""
    deleted: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def held(self) -> bool:
        """Whether a retention still binds."""
        return bool(self.until) and datetime.fromisoformat(self.until) > datetime.now(UTC)


@dataclass(kw_only=True)
class Upload:
    """A multipart upload under way. `like`: what the object is to become, without bytes."""

    key: str
    like: Version
    algorithm: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(kw_only=True)
class Vault:
    """`asked`: each request as `Operation key`, in order. `locks`: whether the bucket was made with Object Lock (and so with versions)."""

    bucket: str = "footage"
    key_id: str = "testkey"
    secret: str = "testsecret"
    region: str = "us-east-1"
    locks: bool = False
    objects: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def credentials(self) -> str:
        """The text of the secret's file."""
        return f"{self.key_id}\n{self.secret}\n"

    def latest(self, key: str) -> Version | None:
        """What a GET of this key finds."""
        versions = self.objects.get(key)
        return versions[-1] if versions and not versions[-1].deleted else None

    def put(self, key: str, version: Version) -> None:
        if self.locks:
            self.objects.setdefault(key, []).append(version)
        else:
            self.objects[key] = [version]

    def key_of(self, address: str) -> str:
        """The key that an object's address names, path style or virtual-host style."""
        path = unquote(urlsplit(address).path).removeprefix("/")
        return path.removeprefix(f"{self.bucket}/")

    def segments(self) -> dict[str, Version]:
        """The objects that are there and are no description of another, nor the store's own."""
        found = {key: self.latest(key) for key in self.objects}
        return {
            key: one
            for key, one in found.items()
            if one is not None and not key.endswith(".json") and "dockd" not in key.rpartition("/")[2]
        }
