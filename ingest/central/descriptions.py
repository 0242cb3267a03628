"""What the store knows of an upload and of an object, as it is written beside the bytes.

A description is the truth that the index is rebuilt from. Rules: frozen values; JSON with a version; what the client
announced is kept as the very header it sent, so that unknown keys survive; nothing here does I/O.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property

from ingest.central.refusals import bad_request
from ingest.central.tus import parse_metadata
from ingest.clock import from_rfc3339, rfc3339

FORMAT = 1
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_BOUNDS = {"camera": 512, "segment": 4096, "station": 256, "dock": 256, "filename": 4096}
_FLAGS = {b"": True, b"1": True, b"true": True, b"yes": True, b"0": False, b"false": False, b"no": False}


@dataclass(frozen=True, kw_only=True)
class Announced:
    """Upload-Metadata, understood. Text is UTF-8 with surrogate escapes, None where it was not said."""

    filename: str | None = None
    sha256: str | None = None
    camera: str | None = None
    segment: str | None = None
    station: str | None = None
    dock: str | None = None
    captured_at: str | None = None
    evidential: bool = False

    @property
    def same(self) -> str | None:
        """One key for (camera, segment, sha256): the same announced again is the same object. None if one is missing."""
        if not (self.camera and self.segment and self.sha256):
            return None
        text = json.dumps([self.camera, self.segment, self.sha256])
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def understand(metadata: str | None) -> Announced:
    """The contract's keys out of an Upload-Metadata header; unknown ones are left alone. Raises Refusal 400."""
    raw = parse_metadata(metadata)
    text = {key: _text(raw[key], key=key, limit=limit) for key, limit in _BOUNDS.items() if key in raw}
    return Announced(
        sha256=_sha256(raw["sha256"]) if "sha256" in raw else None,
        captured_at=_time(raw["captured_at"]) if raw.get("captured_at") else None,
        evidential=_flag(raw["evidential"]) if "evidential" in raw else False,
        **text,
    )


def _text(value: bytes, *, key: str, limit: int) -> str:
    if len(value) > limit:
        raise bad_request("metadata-value", f"{key!r} in Upload-Metadata is {len(value)} bytes long: at most {limit}")
    return value.decode("utf-8", "surrogateescape")


def _sha256(value: bytes) -> str:
    text = value.decode("latin-1")
    if not _SHA256.fullmatch(text):
        raise bad_request("metadata-value", "sha256 in Upload-Metadata is to be the 64 hex digits of the whole segment")
    return text.lower()


def _time(value: bytes) -> str:
    try:
        return rfc3339(from_rfc3339(value.decode("ascii")))
    except (ValueError, OverflowError):
        raise bad_request(
            "metadata-value", "captured_at in Upload-Metadata is no RFC 3339 time such as 2026-11-20T08:00:00Z"
        ) from None


def _flag(value: bytes) -> bool:
    if value.lower() not in _FLAGS:
        raise bad_request("metadata-value", "evidential in Upload-Metadata is to be true or false")
    return _FLAGS[value.lower()]


@dataclass(frozen=True, kw_only=True)
class UploadDescription:
    """An upload as it was announced. Size in bytes, times as seconds since the epoch."""

    id: str
    size: int
    metadata: str
    owner: str
    created_at: float

    @cached_property
    def announced(self) -> Announced:
        """The metadata, understood."""
        return understand(self.metadata)

    def to_json(self) -> bytes:
        """As it is written beside the bytes."""
        return _json(
            {
                "format": FORMAT,
                "id": self.id,
                "size": self.size,
                "metadata": self.metadata,
                "owner": self.owner,
                "created_at": rfc3339(self.created_at),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> UploadDescription:
        """Raises ValueError where it is damaged or of another format."""
        found = _loaded(text)
        return cls(
            id=found["id"],
            size=int(found["size"]),
            metadata=found["metadata"],
            owner=found["owner"],
            created_at=from_rfc3339(found["created_at"]),
        )


@dataclass(frozen=True, kw_only=True)
class ObjectDescription:
    """A finished object: what it is, since when, and whether it is evidence."""

    id: str
    size: int
    sha256: str
    metadata: str
    owner: str
    stored_at: float
    evidential: bool

    @cached_property
    def announced(self) -> Announced:
        """The metadata, understood."""
        return understand(self.metadata)

    @property
    def keep_from(self) -> float:
        """What the retention period counts from: capture or upload, whichever is later."""
        captured = self.announced.captured_at
        return max(self.stored_at, from_rfc3339(captured)) if captured else self.stored_at

    def to_json(self) -> bytes:
        """As it is written beside the bytes."""
        return _json(
            {
                "format": FORMAT,
                "id": self.id,
                "size": self.size,
                "sha256": self.sha256,
                "metadata": self.metadata,
                "owner": self.owner,
                "stored_at": rfc3339(self.stored_at),
                "evidential": self.evidential,
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> ObjectDescription:
        """Raises ValueError where it is damaged or of another format."""
        found = _loaded(text)
        return cls(
            id=found["id"],
            size=int(found["size"]),
            sha256=found["sha256"],
            metadata=found["metadata"],
            owner=found["owner"],
            stored_at=from_rfc3339(found["stored_at"]),
            evidential=bool(found["evidential"]),
        )


class _Fields(dict[str, str]):
    def __missing__(self, key: str) -> str:
        raise ValueError(f"the description has no {key!r}")


def _json(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, indent=1).encode("ascii") + b"\n"


def _loaded(text: bytes) -> _Fields:
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"the description is not of format {FORMAT}")
    return _Fields(found)
