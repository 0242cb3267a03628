"""What a bucket's server really does, found out by trying: S3 announces nothing, and some servers echo a hash that they never looked at.

Rules: nothing is believed that was not seen. A store is one of digests where it gives back the SHA-256 of what it took *and* has refused wrong
bytes, of an object and of a part, with a request that was right in everything but the checksum; else its bytes are read back. An answer that
says nothing (busy, down, no rights) decides nothing: it is raised, and asked again. Only objects that were made here are ever deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Literal

from ingest.errors import DockdError, Hold, NeverStorable, ObjectGone, Refused, Retry, Unproven
from ingest.model import ProofMethod
from ingest.store.line import Answer
from ingest.store.s3 import uploads
from ingest.store.s3.meanings import BadRequest, Taken, meaning
from ingest.store.s3.objects import checked_by, look, of_version, version_in
from ingest.store.s3.requests import Requests

_SIZE = 64 << 10
_DOING = "finding out what it checks"
UNLIKE = {"If-None-Match": "*"}
TAGS = "x-amz-tagging"
TOOK = (200, 201, 204)
_LEARNED = "it gives SHA-256s by now and refuses wrong ones; it was pinned as one that is read back, and is: pin it anew (dockd store pin) if its hashes are to count"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a store does: `gives` a SHA-256 in HEAD, in its attributes or not at all; `refuses` wrong bytes; takes `tags`; takes If-None-Match
    (`unlike`), and `heeds` it: what lies under a name is kept. `notes`: what it does not do, for a person. `read_back`: it was pinned as one that is, whatever else it can do.
    """

    gives: Literal["head", "attributes", "none"]
    refuses: bool
    tags: bool
    unlike: bool
    heeds: bool
    notes: tuple[str, ...] = ()
    read_back: bool = False

    @property
    def method(self) -> ProofMethod:
        """The kind of proof that it announces by this."""
        return "digest" if self.refuses and self.gives != "none" and not self.read_back else "read-back"

    @property
    def attributes(self) -> bool:
        """Whether hashes that count have to be asked for by GetObjectAttributes."""
        return self.gives == "attributes" and self.method == "digest"


class Finding:
    """Finds it out once, when it is first asked, and keeps it as long as the process lives."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._turn = asyncio.Lock()
        self._traits: Traits | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is known so far that a person should know."""
        if self._traits is None:
            return ()
        return (*self._traits.notes, *((_LEARNED,) if self._traits.read_back else ()))

    async def known(self) -> Traits:
        """Raises Retry, Stop where nothing can be said."""
        async with self._turn:
            if self._traits is None:
                self._traits = await find_out(self._requests)
                for note in self._traits.notes:
                    log.warning("the store at %s: %s", self._requests.url, note)
            return self._traits

    async def as_pinned(self, pinned: ProofMethod | None) -> Traits:
        """What it does, seen beside the kind of proof that was pinned (None: nothing was). Raises Retry, Stop.

        One that gives less than that is looked at again, now and whenever it is asked: it may be over. One that gives more is read back as before.
        """
        traits = await self.known()
        if pinned == "digest" and traits.method != "digest":
            self._traits = None
            traits = await self.known()
        kept = replace(traits, read_back=False)
        kept = replace(kept, read_back=pinned == "read-back" and kept.method == "digest")
        if kept.read_back and not traits.read_back:
            log.warning("the store at %s: %s", self._requests.url, _LEARNED)
        self._traits = None if pinned == "digest" and kept.method != "digest" else kept
        return kept

    async def of_one_or_all(self, error: BadRequest) -> DockdError:
        """A request was called wrong. If an ordinary one is taken, it is about that segment, which is held; else nothing can be stored now."""
        traits = await self.known()
        bait = Bait(self._requests, what="ordinary")
        try:
            answer = await bait.put(b"ordinary", headers=ordinary_headers(tags=traits.tags, unlike=traits.unlike))
            await bait.cleared()
        except DockdError:
            return error
        return NeverStorable(error.message) if answer.status in TOOK else error


class Bait:
    """An object of our own making, of ordinary kind, in a place of its own; deleted when it has served."""

    def __init__(self, requests: Requests, *, what: str) -> None:
        moment = time.strftime("%Y/%m/%d/check/%H%M%S", time.gmtime())
        self.key = f"dockd-checks/{moment}_dockd-{what}_{secrets.token_hex(8)}"
        self.version: str | None = None
        self.made = False
        self._requests = requests

    async def put(self, body: bytes, *, headers: dict[str, str], said: str | None = None) -> Answer:
        """PUT it; `said`: the SHA-256 (hex) that is announced, where it is not that of the body."""
        digest = hashlib.sha256(body).hexdigest()
        self.made = True
        answer = await self._requests.give(
            self.key, headers={**headers, **checked_by(said or digest)}, body=once(body), length=len(body), sha256=digest, doing=_DOING
        )  # fmt: skip
        self.version = version_in(answer) or self.version
        return answer

    async def delete(self) -> Answer:
        """DELETE just what was made."""
        query = of_version(self.version)
        return await self._requests.ask("DELETE", self.key, query=query, doing="deleting what was made to find out")

    async def cleared(self) -> None:
        """Delete it, if that may be: what stays is small, and says what it is."""
        if not self.made:
            return
        with contextlib.suppress(Retry, Hold):
            answer = await self.delete()
            if answer.status not in (200, 204, 404):
                log.debug("a check object stays in the bucket: %s (%d)", self.key, answer.status)


