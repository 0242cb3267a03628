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
LOCK_MODE, LOCK_UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"
_LARGEST_ATTRIBUTES = 64 << 10
_LONGEST_VERSION = 1024
_NO_ATTRIBUTES = (400, 404, 405, 501)  # it knows no such question


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look found; `raw`: a few words for the record. `version`: of which it spoke, where there are versions; `lock`: its mode and its end,
    as the store says them, empty where it says none.
    """

    size: int
    checksum: Checksum | None
    raw: str
    version: str | None = None
    lock: tuple[str, str] = ("", "")


async def look(
    requests: Requests, key: str, *, size: int = 0, attributes_too: bool = False, version: str | None = None
) -> Found:
    """HEAD. `size`: bytes that it should have; `attributes_too`: GetObjectAttributes where HEAD gives no checksum; `version`: of that one.

    Raises ObjectGone, Refused, Retry (also where the attributes say nothing this time).
    """
    answer = await requests.ask(
        "HEAD", key, query=of_version(version), doing=A_LOOK, headers={"x-amz-checksum-mode": "ENABLED"}
    )
    if answer.status != 200:
        raise _not_seen(answer)
    sum_ = checksum(answer.headers.get(CHECKSUM), kind=answer.headers.get("x-amz-checksum-type", ""))
    # Of nothing some servers do not say how long it is.
    there = number(answer.headers.get("Content-Length", None if size else "0"))
    if sum_ is None and attributes_too:
        sum_ = await _attributes(requests, key, size=there, version=version)
    shown = "none" if sum_ is None else sum_.composite or sum_.sha256
    return Found(
        size=there, checksum=sum_, raw=f"{key} size={there} checksum-sha256={shown}", version=version_in(answer),
        lock=(answer.headers.get(LOCK_MODE, ""), answer.headers.get(LOCK_UNTIL, "")),
    )  # fmt: skip


def version_in(answer: Answer) -> str | None:
    """The version of which an answer speaks, if it can be asked for."""
    version = answer.headers.get("x-amz-version-id", "")
    return version if 0 < len(version) <= _LONGEST_VERSION and version.isascii() and version.isprintable() else None


def of_version(version: str | None) -> dict[str, str]:
    """The query that names it."""
    return {} if version is None else {"versionId": version}


def _not_seen(answer: Answer) -> Exception:
    error = meaning(answer, doing=A_LOOK)
    if isinstance(error, Refused) and not answer.body:  # a HEAD's answer has no body to say why
        error = Refused(
            f"the store answered {answer.status} to {A_LOOK}: it does not take this dock's credentials, or this dock may not look at the bucket (a key "
            "without the right to list answers so for what is not there); check store.token_file and the rights in docs/stores.md"
        )
    return error


async def _attributes(requests: Requests, key: str, *, size: int, version: str | None) -> Checksum | None:
    headers = {"x-amz-object-attributes": "Checksum,ObjectParts,ObjectSize"}
    try:
        answer = await requests.ask(
            "GET", key, doing="a look at an object's attributes", query={"attributes": "", **of_version(version)}, headers=headers,
            largest=_LARGEST_ATTRIBUTES, size=size,
        )  # fmt: skip
    except Garbled:
        if (
            size <= _LARGEST_ATTRIBUTES
        ):  # what is longer may be the object itself, of a server that knows no such question
            raise
        return None
    if answer.status in _NO_ATTRIBUTES:
        return None
    if answer.status != 200:  # busy, down, no rights: that says nothing of what it could give
        raise meaning(answer, doing="a look at an object's attributes")
    said, sum_ = attributes(answer.body)
    return sum_ if said in (None, size) else None


async def read_back(
    requests: Requests, key: str, *, size: int, fresh: bool = False, version: str | None = None
) -> tuple[int, str]:
    """All bytes of an object (of one version): how many, and their SHA-256 (hex). `fresh`: over a connection of its own.

    Raises ObjectGone, Unproven (more than `size`), Garbled, Retry.
    """
    async with requests.take(key, doing=_BYTES, fresh=fresh, query=of_version(version)) as (answer, blocks):
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


async def told_truly(requests: Requests, key: str, found: Found, *, sha256: str, attributes_too: bool) -> bool:
    """Whether a SHA-256 that is not ours is true of what lies there, of which `sha256` was read: whoever may write to a bucket may put another object there.

    False only where the store says the same again of bytes that are the same again. Raises Garbled where it does not, ObjectGone, Retry.
    """
    said = found.checksum
    if said is None or said.parts is not None or said.sha256 == sha256:
        return True
    again = await look(requests, key, size=found.size, attributes_too=attributes_too)
    if again.checksum != said or await read_back(requests, key, size=found.size, fresh=True) != (found.size, sha256):
        raise Garbled("the store gave a SHA-256 of other bytes than it gave back, and not when it was asked again")
    return False


def comparable(found: Found, segment: SegmentDescription) -> bool | None:
    """Whether a checksum is that of this segment's bytes; None where it does not say: there is none, or it is of parts and not that of ours.

    What is cut in other parts has another checksum of parts, and may be the very bytes. Into how many and how long it was cut proves nothing either
    way: metadata are copied with an object that is cut anew.
    """
    if found.checksum is None:
        return None
    if found.checksum.parts is None:
        return found.checksum.sha256 == segment.digest.sha256
    parts = segment.parts
    return True if parts is not None and found.checksum.composite == parts.composite else None


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
