"""What tus 1.0 says in headers, read strictly and without I/O.

Why apart: whoever speaks to the store chooses these bytes. Every function takes the text of a header and gives a value or
raises Refusal; none looks at the disk, the clock or the connection.

Rules: numbers are ASCII digits without sign; metadata is bounded, its keys are unique, its base64 is exact; a version or
extension that is not announced is refused and never guessed at.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

from ingest.central.refusals import Refusal, bad_request

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "checksum", "termination", "expiration")
CHECKSUMS = {"sha256": 32, "sha1": 20}  # name to digest length in bytes
CONTENT_TYPE = "application/offset+octet-stream"

MAX_METADATA = 8192
MAX_KEYS = 64
MAX_NUMBER = 2**62

_NUMBER = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"[!-+\--~]{1,128}")  # printable ASCII without space and comma
_WANTED = re.compile(r"sha-256\s*=\s*([0-9]{1,2})")
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def check_version(header: str | None) -> None:
    """Raises Refusal 412 unless the client speaks this version."""
    if header != VERSION:
        said = "no Tus-Resumable header was sent" if header is None else f"Tus-Resumable said {header[:20]!r}"
        raise Refusal(
            412,
            "tus-version",
            f"{said}; this store speaks tus {VERSION}: send Tus-Resumable: {VERSION}",
            headers={"Tus-Version": VERSION},
        )


def parse_number(header: str | None, *, name: str) -> int:
    """A byte count. Raises Refusal 400."""
    if header is None:
        raise bad_request("header-missing", f"the header {name} is missing: send it as a number of bytes")
    if not _NUMBER.fullmatch(header) or int(header) > MAX_NUMBER:
        raise bad_request("header-invalid", f"{name} is {header[:40]!r}: send a whole number of bytes, digits only")
    return int(header)


def check_creation(*, defer: str | None, concat: str | None) -> None:
    """Refuses what is not announced: Upload-Defer-Length and Upload-Concat."""
    if defer is not None:
        raise bad_request("defer-length", "Upload-Defer-Length is not supported: send Upload-Length at creation")
    if concat is not None:
        raise bad_request("concatenation", "Upload-Concat is not supported: send each file as one upload")


def parse_metadata(header: str | None) -> dict[str, bytes]:
    """`key base64, key base64, key` as a mapping; a key without a value has an empty one. Raises Refusal 400."""
    if not header:
        return {}
    if len(header) > MAX_METADATA:
        raise bad_request("metadata-size", f"Upload-Metadata is {len(header)} bytes long: at most {MAX_METADATA}")
    found: dict[str, bytes] = {}
    for pair in header.split(","):
        key, _, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key):
            raise bad_request("metadata-key", f"Upload-Metadata has the key {key[:40]!r}: keys are printable ASCII")
        if key in found:
            raise bad_request("metadata-key", f"Upload-Metadata names {key!r} twice: once is meant")
        found[key] = _decoded(value, key=key)
    if len(found) > MAX_KEYS:
        raise bad_request("metadata-size", f"Upload-Metadata has {len(found)} keys: at most {MAX_KEYS}")
    return found


def _decoded(value: str, *, key: str) -> bytes:
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise bad_request("metadata-value", f"the value of {key!r} in Upload-Metadata is no base64") from None


@dataclass(frozen=True)
class Checksum:
    """What a PATCH says its own bytes hash to."""

    algorithm: Literal["sha256", "sha1"]
    digest: bytes


def parse_checksum(header: str | None) -> Checksum | None:
    """`sha256 base64`; None where none was sent. Raises Refusal 400."""
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in CHECKSUMS:
        known = ",".join(CHECKSUMS)
        raise bad_request("checksum-algorithm", f"Upload-Checksum names {algorithm[:20]!r}: this store knows {known}")
    try:
        digest = base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        digest = b""
    if len(digest) != CHECKSUMS[algorithm]:
        raise bad_request("checksum-value", f"Upload-Checksum carries no base64 of a {algorithm} digest")
    return Checksum("sha256" if algorithm == "sha256" else "sha1", digest)


def check_content_type(header: str | None) -> None:
    """Raises Refusal 415 unless the body is what tus sends."""
    if header is None or header.split(";")[0].strip().lower() != CONTENT_TYPE:
        raise Refusal(415, "content-type", f"the body of an upload is sent as Content-Type: {CONTENT_TYPE}")


def check_patch(*, at: int, offset: int, length: int, body: int | None) -> None:
    """Whether bytes may be added: `at` is what the client believes, `offset` what is durably here; `body` its size.

    Raises Refusal 409 (with the true offset) or 413. Changes nothing.
    """
    if at != offset:
        raise Refusal(
            409,
            "offset",
            f"the upload stands at byte {offset}, not {at}: ask with HEAD and go on from there",
            headers={"Upload-Offset": str(offset)},
            extra={"offset": offset},
        )
    if body is not None and body > length - offset:
        raise too_long(length)


def too_long(length: int) -> Refusal:
    """413: more bytes than were announced."""
    return Refusal(413, "too-long", f"the body goes beyond the announced Upload-Length of {length} bytes")


def wants_sha256(header: str | None) -> bool:
    """Whether Want-Repr-Digest (RFC 9530) asks for SHA-256; what cannot be read asks for nothing."""
    if not header or len(header) > 256:
        return False
    for member in header.split(","):
        asked = _WANTED.fullmatch(member.strip())
        if asked:
            return 1 <= int(asked[1]) <= 10
    return False


def repr_digest(sha256: str) -> str:
    """The Repr-Digest field for a hex SHA-256.

    >>> repr_digest("00" * 32)
    'sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:'
    """
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode('ascii')}:"


def parse_range(header: str | None, *, size: int) -> tuple[int, int] | None:
    """First byte and end (exclusive) of a single byte range; None for the whole. Raises Refusal 416.

    Several ranges, other units and nonsense give the whole, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        first, end = max(0, size - int(found[2])), size
    else:
        first = int(found[1])
        end = size if found[2] == "" else min(size, int(found[2]) + 1)
        if found[2] != "" and int(found[2]) < first:
            return None
    if first >= end:
        raise Refusal(
            416,
            "range",
            f"the object has {size} bytes, none of them in the range asked for",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return first, end
