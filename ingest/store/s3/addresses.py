"""Where a segment lies in a bucket, in one line that the ledger keeps: the object's URL, and behind `#` what its upload began with.

    https://s3.example.org/footage/central/2026/11/20/CAM01/080000_MOV_0001.MP4_<id>#size=7340032&sha256=...&evidential=1     in one piece
    https://s3.example.org/footage/central/2026/11/20/CAM01/080000_MOV_0001.MP4_<id>#size=1073741824&partSize=...&uploadId=...   in parts

Rules: what stands behind `#` goes to no server. A key has always six components, so the same object is found again when the bucket has got
another address (the marker says that it is the same bucket), and no address of another server is ever asked. Nothing is remembered
beside it: the same address means the same after a restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from ingest.errors import NeverStorable, ObjectGone
from ingest.model import SegmentDescription, is_sha256
from ingest.store.names import place_of

_COMPONENTS = 6
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){5}")
_NEXT_NAME = re.compile(
    r"-[2-9]$"
)  # `key_of` with another attempt than the first; an id of dockd's own has no such end
_NUMBER = re.compile(r"[0-9]{1,18}")
_LONGEST = 4096
_LONGEST_UPLOAD = 1024

SMALLEST_PART = 5 << 20
MOST_PARTS = 10_000
LARGEST_PART = 5 << 30
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Address:
    """`key` in the bucket; `size` bytes in all. In one piece: `sha256` of it; in parts: `upload` (S3's UploadId) and `part_size`.

    With neither it is an object of which nothing is known but its key.
    """

    key: str
    size: int | None = None
    sha256: str | None = None
    upload: str | None = None
    part_size: int | None = None
    evidential: bool = False

    def of(self, upload: str) -> Address:
        """The same, of an upload in parts that has begun."""
        return replace(self, upload=upload)

    @property
    def day(self) -> str:
        """When it was captured, YYYY-MM-DD, as its key says."""
        return "-".join(self.key.split("/")[1:4])

    @property
    def captured(self) -> float | None:
        """When it was captured, seconds since the epoch, as its key says; None where that is no time."""
        try:
            return (
                datetime.strptime(f"{self.day} {self.key.rpartition('/')[2][:6]}", "%Y-%m-%d %H%M%S")
                .replace(tzinfo=UTC)
                .timestamp()
            )
        except (ValueError, OverflowError):
            return None

    @property
    def segment(self) -> str:
        """The segment's id, as its key says."""
        return _NEXT_NAME.sub("", self.key.rpartition("_")[2])

    def at(self, url: str) -> str:
        """As the ledger keeps it; `url` is the bucket's."""
        said = {
            "size": self.size, "sha256": self.sha256, "partSize": self.part_size, "uploadId": self.upload,
            "evidential": 1 if self.evidential else None,
        }  # fmt: skip
        known = urlencode({name: value for name, value in said.items() if value is not None})
        return f"{url}/{self.key}" + (f"#{known}" if known else "")


def address_of(text: str) -> Address:
    """What `Address.at` has made. Raises ObjectGone for what is no such address."""
    where, _, known = text.partition("#")
    key = "/".join(where.split("/")[-_COMPONENTS:])
    if len(text) > _LONGEST or _PLAIN.fullmatch(key) is None:
        raise ObjectGone("its address is none that a segment has in a bucket")
    said = dict(parse_qsl(known))
    size, part_size = _number(said.get("size")), _number(said.get("partSize"))
    if part_size is not None and (size is None or not may_be_parts(part_size, size=size)):
        part_size = None
    sha256 = said["sha256"] if is_sha256(said.get("sha256")) else None
    upload = said.get("uploadId")
    if upload is not None and not plain_upload(upload):
        raise ObjectGone("its address names no upload that there could be")
    if size is None or (upload is None and sha256 is None) or (upload is not None and not part_size):
        return Address(key=key, size=size, part_size=part_size)
    return Address(
        key=key, size=size, sha256=None if upload else sha256, upload=upload, part_size=part_size, evidential=said.get("evidential") == "1"
    )  # fmt: skip


def key_of(segment: SegmentDescription, *, attempt: int = 1) -> str:
    """The segment's key; with another `attempt` than the first, one beside it. Raises NeverStorable."""
    try:
        place = place_of(segment)
    except ValueError as error:
        raise NeverStorable(str(error)) from error
    return place if attempt == 1 else f"{place}-{attempt}"


def part_size_of(size: int, *, wanted: int) -> int:
    """Bytes of a part: near `wanted`, and what S3 allows."""
    least = -(-size // MOST_PARTS)
    return min(LARGEST_PART, max(SMALLEST_PART, wanted, -(-least // _MIB) * _MIB))


def may_be_parts(part_size: int, *, size: int) -> bool:
    """Whether S3 takes `size` bytes in such parts: what is outside of that is nobody's upload, and would cost without end to reckon with."""
    return SMALLEST_PART <= part_size <= LARGEST_PART and -(-size // part_size) <= MOST_PARTS


def plain_upload(text: str) -> bool:
    """Whether an UploadId may be kept and sent back."""
    return 0 < len(text) <= _LONGEST_UPLOAD and text.isascii() and text.isprintable()


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
