"""What is said of an object by `PUT key?tagging` and its like: whether a server knows that for what it is, tried on an object of our own.

Rules: a server that knows no such parts of an object takes that request for the object itself, and puts a few lines of XML in the place of footage
(rclone serve s3 does: seen). So nothing of the kind is sent to a segment's object unless, within the last minute, the same request has left the
bytes of an object of our own alone; it is sent once (a line that is cut may lead to another server the next time), and what went wrong with it ends
the trial. Where objects have versions, the one that was looked at is named. Tags are put beside those that are there, never in their place: where this dock
may not read those, it sends none. An answer that says nothing (busy, down, no rights) decides nothing: it is raised, and asked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ingest.errors import DockdError, Garbled, ObjectGone, Refused, Retry, Unproven
from ingest.store.line import Answer
from ingest.store.s3 import objects
from ingest.store.s3.baits import TAGS, TOOK, Bait
from ingest.store.s3.documents import problem_in, retaining, retention_in, tagging, tags_in
from ingest.store.s3.meanings import BadRequest, NotKnown, meaning
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import A_MOMENT, now_there, stamp

_TRYING = "finding out whether evidential segments can be marked"
_MARKING = "marking a segment as evidential"
_LOOKING = "a look at how a segment is marked"
_BODY = b"no footage, but an object of the dock's own, by which it finds out what this server does\n" * 40
_LARGEST = 64 << 10
_EVIDENTIAL = "dockd-evidential"
_TAKES_IT_FOR_THE_OBJECT = "it takes what is said of an object for the object itself, and overwrites it"
_NOT_KNOWN = "it cannot be told of an object that it has: what becomes evidential after it was sent is not marked there"
_NOT_HEEDED = (
    "it takes tags and does not keep them: the bucket's lifecycle cannot tell evidential segments from others by them"
)
_NOT_READ = "this dock may not read tags (s3:GetObjectTagging): new ones would replace what others have put there, so none are sent"
_NOT_BY_VERSION = (
    "this dock's key may not mark a version by its name (s3:PutObjectVersionTagging): whatever is the newest is marked"
)
log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Place:
    """An object of a segment that is there. `came`: it was sent as evidence; `touched`: something was said of it, whatever came of that."""

    key: str
    version: str | None
    came: bool = False
    touched: bool = False


class Subresources:
    """Of one bucket. `apart`: seconds that a trial holds. `note`: what was seen that a person should know."""

    def __init__(self, requests: Requests, *, apart: float = 60.0) -> None:
        self._requests = requests
        self._apart = apart
        self._turn = asyncio.Lock()
        self._known: dict[str, tuple[float, bool]] = {}
        self._unnamed: set[str] = set()
        self._left: list[tuple[float, Bait]] = []
        self.note = ""

    def doubt(self) -> None:
        """What it was seen not to know is tried anew: one answer of something on the way may have said so."""
        self._known = {what: found for what, found in self._known.items() if found[1]}

    async def heeds(self, tags: str) -> bool:
        """Whether tags that come with an object are kept, tried on one of our own. Raises Retry, Hold."""

        async def seen(bait: Bait, _now: float) -> bool:
            return await self._gives_back(bait, tags)

        return await self._is_known("tags that come", seen, headers={TAGS: tags}, unless=_NOT_HEEDED)

    async def tag(self, at: Place, tags: str) -> bool | None:
        """See to it that an object has these tags (as in x-amz-tagging) beside its others. False where it cannot be; None where besides none is there
        that says anything else. Raises Retry (ObjectGone too), Hold.
        """
        wanted = dict(parse_qsl(tags))
        failure: DockdError | None = None
        there: dict[str, str] | None = {}
        try:
            there = await self._tags_of(at)
        except (Garbled, BadRequest, NotKnown) as error:  # a server that knows no such question
            failure = error
        if there is None:
            self._say(_NOT_READ)
            return at.came and await self.heeds(tags)
        if wanted.items() <= there.items():
            return True

        async def known(bait: Bait, _now: float) -> bool:
            answer = await self._tried("tagging", bait, tagging(wanted))
            return await self._left_alone(bait, answer) and await self._gives_back(bait, tags)

        if not await self._is_known("tagging", known):
            return None if failure is None and _EVIDENTIAL not in there else False
        if failure is not None:
            raise Retry(f"the store does not say which tags an object has: {failure.message}") from failure
        await self._told(at, "tagging", tagging({**there, **wanted}))
        if not wanted.items() <= (await self._tags_of(at) or wanted).items():
            raise Retry("the store took the tags of an evidential segment, and does not give them back")
        return True

    async def retain(self, at: Place, *, mode: str, until: str) -> bool:
        """Lock an object that is there; False, and nothing sent, where the server does not know that. Raises Retry, Hold."""

        async def known(bait: Bait, now: float) -> bool:
            self._left.append((time.monotonic() + 2 * A_MOMENT, bait))
            answer = await self._tried("retention", bait, retaining(mode, stamp(now + A_MOMENT)))
            return await self._left_alone(bait, answer)

        if not await self._is_known("retention", known):
            return False
        await self._told(at, "retention", retaining(mode, until))
        return True

    async def lock_of(self, at: Place) -> tuple[str, str] | None:
        """Mode and end of its lock, empty where it has none; None where this dock may not ask. Raises Retry, Hold."""
        answer = await self._get(at.key, "retention", at.version)
        if answer.status == 200:
            try:
                return retention_in(answer.body)
            except Garbled:
                return "", ""
        error = meaning(answer, doing=_LOOKING)
        if isinstance(error, Refused):
            return None
        if isinstance(error, (BadRequest, NotKnown, ObjectGone)):
            return "", ""
        raise error

    async def cleared(self) -> None:
        """Delete what was locked to try it, once its own lock is over."""
        now = time.monotonic()
        over = [bait for moment, bait in self._left if moment <= now]
        self._left = [one for one in self._left if one[0] > now]
        for bait in over:
            await bait.cleared()

    # -- requests ------------------------------------------------------------------------------------------------------

    async def _put(self, key: str, what: str, body: bytes, *, version: str | None, doing: str) -> Answer:
        said = {**objects.said_as_checksum_headers(body), "Content-Type": "application/xml"}
        query = {what: "", **objects.of_version(version)}
        return await self._requests.ask("PUT", key, query=query, headers=said, body=body, doing=doing, again=False)

    async def _get(self, key: str, what: str, version: str | None) -> Answer:
        query = {what: "", **objects.of_version(version)}
        return await self._requests.ask("GET", key, query=query, doing=_LOOKING, largest=_LARGEST)

    async def _told(self, at: Place, what: str, body: bytes) -> None:
        """Of a segment's object, once. Raises what a refusal means; whatever goes wrong, the trial counts no more."""
        version = None if what in self._unnamed else at.version
        at.touched = True
        try:
            answer = await self._put(at.key, what, body, version=version, doing=_MARKING)
            problem = problem_in(answer.body)
            if answer.status not in TOOK or problem is not None:
                raise meaning(answer, doing=_MARKING, problem=problem)
        except DockdError:
            self._known.pop(what, None)
            raise

    async def _tags_of(self, at: Place) -> dict[str, str] | None:
        """None where this dock may not ask. One without any is not there, some say: they are asked twice, and whether it is there. Raises Retry, Hold."""
        try:
            return await self._tags(at.key, at.version)
        except ObjectGone:
            await objects.look(self._requests, at.key, version=at.version)
        try:
            return await self._tags(at.key, at.version)
        except ObjectGone:
            return {}

    async def _tags(self, key: str, version: str | None) -> dict[str, str] | None:
        for named in (version, None) if version is not None else (None,):
            answer = await self._get(key, "tagging", named)
            if answer.status == 200:
                return tags_in(answer.body)
            error = meaning(answer, doing=_LOOKING)
            if isinstance(error, ObjectGone) and _code(answer) not in ("", "NoSuchKey", "NoSuchVersion"):
                return {}
            if not isinstance(error, Refused):
                raise error
        return None

    # -- tried on an object of our own ---------------------------------------------------------------------------------

    async def _is_known(
        self, what: str, seen: Callable[[Bait, float], Awaitable[bool]], *, headers: dict[str, str] | None = None, unless: str = _NOT_KNOWN
    ) -> bool:  # fmt: skip
        async with self._turn:
            tried_at, known = self._known.get(what, (-self._apart, False))
            if time.monotonic() - tried_at >= self._apart:
                bait, now = await self._made(headers=headers or {})
                try:
                    known = await seen(bait, now)
                finally:
                    await bait.cleared()
                self._known[what] = time.monotonic(), known
                if not known:
                    self._say(unless)
            return known

    async def _tried(self, what: str, bait: Bait, body: bytes) -> Answer:
        """With the version's name, as it will be sent; without, where this dock may not name it (that is a right of its own)."""
        answer = await self._put(bait.key, what, body, version=bait.version, doing=_TRYING)
        self._unnamed.discard(what)
        if bait.version is not None and isinstance(_refusal(answer), Refused):
            answer = await self._put(bait.key, what, body, version=None, doing=_TRYING)
            if answer.status in TOOK:
                self._unnamed.add(what)
                self._say(_NOT_BY_VERSION)
        return answer

    async def _left_alone(self, bait: Bait, answer: Answer) -> bool:
        """Raises what says nothing of it."""
        if not await self._is_whole(bait):
            self._say(_TAKES_IT_FOR_THE_OBJECT)
            return False
        error = _refusal(answer)
        if isinstance(error, ObjectGone):
            raise _not_there(error) from error
        if error is not None and not isinstance(error, (BadRequest, NotKnown)):
            raise error
        return error is None

    async def _made(self, *, headers: dict[str, str]) -> tuple[Bait, float]:
        """An object, and the server's clock."""
        bait = Bait(self._requests, what="marks")
        answer = await bait.put(_BODY, headers=headers)
        if answer.status not in TOOK:
            raise meaning(answer, doing=_TRYING)
        return bait, now_there(answer)

    async def _is_whole(self, bait: Bait) -> bool:
        """Raises Retry where that cannot be seen."""
        try:
            found = await objects.read_back(self._requests, bait.key, size=len(_BODY), fresh=True)
        except Unproven:
            return False
        except ObjectGone as error:
            raise _not_there(error) from error
        return found == (len(_BODY), hashlib.sha256(_BODY).hexdigest())

    async def _gives_back(self, bait: Bait, tags: str) -> bool:
        """Also where this dock may not ask: one that may mark need not be one that may look at marks. Raises Retry, Hold."""
        try:
            there = await self._tags(bait.key, bait.version)
        except ObjectGone as error:
            raise _not_there(error) from error
        except (Garbled, BadRequest, NotKnown):
            return False
        return there is None or there == dict(parse_qsl(tags))

    def _say(self, note: str) -> None:
        if note not in self.note:
            log.warning("the store at %s: %s", self._requests.url, note)
            self.note = "; ".join(filter(None, (self.note, note)))


def _refusal(answer: Answer) -> DockdError | None:
    return None if answer.status in TOOK else meaning(answer, doing=_TRYING)


def _code(answer: Answer) -> str:
    problem = problem_in(answer.body)
    return "" if problem is None else problem.code


def _not_there(error: ObjectGone) -> Retry:
    """One answer of a server that is behind, or of what stands before it, is no word on what the store knows."""
    return Retry(f"the store does not have what it has just taken: {error.message}")