async def find_out(requests: Requests) -> Traits:
    """Try it. Raises Retry, Stop where nothing can be said."""
    good, wrong, in_parts = (Bait(requests, what=what) for what in ("good", "wrong", "parts"))
    body = secrets.token_bytes(_SIZE)
    try:
        tags, unlike, notes = await _ordinary(good, body)
        headers = ordinary_headers(tags=tags, unlike=unlike)
        gives = await _gives(requests, good, body)
        heeds = unlike and await _kept(good, headers)
        if unlike and not heeds:
            notes = (
                *notes,
                "it overwrites what is there in spite of If-None-Match: nothing but names that are never used twice keeps objects apart",
            )
        refused_it = refused(await wrong.put(_other(body), headers=headers, said=hashlib.sha256(body).hexdigest()))
        refuses = await _refuses_a_part(requests, in_parts, headers) and refused_it
    finally:
        await asyncio.gather(good.cleared(), wrong.cleared())
    if not refuses:
        notes = (
            *notes,
            "it takes bytes under a SHA-256 that is not theirs: its checksums prove nothing, so its bytes are read back",
        )
    elif gives == "none":
        notes = (*notes, "it gives no SHA-256 of what it has: its bytes are read back")
    return Traits(gives=gives, refuses=refuses, tags=tags, unlike=unlike, heeds=heeds, notes=notes)


def ordinary_headers(*, tags: bool, unlike: bool) -> dict[str, str]:
    """Those that a segment's object has as well."""
    said = {"x-amz-meta-segment": secrets.token_hex(16)}
    if tags:
        said[TAGS] = "dockd-evidential=false&dockd-captured=" + time.strftime("%Y-%m-%d", time.gmtime())
    return {**said, **UNLIKE} if unlike else said


async def _ordinary(bait: Bait, body: bytes) -> tuple[bool, bool, tuple[str, ...]]:
    """Have an ordinary object taken: whether with tags, whether with If-None-Match. Raises what it refuses for another reason."""
    failure: DockdError | None = None
    for tags, unlike in ((True, True), (False, True), (True, False), (False, False)):
        answer = await bait.put(body, headers=ordinary_headers(tags=tags, unlike=unlike))
        if answer.status in TOOK:
            notes = (
                ()
                if tags
                else ("it takes no tags: the bucket's lifecycle cannot tell evidential segments from others by them",)
            )
            return tags, unlike, notes if unlike else (*notes, "it does not know If-None-Match")
        error = meaning(answer, doing=_DOING)
        if isinstance(error, Taken):  # a try before, whose answer was lost
            return tags, unlike, ()
        failure = failure or error
        if answer.status != 501 and not isinstance(error, (BadRequest, Refused)):
            break
        if answer.status in (401, 403) and not tags:
            break
    raise failure or AssertionError("four ways to put it")


async def _kept(bait: Bait, headers: dict[str, str]) -> bool:
    """Whether what is there is not overwritten."""
    before = bait.version
    answer = await bait.put(b"another", headers=headers)
    if answer.status in TOOK:
        return False
    bait.version = before
    error = meaning(answer, doing=_DOING)
    if not isinstance(error, Taken):
        raise error
    return True


async def _gives(requests: Requests, bait: Bait, body: bytes) -> Literal["head", "attributes", "none"]:
    try:
        for gives in ("head", "attributes"):
            found = await look(requests, bait.key, attributes_too=gives == "attributes")
            if found.checksum is not None and found.checksum.parts is None:
                return gives if found.checksum.sha256 == hashlib.sha256(body).hexdigest() else "none"
    except ObjectGone as error:
        raise Retry(f"the store does not have what it has just taken: {error.message}") from error
    return "none"


async def _refuses_a_part(requests: Requests, bait: Bait, headers: dict[str, str]) -> bool:
    body = secrets.token_bytes(_SIZE)
    said = {name: value for name, value in headers.items() if name != "If-None-Match"}
    upload = await uploads.begin(requests, bait.key, headers=said)
    try:
        return refused(await put_part(requests, bait.key, upload, _other(body), said=hashlib.sha256(body).hexdigest()))
    finally:
        with contextlib.suppress(Retry, Hold):
            await uploads.abort(requests, bait.key, upload)


async def put_part(requests: Requests, key: str, upload: str, body: bytes, *, said: str) -> Answer:
    """UploadPart of a small body as part 1, under the SHA-256 `said`."""
    return await requests.give(
        key, query={"partNumber": "1", "uploadId": upload}, headers=checked_by(said), body=once(body), length=len(body),
        sha256=hashlib.sha256(body).hexdigest(), doing=_DOING,
    )  # fmt: skip


def refused(answer: Answer) -> bool:
    """Whether it refused the bytes. Raises what says nothing of them: busy, down, full, no rights."""
    if answer.status in TOOK:
        return False
    error = meaning(answer, doing=_DOING)
    if isinstance(error, (Unproven, BadRequest)):
        return True
    raise error


def _other(body: bytes) -> bytes:
    """One bit of it is another."""
    wrong = bytearray(body)
    wrong[secrets.randbelow(len(wrong))] ^= 1 << secrets.randbelow(8)
    return bytes(wrong)


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A small body, to be sent."""
    if body:
        yield body
