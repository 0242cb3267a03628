"""Uploads in parts: begun, listed, ended. ListParts decides what the store has, never a memory.

Rules: every page of a list is read, up to a bound; a part counts only with the size that it should have and, where its checksum is listed and ours
is known, with that checksum; only uploads under our own key are ever ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ingest.errors import Garbled, ObjectGone, UploadBlocked
from ingest.model import Parts, Span
from ingest.store.s3.addresses import MOST_PARTS
from ingest.store.s3.documents import (
    LARGEST_LIST,
    Part,
    completed,
    completing,
    parts_listed,
    problem_in,
    upload_begun,
    uploads_listed,
)  # fmt: skip
from ingest.store.s3.meanings import meaning
from ingest.store.s3.requests import Requests

_MOST_PAGES = 1000  # servers choose how much a page holds
_MOST_UPLOADS = 100  # pages: of the uploads under one key there are few
_LOOKED_AT = 20
_AT_ONCE = 64 << 10  # bytes of a list that are read in the event loop
_Page = TypeVar("_Page")
AN_UPLOAD = "a new upload"
AN_END = "the end of an upload"


async def begin(requests: Requests, key: str, *, headers: Mapping[str, str]) -> str:
    """CreateMultipartUpload; returns the UploadId. Raises Retry, Hold."""
    sent = {"x-amz-checksum-algorithm": "SHA256", **headers}
    answer = await requests.ask("POST", key, query={"uploads": ""}, headers=sent, doing=AN_UPLOAD, again=False)
    if answer.status != 200:
        raise meaning(answer, doing=AN_UPLOAD)
    return upload_begun(answer.body)


async def parts(requests: Requests, key: str, upload: str) -> list[Part]:
    """ListParts, every page. Raises ObjectGone where the upload is not there (any more)."""
    doing, found, after = "a look at an upload's parts", dict[int, Part](), 0
    for _ in range(_MOST_PAGES):
        query = {"uploadId": upload, "max-parts": "1000"} | ({"part-number-marker": str(after)} if after else {})
        answer = await requests.ask("GET", key, query=query, doing=doing, largest=LARGEST_LIST)
        if answer.status != 200:
            raise meaning(answer, doing=doing)
        page = await _read(parts_listed, answer.body)
        found |= {one.number: one for one in page.parts}
        if page.next is None:
            return [found[number] for number in sorted(found)]
        if page.next <= after or page.next > MOST_PARTS or len(found) > MOST_PARTS:
            break
        after = page.next
    raise Garbled("the store's list of an upload's parts does not end")


async def _read(reads: Callable[[bytes], _Page], body: bytes) -> _Page:
    """A list, read beside the event loop where it is long."""
    return reads(body) if len(body) <= _AT_ONCE else await asyncio.to_thread(reads, body)


def whole_parts(listed: Sequence[Part], *, size: int, part_size: int, ours: Parts | None) -> dict[int, Part]:
    """By number, the parts that are what they should be."""
    sums = ours.sha256 if ours is not None and ours.size == part_size else None
    count = -(-size // part_size)

    def good(one: Part) -> bool:
        if not 1 <= one.number <= count or one.size != min(part_size, size - (one.number - 1) * part_size):
            return False
        return one.sha256 is None or sums is None or one.sha256 == sums[one.number - 1]

    return {one.number: one for one in listed if good(one)}


def missing(have: Mapping[int, Part], *, size: int, part_size: int) -> list[Span]:
    """What is not there."""
    return [
        Span(offset=offset, length=min(part_size, size - offset))
        for number, offset in enumerate(range(0, size, part_size), 1)
        if number not in have
    ]


async def complete(
    requests: Requests, key: str, upload: str, listed: Sequence[Part], *, headers: Mapping[str, str], size: int
) -> str:
    """CompleteMultipartUpload; returns the object's version, where it has one. Raises Taken where something lies under the key, ObjectGone where the upload is gone, Retry.

    Some servers answer 200 at once and say afterwards, in the body, that it went wrong.
    """
    answer = await requests.ask(
        "POST", key, query={"uploadId": upload}, headers={"Content-Type": "application/xml", **headers}, doing=AN_END,
        body=completing(list(listed)), size=size, again=False,
    )  # fmt: skip
    problem = problem_in(answer.body)
    if answer.status != 200 or problem is not None or not completed(answer.body):
        raise meaning(answer, doing=AN_END, problem=problem)
    return answer.headers.get("x-amz-version-id", "")


async def abort(requests: Requests, key: str, upload: str) -> None:
    """AbortMultipartUpload. One that is not there is as well. Raises Retry."""
    answer = await requests.ask(
        "DELETE", key, query={"uploadId": upload}, doing="the end of an upload without its object"
    )
    if answer.status not in (200, 204, 404):
        raise meaning(answer, doing="the end of an upload without its object")


async def under_way(requests: Requests, key: str) -> list[str]:
    """Uploads of just this key, `_LOOKED_AT` at most: who has more under one key wants to keep us busy. Raises Retry."""
    doing, found = "a look at uploads under way", list[str]()
    query = {"uploads": "", "prefix": key}
    for _ in range(_MOST_UPLOADS):
        answer = await requests.ask("GET", "", query=query, doing=doing, largest=LARGEST_LIST)
        if answer.status != 200:
            raise meaning(answer, doing=doing)
        page = await _read(uploads_listed, answer.body)
        found += [upload for named, upload in page.uploads if named == key]
        if page.next is None or not page.next[0].startswith(key) or len(found) >= _LOOKED_AT:
            return found[:_LOOKED_AT]
        after = {"key-marker": page.next[0]} | ({"upload-id-marker": page.next[1]} if page.next[1] else {})
        if query.items() >= after.items():
            break
        query |= after
    raise Garbled("the store's list of uploads under way does not end")


def all_there(have: Mapping[int, Part], *, size: int, part_size: int) -> list[Part]:
    """The parts in order. Raises UploadBlocked where one is not there."""
    if gap := missing(have, size=size, part_size=part_size):
        raise UploadBlocked(
            f"{len(gap)} parts of it are not at the store though all were sent: what it has is asked again"
        )
    return [have[number] for number in sorted(have)]


async def resumable(
    requests: Requests, key: str, upload: str, *, size: int, part_size: int, ours: Parts | None
) -> bool:
    """Whether an upload found under our key can go on: all that it has are parts of just these bytes, cut as we cut them."""
    try:
        listed = await parts(requests, key, upload)
    except ObjectGone:
        return False
    return len(whole_parts(listed, size=size, part_size=part_size, ours=ours)) == len(listed)
