"""The honesty check of a store of digests: wrong bytes under an ordinary name, in one piece and as a part, must be refused.

Rules: the request is right in everything but the checksum; its signature covers the bytes that are really sent, so that it is the checksum that is
refused. Only a refusal of the bytes counts as one: what says nothing of them is raised. What was taken in spite of it condemns the
store only if it is vouched for: a SHA-256 that is true of what lies there is no lie. What was made here is deleted.
"""

from __future__ import annotations

import contextlib
import hashlib

from ingest.errors import DockdError, Hold, ObjectGone, Retry, StoreDishonest, StoreDown, Unproven
from ingest.model import SegmentDescription
from ingest.store.base import Slices
from ingest.store.s3 import objects, uploads
from ingest.store.s3.addresses import Address, key_of
from ingest.store.s3.baits import refused
from ingest.store.s3.documents import Part
from ingest.store.s3.requests import Requests
from ingest.store.s3.transfer import Transfer, digest_of

_DOING = "the honesty check"


async def tempt(requests: Requests, transfer: Transfer, segment: SegmentDescription, slices: Slices) -> None:
    """Raises StoreDishonest, and Retry where nothing is known."""
    size = segment.digest.size
    address = Address(key=key_of(segment), size=size, sha256=segment.digest.sha256)
    true = await digest_of(slices(0), length=size)
    try:
        await _in_one_piece(requests, transfer, address, segment, slices, sent=true)
        await _as_a_part(requests, transfer, address, segment, slices, sent=true)
    except (Unproven, ObjectGone, Hold) as error:
        raise StoreDown(error.message) from error


async def _in_one_piece(
    requests: Requests, transfer: Transfer, address: Address, segment: SegmentDescription, slices: Slices, *, sent: str
) -> None:
    said = segment.digest.sha256
    headers = {**await transfer.headers(address), **await transfer.unlike(), **objects.checked_by(said), **objects.described(segment)}  # fmt: skip
    answer = await requests.give(
        address.key, headers=headers, body=slices(0), length=segment.digest.size, sha256=sent, doing=_DOING
    )
    if refused(answer):
        return
    try:
        await _must_not_vouch(requests, address.key, said)
    finally:
        await _deleted(requests, address.key, answer.headers.get("x-amz-version-id"))


async def _as_a_part(
    requests: Requests, transfer: Transfer, address: Address, segment: SegmentDescription, slices: Slices, *, sent: str
) -> None:
    said, size = segment.digest.sha256, segment.digest.size
    key = key_of(segment, attempt=2)
    headers = {**await transfer.headers(address), **objects.described(segment, part_size=size)}
    upload = await uploads.begin(requests, key, headers=headers)
    version, made = "", False
    try:
        answer = await requests.give(
            key, query={"partNumber": "1", "uploadId": upload}, headers=objects.checked_by(said), body=slices(0), length=size, sha256=sent,
            doing=_DOING,
        )  # fmt: skip
        if refused(answer):
            return
        etag = answer.headers.get("ETag", "")
        part = Part(number=1, size=size, etag=etag, sha256=said)
        with contextlib.suppress(Unproven, ObjectGone, Hold):  # it refuses at the end, then
            version = await uploads.complete(requests, key, upload, [part], headers={}, size=size)
            made = True
            await _must_not_vouch(requests, key, hashlib.sha256(bytes.fromhex(said)).hexdigest())
    finally:
        with contextlib.suppress(Retry, Hold):
            await uploads.abort(requests, key, upload)
        if made:
            await _deleted(requests, key, version)


async def _must_not_vouch(requests: Requests, key: str, sha256: str) -> None:
    """Raises StoreDishonest where it gives the checksum that was announced."""
    try:
        found = await objects.look(requests, key, attributes_too=True)
    except ObjectGone:
        return
    if found.checksum is not None and found.checksum.sha256 == sha256:
        raise StoreDishonest(
            "it gave the SHA-256 that was announced for bytes that have another one: its checksums prove nothing"
        )


async def _deleted(requests: Requests, key: str, version: str | None) -> None:
    query = {"versionId": version} if version and version.isascii() and version.isprintable() else None
    with contextlib.suppress(DockdError):
        await requests.ask("DELETE", key, query=query, doing="deleting what was made for the honesty check")
