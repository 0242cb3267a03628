"""The way of a segment's bytes into a bucket: begun, resumed, sent, ended.

Rules: the server is asked what it has (ListParts, a look at the object), nothing is remembered; each request's bytes go with their SHA-256, which
the signature covers, too; no object is ever overwritten. What lies under a segment's key and is not that segment is left alone, and the
segment gets the next key beside it. An upload that is found under its key goes on if it is of these very parts, and is ended if not.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from ingest.errors import DockdError, NeverStorable, ObjectGone, Retry, Unproven, UploadBlocked
from ingest.model import SegmentDescription, Span
from ingest.store.base import Slices
from ingest.store.line import Answer
from ingest.store.s3 import objects, uploads
from ingest.store.s3.addresses import LARGEST_PART, Address, key_of, part_size_of
from ingest.store.s3.baits import TAGS, TOOK, UNLIKE, Finding, once
from ingest.store.s3.documents import Part, checksum, problem_in
from ingest.store.s3.meanings import BadRequest, NotKnown, PartsGone, Taken, meaning
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import Retention
from ingest.store.s3.signing import EMPTY

BYTES = "bytes of a segment"
_OTHERS = "other bytes lie under its name in the bucket; they are left alone"
_ENDS_PLAINLY = "it does not know If-None-Match at the end of an upload in parts: whether something lies under the name is looked at just before"
_KEYS = 9  # of one segment, where others' objects lie under the first ones
log = logging.getLogger(__name__)


class Transfer:
    """Transfers to one bucket. Addresses are `Address`es; whoever calls has seen to the marker. `note`: what was seen that a person should know."""

    def __init__(self, requests: Requests, *, finding: Finding, retention: Retention) -> None:
        self._requests = requests
        self._finding = finding
        self._retention = retention
        self.note = ""

    async def begin(self, segment: SegmentDescription) -> Address:
        """The object that is there, the upload that is under way, or a new one. Raises Retry, Hold."""
        traits = await self._finding.known()
        for attempt in range(1, _KEYS + 1):
            key = key_of(segment, attempt=attempt)
            try:
                found = await objects.holds(
                    self._requests, key, segment, attributes_too=traits.attributes, hashes=traits.method == "digest"
                )
            except ObjectGone:
                return await self._begun(key, segment)
            if found is not None:
                return _in_one_piece(key, segment, evidential=False)  # how it is tagged and locked nobody knows
            log.warning("something else than segment %s lies at %s in the bucket; it is left alone", segment.id, key)
        raise NeverStorable(
            f"other bytes lie under each of its {_KEYS} names in the bucket: {key_of(segment)} and those beside it"
        )

    async def _begun(self, key: str, segment: SegmentDescription) -> Address:
        size, ours = segment.digest.size, segment.parts
        part_size = ours.size if ours is not None else part_size_of(size, wanted=LARGEST_PART)
        if (await self._finding.known()).method != "digest":
            ours = None  # what it lists of parts is not looked at
        if size <= part_size:
            return _in_one_piece(key, segment, evidential=segment.evidential)
        begun = Address(key=key, size=size, part_size=part_size, evidential=segment.evidential)
        for upload in await uploads.under_way(self._requests, key):
            if await uploads.resumable(self._requests, key, upload, size=size, part_size=part_size, ours=ours):
                return replace(begun, evidential=False).of(upload)  # its tags are of the day when it was begun
            await uploads.abort(self._requests, key, upload)
        headers = {**await self.headers(begun), **objects.described(segment, part_size=part_size)}
        try:
            return begun.of(await uploads.begin(self._requests, key, headers=headers))
        except BadRequest as error:
            raise await self._of_one_or_all(error, begun) from error

    async def headers(self, address: Address) -> dict[str, str]:
        """Tags and lock that the objects of a segment get."""
        traits = await self._finding.known()
        tags = f"dockd-evidential={'true' if address.evidential else 'false'}&dockd-captured={address.day}"
        return {**({TAGS: tags} if traits.tags else {}), **await self._retention.headers(address)}

    async def unlike(self) -> dict[str, str]:
        """The header that keeps what is there, where the server knows it."""
        return dict(UNLIKE) if (await self._finding.known()).unlike else {}

    # -- what is there -------------------------------------------------------------------------------------------------

    async def lacking(self, address: Address, *, size: int) -> list[Span]:
        """Raises ObjectGone, Unproven (another length)."""
        _of_size(address, size)
        if address.upload is not None and address.part_size is not None:
            try:
                listed = await uploads.parts(self._requests, address.key, address.upload)
            except ObjectGone:
                await self._there(address, size=size)
                return []
            have = uploads.whole_parts(listed, size=size, part_size=address.part_size, ours=None)
            return uploads.missing(have, size=size, part_size=address.part_size)
        try:
            await self._there(address, size=size)
        except ObjectGone:
            if address.sha256 is None:
                raise
            return [Span(offset=0, length=size)] if size else []
        return []

    async def _there(self, address: Address, *, size: int, segment: SegmentDescription | None = None) -> None:
        """Raises ObjectGone, and Unproven where what lies there is something else by its length or by a checksum that can be held against ours."""
        traits = await self._finding.known()
        found = await objects.look(self._requests, address.key, size=size, attributes_too=traits.attributes)
        if found.size != size:
            raise Unproven(f"the object at the store is of {found.size} bytes, {size} were announced")
        if traits.method != "digest":
            return  # its hashes say nothing: its bytes are read back before anything is proven
        said = found.checksum
        other = said is not None and said.parts is None and address.sha256 not in (None, said.sha256)
        if other or (segment is not None and objects.comparable(found, segment) is False):
            raise Unproven(_OTHERS)

    # -- bytes ---------------------------------------------------------------------------------------------------------

    async def send(
        self, address: Address, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None
    ) -> int:
        """One part, or the whole object. Raises Unproven where the bytes that arrived are not these; what `slices` raises."""
        _of_size(address, size)
        if address.upload is not None and address.part_size is not None:
            part_size = address.part_size
            if offset % part_size or length != min(part_size, size - offset):
                raise UploadBlocked(f"it goes in parts of {part_size} bytes, and not from {offset} on for {length}")
            query = {"partNumber": str(offset // part_size + 1), "uploadId": address.upload}
            digest = sha256 or await digest_of(slices(offset), length=length)
            answer = await self._requests.give(
                address.key, query=query, headers=objects.checked_by(digest), body=slices(offset), length=length, sha256=digest, doing=BYTES
            )  # fmt: skip
            await self._taken(answer, digest, address)
        elif address.sha256 is None:
            raise ObjectGone("that is no upload: it is begun anew")
        elif (offset, length) != (0, size):
            raise UploadBlocked(f"it goes in one piece, and not from {offset} on for {length}")
        else:
            await self._put(address, address.sha256, body=slices(0), size=size)
        return offset + length

    async def _put(self, address: Address, sha256: str, *, body: AsyncIterator[bytes], size: int) -> None:
        headers = {
            **await self.headers(address), **await self.unlike(), **objects.checked_by(sha256),
            "x-amz-meta-segment": address.segment, "x-amz-meta-sha256": sha256,
        }  # fmt: skip
        answer = await self._requests.give(
            address.key, headers=headers, body=body, length=size, sha256=sha256, doing=BYTES
        )
        try:
            await self._taken(answer, sha256, address)
        except Taken as error:
            await self._is_this(address, sha256, size=size, error=error)

    async def _taken(self, answer: Answer, sha256: str, address: Address) -> None:
        """Raises what a refusal means, and Unproven where the store names another checksum than ours."""
        problem = problem_in(answer.body)
        if answer.status not in TOOK or problem is not None:
            error = meaning(answer, doing=BYTES, problem=problem)
            raise await self._of_one_or_all(error, address) if isinstance(error, BadRequest) else error
        said = checksum(answer.headers.get(objects.CHECKSUM))
        other = said is not None and said.parts is None and said.sha256 != sha256
        if other and (await self._finding.known()).method == "digest":
            raise Unproven("the store names another SHA-256 for the bytes that it took")

    async def _of_one_or_all(self, error: BadRequest, address: Address) -> DockdError:
        """Of a request that was called wrong: is it its lock, which is looked at again then, or is it this segment, or everything?"""
        if address.evidential and self._retention.doubt():
            return error
        return await self._finding.of_one_or_all(error)

    async def _is_this(self, address: Address, sha256: str, *, size: int, error: Taken) -> None:
        """Something was there when it was sent: what we sent before, whose answer was lost, or something else. Raises Unproven."""
        traits = await self._finding.known()
        found = await objects.look(self._requests, address.key, size=size, attributes_too=traits.attributes)
        said = found.checksum if traits.method == "digest" else None
        same = found.size == size
        if same and said is not None and said.parts is None:
            same = said.sha256 == sha256
        elif same:
            same = await self._reads_as(address.key, sha256, size=size)
        if not same:
            raise Unproven(_OTHERS) from error

    async def _reads_as(self, key: str, sha256: str, *, size: int) -> bool:
        return (await objects.read_back(self._requests, key, size=size))[1] == sha256

    # -- the end -------------------------------------------------------------------------------------------------------

    async def finish(self, address: Address, segment: SegmentDescription) -> None:
        """Make the object of its parts; an empty one of nothing. Does nothing where it is there."""
        size = segment.digest.size
        _of_size(address, size)
        if address.upload is not None and address.part_size is not None:
            await self._complete(address, address.upload, segment, part_size=address.part_size)
        elif not size and address.sha256 is not None:
            try:
                await self._there(address, size=0)
            except ObjectGone:
                await self._put(address, EMPTY, body=once(b""), size=0)

    async def _complete(self, address: Address, upload: str, segment: SegmentDescription, *, part_size: int) -> None:
        size = segment.digest.size
        try:
            listed = await uploads.parts(self._requests, address.key, upload)
            hashes = (await self._finding.known()).method == "digest"
            parts = _all_of(listed, segment, part_size=part_size, hashes=hashes)
            await self._made(address.key, upload, parts, size=size)
        except ObjectGone:  # it has been ended before, and its answer was lost; or it is not there at all
            await self._there(address, size=size, segment=segment)
        except Taken as error:
            traits = await self._finding.known()
            found = await objects.holds(
                self._requests, address.key, segment, attributes_too=traits.attributes, hashes=traits.method == "digest"
            )
            if found is None:
                raise Unproven(_OTHERS) from error
            # What is there may be this very upload's: it is not aborted, and left to the bucket's rule.
        except PartsGone as error:  # the server refuses to make an object of it: it will never be one
            with contextlib.suppress(Retry):
                await uploads.abort(self._requests, address.key, upload)
            raise ObjectGone(f"{error.message}: it is sent anew") from error

    async def _made(self, key: str, upload: str, parts: list[Part], *, size: int) -> None:
        """Complete it, where nothing lies under the key. Some servers know that condition of a PUT alone, or not at all: then it is looked at before. Raises as `uploads.complete`."""
        unlike = {} if self.note else await self.unlike()
        try:
            if self.note or not (await self._finding.known()).heeds:
                await self._must_be_free(key)
            await uploads.complete(self._requests, key, upload, parts, headers=unlike, size=size)
        except (NotKnown, BadRequest):
            if not unlike:
                raise
            await self._must_be_free(key)
            await uploads.complete(self._requests, key, upload, parts, headers={}, size=size)
            self.note = _ENDS_PLAINLY
            log.warning("the store: %s", self.note)

    async def _must_be_free(self, key: str) -> None:
        """Raises Taken."""
        try:
            await objects.look(self._requests, key)
        except ObjectGone:
            return
        raise Taken("something lies under its name already")

    async def withdraw(self, address: Address) -> None:
        """End an upload in parts. What goes in one piece has not begun."""
        if address.upload is not None:
            await uploads.abort(self._requests, address.key, address.upload)


def _in_one_piece(key: str, segment: SegmentDescription, *, evidential: bool) -> Address:
    return Address(key=key, size=segment.digest.size, sha256=segment.digest.sha256, evidential=evidential)


def _of_size(address: Address, size: int) -> None:
    if address.size is not None and address.size != size:
        raise Unproven(f"the upload is of {address.size} bytes, {size} were announced")


def _all_of(listed: list[Part], segment: SegmentDescription, *, part_size: int, hashes: bool) -> list[Part]:
    """The parts in order. `hashes`: whether those that are listed count. Raises Unproven where the store lists other bytes than ours, UploadBlocked
    where one is not there.
    """
    size = segment.digest.size
    have = uploads.whole_parts(listed, size=size, part_size=part_size, ours=None)
    ours = uploads.whole_parts(listed, size=size, part_size=part_size, ours=segment.parts if hashes else None)
    if len(ours) < len(have):
        raise Unproven("the store lists parts with another SHA-256 than was sent")
    return uploads.all_there(ours, size=size, part_size=part_size)


async def digest_of(body: AsyncIterator[bytes], *, length: int) -> str:
    """The SHA-256 of what will be sent. Raises what `body` raises, EOFError where it is not of that length."""
    hasher, came = hashlib.sha256(), 0
    async for block in body:
        came += len(block)
        if came > length:
            break
        hasher.update(block)
    if came != length:
        raise EOFError(f"{came} bytes came where {length} were announced")
    return hasher.hexdigest()
