"""What lies under a key: a look at it, what it is by the store's own word, and by its bytes.

Rules: a checksum is taken from HEAD, or from GetObjectAttributes where HEAD gives none; one that cannot be read is none. What the bytes are,
only the bytes say: they are read back whole and hashed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.errors import Garbled, Refused, StoreDown
from ingest.model import SegmentDescription
from ingest.store.line import Answer
from ingest.store.ranges import number, whole
from ingest.store.s3.documents import Checksum, attributes, checksum, said_as_checksum
from ingest.store.s3.meanings import meaning
from ingest.store.s3.requests import Requests

A_LOOK = "a look at an object"
_BYTES = "the bytes of a segment"
CHECKSUM, _SIZE_SAID = "x-amz-checksum-sha256", "x-amz-meta-part-size"
_LARGEST_ATTRIBUTES = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look found. `part_size`: what its upload said that it was made of; `raw`: a few words for the record."""

    size: int
    checksum: Checksum | None
    part_size: int | None
    raw: str


async def look(requests: Requests, key: str, *, size: int = 0, attributes_too: bool = False) -> Found:
    """HEAD. `size`: bytes that it should have; `attributes_too`: GetObjectAttributes where HEAD gives no checksum.

    Raises ObjectGone, Refused, Retry.
    """
    answer = await requests.ask("HEAD", key, doing=A_LOOK, headers={"x-amz-checksum-mode": "ENABLED"})
    if answer.status != 200:
        raise _not_seen(answer)
    sum_ = checksum(answer.headers.get(CHECKSUM))
    # Of nothing some servers do not say how long it is.
    there = number(answer.headers.get("Content-Length", None if size else "0"))
    if sum_ is None and attributes_too:
        sum_ = await _attributes(requests, key, size=there)
    said = answer.headers.get(_SIZE_SAID, "")
    part_size = int(said) if said.isascii() and said.isdigit() and len(said) < 12 else None
    shown = "none" if sum_ is None else sum_.composite or sum_.sha256
    return Found(size=there, checksum=sum_, part_size=part_size, raw=f"{key} size={there} checksum-sha256={shown}")


def _not_seen(answer: Answer) -> Exception:
    error = meaning(answer, doing=A_LOOK)
    if isinstance(error, Refused) and not answer.body:  # a HEAD's answer has no body to say why
        error = Refused(
            f"the store answered {answer.status} to {A_LOOK}: it does not take this dock's credentials, or this dock may not look at the bucket (a key "
            "without the right to list answers so for what is not there); check store.token_file and the rights in docs/stores.md"
        )
    return error


async def _attributes(requests: Requests, key: str, *, size: int) -> Checksum | None:
    headers = {"x-amz-object-attributes": "Checksum,ObjectParts,ObjectSize"}
    try:
        answer = await requests.ask(
            "GET", key, doing="a look at an object's attributes", query={"attributes": ""}, headers=headers,
            largest=_LARGEST_ATTRIBUTES, size=size,
        )  # fmt: skip
    except Garbled:  # the object itself, it may be
        return None
    if answer.status != 200:
        if answer.status >= 500 and answer.status != 501:
            raise meaning(answer, doing="a look at an object's attributes")
        return None
    said, sum_ = attributes(answer.body)
    return sum_ if said in (None, size) else None


async def read_back(requests: Requests, key: str, *, size: int) -> tuple[int, str]:
    """All bytes of an object: how many, and their SHA-256 (hex). Raises ObjectGone, Unproven (more than `size`), Garbled, Retry."""
    async with requests.take(key, doing=_BYTES) as (answer, blocks):
        if answer.status in (405, 501):
            raise StoreDown(
                f"the store answered {answer.status} when its bytes were asked back: nothing that it takes can be proven so"
            )
        if answer.status != 200:
            raise meaning(answer, doing=_BYTES)
        return await whole(answer, blocks, size=size)


async def holds(
    requests: Requests, key: str, segment: SegmentDescription, *, attributes_too: bool, hashes: bool
) -> Found | None:
    """What lies there, if it is this segment's bytes: by its checksum where that can be held against ours, else by all of its bytes; None where it
    is something else. `hashes`: whether its checksums are believed. Raises ObjectGone where nothing is, Retry.
    """
    found = await look(requests, key, size=segment.digest.size, attributes_too=attributes_too)
    if found.size != segment.digest.size:
        return None
    ours = comparable(found, segment) if hashes else None
    if ours is not None:
        return found if ours else None
    return found if (await read_back(requests, key, size=found.size))[1] == segment.digest.sha256 else None


def comparable(found: Found, segment: SegmentDescription) -> bool | None:
    """Whether a checksum is that of this segment's bytes; None where there is none, or one of other parts than ours."""
    if found.checksum is None:
        return None
    if found.checksum.parts is None:
        return found.checksum.sha256 == segment.digest.sha256
    parts = segment.parts
    if parts is None or found.part_size != parts.size or len(parts.sha256) != found.checksum.parts:
        return None
    return found.checksum.composite == parts.composite


def described(segment: SegmentDescription, *, part_size: int | None = None) -> Mapping[str, str]:
    """What is kept with an object as its metadata: the rest is in the description beside it."""
    said = {"x-amz-meta-segment": segment.id, "x-amz-meta-sha256": segment.digest.sha256}
    return said if part_size is None else {**said, _SIZE_SAID: str(part_size)}


def said_as_checksum_headers(body: bytes) -> dict[str, str]:
    """Headers by which the store holds a small body against its SHA-256."""
    return checked_by(hashlib.sha256(body).hexdigest())


def checked_by(sha256: str) -> dict[str, str]:
    """Headers by which the store holds a body against a SHA-256 (hex). Ceph looks at the one only where the other is there."""
    return {CHECKSUM: said_as_checksum(sha256), "x-amz-sdk-checksum-algorithm": "SHA256"}
