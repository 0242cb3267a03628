"""One S3 bucket as a store of segments.

S3 announces no kind of proof, so it is found out once in each process what the server does (`baits`): one that gives SHA-256s back and refuses
wrong ones is a store of digests, any other is read back. What was found is pinned with the store (`ingest.trust`): one that stops refusing is
not the same store any more. Before anything is announced and before anything is claimed its marker is looked at.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ingest.errors import Unproven
from ingest.model import Claim, Head, ProofMethod, SegmentDescription, Span, StoreIdentity
from ingest.store.base import Begun, Slices
from ingest.store.description import DESCRIPTION, custody_ending, describing
from ingest.store.line import Line, Patience, Proxy
from ingest.store.outgoing import Outgoing
from ingest.store.ranges import A_PART, ranged
from ingest.store.s3 import honesty, objects
from ingest.store.s3.addresses import Address, address_of, part_size_of
from ingest.store.s3.baits import TOOK, Finding
from ingest.store.s3.documents import problem_in
from ingest.store.s3.evidence import Evidence
from ingest.store.s3.marker import Marker
from ingest.store.s3.meanings import BadRequest, Taken, meaning
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import Mode, Retention
from ingest.store.s3.subresources import Subresources
from ingest.store.s3.transfer import Transfer

_KEPT_BACK = ("AccessDenied", "MethodNotAllowed", "NotImplemented", "")
_JSON = {"Content-Type": "application/json"}


async def _always() -> bool:
    return True


async def _nothing() -> None:
    return None


class S3Store:
    """The bucket at `url`: "https://host/bucket", or "https://bucket.host" where the server has virtual hosts.

    `credentials()` gives the secret file's text, read at each use; `lock` and `retain` (seconds from capture) are for evidential segments;
    `founds()`: whether a bucket without a marker may be made a store; `pinned()`: the kind of proof that it was pinned with, if it was;
    `observe(method, seconds)` is told of every request. `notes` says what was found out that a person should know.
    """

    def __init__(
        self, url: str, *, credentials: Callable[[], str | None], region: str = "us-east-1", lock: Mode = "governance",
        retain: float = 2557 * 86400.0, tls: ssl.SSLContext | None = None, patience: Patience | None = None,
        observe: Callable[[str, float], None] = lambda _method, _seconds: None, founds: Callable[[], Awaitable[bool]] = _always,
        pinned: Callable[[], Awaitable[ProofMethod | None]] = _nothing,
        proxy: Proxy | None = None, outgoing: Outgoing | None = None,
    ) -> None:  # fmt: skip
        self.url = url.rstrip("/")
        self._line = Line(
            self.url, token=lambda: None, patience=patience or Patience(), tls=tls, observe=observe, proxy=proxy, outgoing=outgoing, exact=True
        )  # fmt: skip
        self._requests = Requests(self._line, url=self.url, credentials=credentials, region=region)
        self._named = url
        self._marker = Marker(self._requests, founds=founds)
        self._finding = Finding(self._requests)
        self._pinned = pinned
        self._retention = Retention(self._requests, mode=lock, retain=retain)
        self._beside = Subresources(self._requests)
        self._transfer = Transfer(self._requests, finding=self._finding, retention=self._retention)
        self._evidence = Evidence(
            self._requests,
            finding=self._finding,
            transfer=self._transfer,
            retention=self._retention,
            beside=self._beside,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the store does not do, in plain words, as far as it is known."""
        return (*self._finding.notes, *filter(None, [self._transfer.note, self._retention.note, self._beside.note]))

    # -- who it is -----------------------------------------------------------------------------------------------------

    async def identify(self) -> StoreIdentity:
        """By its marker, made where a store may be founded; with the kind of proof that it was found to give. Raises WrongStore, Retry."""
        store = await self._marker.store()
        traits = await self._finding.as_pinned(await self._pinned())
        await self._retention.cleared()
        await self._beside.cleared()
        self._beside.doubt()
        return StoreIdentity(id=store, url=self._named, method=traits.method, durable=False)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """It signs nothing."""
        return False

    async def checks(self) -> bool:
        """Whether it was seen to refuse wrong checksums."""
        return (await self._finding.known()).refuses

    # -- transfer ------------------------------------------------------------------------------------------------------

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        """None for what goes in one piece. Never under 5 MiB, never more than 10,000 parts."""
        if upload is not None:
            address = address_of(upload)
            return address.part_size if address.upload is not None else None
        part = part_size_of(size, wanted=wanted)
        return part if size > part else None

    async def announce(self, segment: SegmentDescription) -> str:
        """The address of the object that is there, of the upload that is under way, or of a new one. Raises WrongStore, Retry, Hold."""
        await self._marker.see()
        return (await self._transfer.begin(segment)).at(self.url)

    async def offset(self, upload: str, *, size: int) -> int:
        """How much is there without a gap."""
        gaps = await self._transfer.lacking(address_of(upload), size=size)
        return gaps[0].offset if gaps else size

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span]:
        """By ListParts, or a look at the object. Raises WrongStore, as all that goes before bytes that are written."""
        await self._marker.see()
        return await self._transfer.lacking(address_of(upload), size=size)

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        """One part, or the whole object."""
        return await self._transfer.send(
            address_of(upload), offset=offset, length=length, size=size, slices=slices, sha256=sha256
        )

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        """Complete an upload in parts. One that is complete stays as it is."""
        address = address_of(upload)
        if address.upload is not None or not segment.digest.size:
            await self._marker.see()
        await self._transfer.finish(address, segment)

    async def withdraw(self, upload: str) -> None:
        """AbortMultipartUpload."""
        await self._transfer.withdraw(address_of(upload))

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        """See to it that one that is evidential has its tag and its lock. False where the store has neither, or knows them only as an object comes. Raises Retry."""
        if not segment.evidential:
            return False
        announced = address_of(upload)
        return await self._evidence.mark(replace(announced, evidential=True), segment, came=announced.evidential)

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        """Two documents beside the object. The description is always the same, so that the first one stays, unless the segment has become evidential
        since; of the custody record, which grows, the last one counts. Raises Retry.
        """
        announced = address_of(upload)
        address = replace(announced, evidential=segment.evidential)
        unlike = await self._transfer.unlike() if announced.evidential == segment.evidential else {}
        await asyncio.gather(
            self._lay(address, DESCRIPTION, describing(segment), unlike=unlike),
            self._lay(address, custody_ending(since), custody, unlike={}),
        )

    async def _lay(self, address: Address, suffix: str, body: bytes, *, unlike: dict[str, str]) -> None:
        doing = "the description of a segment"
        headers = {
            **await self._transfer.headers(address),
            **objects.said_as_checksum_headers(body),
            **_JSON,
            **unlike,
        }
        answer = await self._requests.ask("PUT", address.key + suffix, doing=doing, headers=headers, body=body)
        problem = problem_in(answer.body)
        if answer.status not in TOOK or problem is not None:
            error = meaning(answer, doing=doing, problem=problem)
            if unlike and isinstance(error, Taken):
                return
            if isinstance(error, BadRequest):
                self._retention.doubt()
            raise error

    # -- proof ---------------------------------------------------------------------------------------------------------

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """By the checksum that the store gives, where it is a store of digests and the checksum can be held against ours; else by its bytes."""
        address = address_of(upload)
        store = await self._marker.see()
        traits = await self._finding.known()
        size = segment.digest.size
        found = await objects.look(self._requests, address.key, size=size, attributes_too=traits.attributes)
        claim = Claim(method=traits.method, store=store, object=upload, size=found.size, sha256="", raw=found.raw)
        said = found.checksum if traits.method == "digest" else None
        if traits.method == "digest" and found.size != size:
            raise Unproven(f"the object at the store is of {found.size} bytes, {size} were sent")
        if said is not None and objects.comparable(found, segment):
            return replace(claim, composite=said.composite) if said.parts else replace(claim, sha256=said.sha256)
        size, sha256 = await objects.read_back(self._requests, address.key, size=size)
        raw = f"{found.raw} read-back={sha256}"
        if said is not None and not await objects.told_truly(
            self._requests, address.key, found, sha256=sha256, attributes_too=traits.attributes
        ):
            return replace(claim, sha256=said.sha256, raw=raw)
        if traits.method == "digest" and sha256 != segment.digest.sha256:
            raise Unproven("other bytes than were sent lie there, and the store says nothing else: they are left alone")
        return replace(claim, size=size, sha256=sha256, raw=raw)

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """GET with Range. A key that may not read gets none."""
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        async with self._requests.take(address_of(upload).key, headers=headers, doing=A_PART, fresh=fresh) as (answer, blocks):  # fmt: skip
            if answer.status in (401, 403, 405, 501):
                problem = problem_in(answer.body)
                if (problem.code if problem is not None else "") in _KEPT_BACK:
                    return None
                raise meaning(answer, doing=A_PART, problem=problem)
            return await ranged(answer, blocks, offset=offset, length=length, size=size)

    async def tempt(
        self,
        segment: SegmentDescription,
        slices: Slices,
        *,
        nonce: str,
        head: Head | None,
        dock: str,
        begun: Begun | None = None,
    ) -> None:
        """Wrong bytes under an ordinary segment's name, whole and as a part: refused, or at least not vouched for."""
        await self._marker.see()
        if (await self._finding.known()).method == "digest":
            await honesty.tempt(self._requests, self._transfer, segment, slices)
