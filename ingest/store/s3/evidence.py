"""Tags and lock of a segment that is evidence, at the object that lies in the bucket: looked at, put on where they are missing, and looked at again.

Rules: nothing is said of an object that is not seen to be this segment's; that it is marked is believed of the object itself, never of what was sent with
it, or seen of another. Whatever was said of it, and however that ended, its bytes are looked at afterwards: by its checksum where hashes count,
else they are read back. An object that is not whole any more is told as one that is gone, at once: other copies may still be there.
"""

from __future__ import annotations

from ingest.errors import DockdError, ObjectGone, Retry, Unproven
from ingest.model import SegmentDescription
from ingest.store.s3 import objects
from ingest.store.s3.addresses import Address
from ingest.store.s3.baits import TAGS, Finding
from ingest.store.s3.meanings import BadRequest, NotKnown
from ingest.store.s3.objects import Found
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import MODE, UNTIL, Retention
from ingest.store.s3.subresources import Place, Subresources
from ingest.store.s3.transfer import Transfer

_OTHERS = "something else lies under its name in the bucket: it is not marked"
_NOT_WHOLE = "it was there before it was marked as evidential, and is not any more, or something else is in its place"


class Evidence:
    """Of one bucket; addresses are of segments that are evidence by now."""

    def __init__(
        self, requests: Requests, *, finding: Finding, transfer: Transfer, retention: Retention, beside: Subresources
    ) -> None:
        self._requests = requests
        self._finding = finding
        self._transfer = transfer
        self._retention = retention
        self._beside = beside

    async def mark(self, address: Address, segment: SegmentDescription, *, came: bool) -> bool:
        """Whether the object has now all that it was to get; False where it got less, or there is nothing to get. `came`: it was sent as evidence.

        Raises ObjectGone where the object is not there, or not this segment's (any more); Retry, Hold.
        """
        headers = await self._transfer.headers(address)
        if TAGS not in headers and MODE not in headers:
            return False
        found = await self._ours(address.key, segment)
        at = Place(key=address.key, version=found.version, came=came)
        try:
            tags = await self._beside.tag(at, headers[TAGS]) if TAGS in headers else None
            lock = await self._locked(at, found, headers) if MODE in headers else None
        except DockdError as error:
            await self._seen_again(at, segment, after=error)
            if isinstance(error, (BadRequest, NotKnown)):  # an object of ours has just taken the same
                raise Retry(f"it cannot be marked as evidential at the store: {error.message}") from error
            raise
        await self._seen_again(at, segment)
        return False not in (tags, lock) and True in (tags, lock)

    async def _locked(self, at: Place, found: Found, headers: dict[str, str]) -> bool:
        if self._retention.enough(found.lock, headers):
            return True
        said = await self._beside.lock_of(at)
        if said is not None and self._retention.enough(said, headers):
            return True
        try:
            if not await self._beside.retain(at, mode=headers[MODE], until=headers[UNTIL]):
                return False
        except BadRequest:
            self._retention.doubt()
            raise
        said = await self._beside.lock_of(at)
        return said is None or self._retention.enough(said, headers)

    async def _ours(self, key: str, segment: SegmentDescription) -> Found:
        """What lies there, if it is this segment's by its length and by a checksum that can be held against ours. Raises ObjectGone."""
        traits, size = await self._finding.known(), segment.digest.size
        found = await objects.look(self._requests, key, size=size, attributes_too=traits.attributes)
        other = traits.method == "digest" and objects.comparable(found, segment) is False
        if found.size != size or other:
            raise ObjectGone(_OTHERS)
        return found

    async def _seen_again(self, at: Place, segment: SegmentDescription, *, after: DockdError | None = None) -> None:
        """Where something was said of it. `after`: what went wrong with that. Raises ObjectGone where the object is not whole, Retry where that is not known."""
        if not at.touched:
            return
        try:
            whole = await self._is_whole(at, segment)
        except ObjectGone as error:
            raise ObjectGone(f"{_NOT_WHOLE}: {error.message}") from error
        except Unproven:
            whole = False
        except DockdError:
            if after is None:
                raise
            return  # the next try begins with a look
        if not whole:
            raise ObjectGone(_NOT_WHOLE)

    async def _is_whole(self, at: Place, segment: SegmentDescription) -> bool:
        """By its name alone, as it is found by whoever wants it: what was put on top of it is another version."""
        found = await self._ours(at.key, segment)
        if found.version != at.version:
            return False
        if (await self._finding.known()).method == "digest" and objects.comparable(found, segment):
            return True
        size = segment.digest.size
        return await objects.read_back(self._requests, at.key, size=size, fresh=True) == (size, segment.digest.sha256)
