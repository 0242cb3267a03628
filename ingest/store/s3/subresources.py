"""What is said of an object by `PUT key?tagging` and its like: whether a server knows that for what it is, tried on an object of our own.

Rules: a server that knows no such parts of an object takes that request for the object itself, and puts a few lines of XML in the place of footage
(rclone serve s3 does: seen). So nothing of the kind is sent to a segment's object unless, within the last minute, the same request has left the
bytes of an object of our own alone. That a tag is there is believed where it is given back, or where this dock may not ask. An answer that says
nothing (busy, down, no rights) decides nothing: it is raised, and asked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from ingest.errors import Garbled, ObjectGone, Refused, Retry, Unproven
from ingest.store.line import Answer
from ingest.store.s3 import objects
from ingest.store.s3.baits import TAGS, TOOK, Bait
from ingest.store.s3.documents import retaining, tagging, tags_in
from ingest.store.s3.meanings import BadRequest, NotKnown, meaning
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import A_MOMENT, now_there, stamp

_DOING = "finding out whether evidential segments can be marked"
_BODY = b"no footage, but an object of the dock's own, by which it finds out what this server does\n" * 40
_LARGEST = 64 << 10
_TAKES_IT_FOR_THE_OBJECT = "it takes what is said of an object for the object itself, and overwrites it"
_NOT_KNOWN = "it cannot be told of an object that it has: what becomes evidential after it was sent is not marked there"
_NOT_HEEDED = (
    "it takes tags and does not keep them: the bucket's lifecycle cannot tell evidential segments from others by them"
)
log = logging.getLogger(__name__)


class Subresources:
    """Of one bucket. `apart`: seconds that a trial holds. `note`: what was seen that a person should know."""

    def __init__(self, requests: Requests, *, apart: float = 60.0) -> None:
        self._requests = requests
        self._apart = apart
        self._turn = asyncio.Lock()
        self._known: dict[str, tuple[float, bool]] = {}
        self._heeds: bool | None = None
        self._left: list[tuple[float, Bait]] = []
        self.note = ""

    async def heeds(self, tags: str) -> bool:
        """Whether tags that come with an object are kept; found out once in a process. Raises Retry, Hold."""
        async with self._turn:
            if self._heeds is None:
                bait, _ = await self._made(headers={TAGS: tags})
                try:
                    self._heeds = await self._gives_back(bait, tags)
                finally:
                    await bait.cleared()
                if not self._heeds:
                    self._say(_NOT_HEEDED)
            return self._heeds

    async def tag(self, key: str, tags: str) -> bool:
        """Give an object that is there these tags (as in x-amz-tagging); False, and nothing sent, where the server does not know that. Raises Retry, Hold."""
        if not await self._is_known(
            "tagging",
            lambda bait, _now: self._put(bait.key, "tagging", tagging(tags)),
            lambda bait: self._gives_back(bait, tags),
        ):
            return False
        return _took(await self._put(key, "tagging", tagging(tags)))

    async def retain(self, key: str, *, mode: str, until: str) -> bool:
        """Lock an object that is there; False, and nothing sent, where the server does not know that. Raises Retry, Hold."""
        if not await self._is_known("retention", lambda bait, now: self._locks(bait, mode=mode, now=now), _unseen):
            return False
        return _took(await self._put(key, "retention", retaining(mode, until)))

    async def cleared(self) -> None:
        """Delete what was locked to try it, once its own lock is over."""
        now = time.monotonic()
        over = [bait for moment, bait in self._left if moment <= now]
        self._left = [one for one in self._left if one[0] > now]
        for bait in over:
            await bait.cleared()

    async def _put(self, key: str, what: str, body: bytes) -> Answer:
        said = {**objects.said_as_checksum_headers(body), "Content-Type": "application/xml"}
        return await self._requests.ask("PUT", key, query={what: ""}, headers=said, body=body, doing=_DOING)

    # -- tried on an object of our own ---------------------------------------------------------------------------------

    async def _is_known(
        self, what: str, done: Callable[[Bait, float], Awaitable[Answer]], seen: Callable[[Bait], Awaitable[bool]]
    ) -> bool:
        async with self._turn:
            tried_at, known = self._known.get(what, (-self._apart, False))
            if time.monotonic() - tried_at >= self._apart:
                bait, now = await self._made(headers={})
                try:
                    known = await self._left_alone(bait, await done(bait, now)) and await seen(bait)
                finally:
                    await bait.cleared()
                self._known[what] = time.monotonic(), known
                if not known:
                    self._say(_NOT_KNOWN)
            return known

    async def _locks(self, bait: Bait, *, mode: str, now: float) -> Answer:
        self._left.append((time.monotonic() + 2 * A_MOMENT, bait))
        return await self._put(bait.key, "retention", retaining(mode, stamp(now + A_MOMENT)))

    async def _left_alone(self, bait: Bait, answer: Answer) -> bool:
        """Raises what says nothing of it."""
        if not await self._is_whole(bait):
            self._say(_TAKES_IT_FOR_THE_OBJECT)
            return False
        if answer.status in TOOK:
            return True
        error = meaning(answer, doing=_DOING)
        if not isinstance(error, (BadRequest, NotKnown, ObjectGone)):
            raise error
        return False

    async def _made(self, *, headers: dict[str, str]) -> tuple[Bait, float]:
        """An object, and the server's clock."""
        bait = Bait(self._requests, what="marks")
        answer = await bait.put(_BODY, headers=headers)
        if answer.status not in TOOK:
            raise meaning(answer, doing=_DOING)
        return bait, now_there(answer)

    async def _is_whole(self, bait: Bait) -> bool:
        """Raises Retry where that cannot be seen."""
        try:
            found = await objects.read_back(self._requests, bait.key, size=len(_BODY), fresh=True)
        except Unproven:
            return False
        except ObjectGone as error:
            raise Retry(f"the store does not have what it has just taken: {error.message}") from error
        return found == (len(_BODY), hashlib.sha256(_BODY).hexdigest())

    async def _gives_back(self, bait: Bait, tags: str) -> bool:
        """Also where this dock may not ask: one that may mark need not be one that may look at marks. Raises Retry, Hold."""
        answer = await self._requests.ask("GET", bait.key, query={"tagging": ""}, doing=_DOING, largest=_LARGEST)
        if answer.status != 200:
            error = meaning(answer, doing=_DOING)
            if isinstance(error, Refused):
                return True
            if isinstance(error, (BadRequest, NotKnown, ObjectGone)):
                return False
            raise error
        try:
            return tags_in(answer.body) == dict(parse_qsl(tags))
        except Garbled:
            return False

    def _say(self, note: str) -> None:
        if note not in self.note:
            log.warning("the store at %s: %s", self._requests.url, note)
            self.note = "; ".join(filter(None, (self.note, note)))


async def _unseen(_bait: Bait) -> bool:
    """A lock is not asked for again: whether locks hold is known already (`retention`)."""
    return True


def _took(answer: Answer) -> bool:
    """Raises what a refusal means."""
    if answer.status not in TOOK:
        raise meaning(answer, doing="marking a segment as evidential")
    return True
