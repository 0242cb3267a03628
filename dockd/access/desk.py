"""Who is let in, for as long as the agent runs: what the doorkeeper and the sign-in page ask.

Rules kept here: what the commands change holds at the next request; who cannot be looked up is not let in (Damaged, Unwritten), and a dock that had users
is never taken for one that has none; each sign-in begins a session of its own; what looks as if nobody were there does not keep a session alive; how
long it was is counted on a clock that nobody sets. Everything that happened is recorded, and no secret with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from dockd.access.book import Book, Damaged, Unwritten
from dockd.access.hashing import Hashing, OneAtATime
from dockd.access.known import LONGEST_SESSION, Known, Session, Token, hashed, left_of, new_session
from dockd.access.limits import Limits, near
from dockd.access.roles import Role
from dockd.access.words import NotTaken, user_name
from ingest import events
from ingest.clock import Clock, rfc3339
from ingest.errors import LedgerUnusable

P = ParamSpec("P")
T = TypeVar("T")
LOOK = 2.0
_WRITE_EVERY = 60.0
_REFUSED_EVERY = 60.0
_UNKNOWN = "somebody unknown"


class Wrong(Exception):
    """The name, or the password, is wrong: which of them is not said."""


class TooSoon(Exception):
    """There were too many mistakes: `seconds` until the next try."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A session that holds, and the seconds that are left of it: until it ends by idleness, and at the latest."""

    session: Session
    idle: float
    longest: float


@dataclass(slots=True)
class _Times:
    """Of one session, on the clock that nobody sets."""

    seen: float
    ends: float
    written: float


class Access:
    """See the module. `idle`: seconds after which nobody is thought to be there; `elsewhere`: people may sign in by another's word, whatever users
    there are here; `voucher`: with whose name their sessions begin today, those of another are over; `record`: puts an event into custody, or raises LedgerUnusable; `tell`: one that is not for custody."""

    def __init__(
        self, path: Path, *, clock: Clock, idle: Callable[[], float], record: Callable[[events.Event], Awaitable[None]],
        tell: Callable[[events.Event], None], hashing: Hashing | None = None, elsewhere: bool = False, voucher: str | None = None,
    ) -> None:  # fmt: skip
        self._idle = idle
        self.elsewhere = elsewhere
        self._voucher = voucher
        self.trouble: str | None = None
        self._clock = clock
        self._record = record
        self._tell = tell
        self._book = Book(path, clock=clock.now)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access")
        self._passwords = OneAtATime(hashing or Hashing())
        self._limits = Limits()
        self._known: Known | None = None
        self._times: dict[str, _Times] = {}
        self._ended: list[str] = []
        self._refused = 0
        self._refused_by = (_UNKNOWN, "")
        self._refused_at = -_REFUSED_EVERY

    async def close(self) -> None:
        """End the threads, close the file."""
        self._passwords.close()
        await self._do(self._book.close)
        self._thread.shutdown(wait=False)

    @property
    def idle(self) -> float:
        """Seconds."""
        return self._idle()

    def now(self) -> float:
        """What time it is, by the clock that `expires_at` is told by."""
        return self._clock.now()

    # -- who is known ----------------------------------------------------------------------------------------------------

    async def look(self) -> Known:
        """What access.db says now. Raises Damaged, Unwritten."""
        try:
            found = await self._do(self._book.known)
        except Damaged as error:
            self._known = None
            if self.trouble != error.message:
                self.trouble = error.message
                self._tell(events.AccessUnreadable(error=error.message))
            raise
        if self.trouble is not None:
            self.trouble = None
            self._tell(events.AccessReadable())
        if found is not self._known:
            self._ended += _ended(self._known or Known(), found)
            self._known = found
            self._times = {kept: times for kept, times in self._times.items() if kept in found.sessions}
        return found

    async def nobody_needed(self) -> bool:
        """Whether whoever is at this machine needs no name yet: there is no user, and nobody else vouches for any. Raises Damaged, Unwritten."""
        return not (await self.look()).users and not self.elsewhere

    async def session(self, shown: str, *, doing: bool) -> SignedIn | None:
        """The session that a browser shows; None where it holds no more. `doing`: a person has done something. Raises Damaged, Unwritten."""
        known = await self.look()
        found = known.session(shown)
        if found is None or not self._still_vouched_for(found):
            return None
        now = self._boot()
        times = self._times.get(found.hash)
        if times is None:
            idle, longest = left_of(found, now=self._clock.now(), idle=self.idle)
            times = self._times[found.hash] = _Times(now + idle - self.idle, now + longest, now)
        left = SignedIn(session=found, idle=times.seen + self.idle - now, longest=times.ends - now)
        if left.idle <= 0 or left.longest <= 0:
            await self._end(found, "longest" if left.longest <= 0 else "idle")
            return None
        if doing:
            times.seen = now
            if now - times.written >= _WRITE_EVERY:
                times.written = now
                with contextlib.suppress(Unwritten):  # it is kept in mind
                    await self._do(self._book.seen, found.hash, self._clock.now())
            left = SignedIn(session=found, idle=self.idle, longest=left.longest)
        return left

    def _still_vouched_for(self, session: Session) -> bool:
        """Whether whoever vouched for them does so today, by the same rules."""
        return session.via == "password" or self._voucher in (None, session.via.partition(" ")[0])

    async def token(self, shown: str) -> Token | None:
        """The token that a program shows; None where it opens nothing. Raises Damaged, Unwritten."""
        return (await self.look()).token(shown, now=self._clock.now())

    # -- coming and going ------------------------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str, *, address: str) -> str:
        """A new session of this user; what their browser will show. Raises Wrong, TooSoon, TooManyWait, Damaged, Unwritten."""
        try:
            name = user_name(name)
        except NotTaken:
            name = ""
        known = await self.look()
        user, now, place = known.users.get(name), self._boot(), near(address)
        here = known.has_signed_in(name, place=place, now=self._clock.now())
        if (wait := self._limits.wait(name=name, address=address, now=now, known=here)) > 0:
            await self._refuse(name if user is not None else _UNKNOWN, address)
            raise TooSoon(wait)
        self._passwords.see_room()  # who is not even asked has made no mistake
        # until it is seen to be right: many may be asked at once
        self._limits.wrong(name=name, address=address, now=now, known=here)
        if not await self._passwords.fits(user.password if user is not None else None, password) or user is None:
            await self._refuse(name if user is not None else _UNKNOWN, address)
            raise Wrong
        self._limits.right(name=name, address=address, now=now, known=here)
        return await self._begin(
            user.name, user.role, via="password", version=user.version, address=address, place=place
        )

    async def sign_in_as(self, name: str, role: Role, *, via: str, address: str) -> str:
        """A new session of somebody for whom `via` (never "password") has vouched; what their browser will show. Raises Damaged, Unwritten."""
        if via == "password" or not via:
            raise ValueError("whoever vouches for a user has a name")
        return await self._begin(name, role, via=via, version=None, address=address)

    async def sign_out(self, shown: str) -> None:
        """They have asked for it. Raises Damaged, Unwritten."""
        found = (await self.look()).session(shown)
        if found is not None:
            await self._end(found, "asked")

    async def _begin(
        self, name: str, role: Role, *, via: str, version: int | None, address: str, place: str | None = None
    ) -> str:
        shown, now = new_session(), self._clock.now()
        session = Session(hash=hashed(shown), name=name, role=role, via=via, version=version, made_at=now, seen_at=now)
        begin = functools.partial(
            self._book.begin_session, ended=now - LONGEST_SESSION, make=version is None, place=place
        )
        await self._do(begin, session)
        boot = self._boot()
        self._times[session.hash] = _Times(boot, boot + LONGEST_SESSION, boot)
        await self._say(events.UserSignedIn(by=session.by, role=role, via=via, address=address))
        return shown

    async def _end(self, session: Session, reason: str) -> None:
        """Its times stay until the next look: whoever looked at once with this one must not find it younger."""
        if await self._do(self._book.end_session, session.hash):
            await self._say(events.UserSignedOut(by=session.by, reason=reason))

    # -- what is recorded ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Notice what the commands have changed, and record it, until cancelled."""
        while True:
            with contextlib.suppress(Damaged, Unwritten, LedgerUnusable):
                await self.tell_changes()
            await self._say_refused()
            await asyncio.sleep(LOOK)

    async def tell_changes(self) -> None:
        """Record what was changed and is not in custody yet. Raises Damaged, Unwritten, LedgerUnusable: it is done the next time."""
        known = await self.look()
        ended, self._ended = self._ended, []
        for name in ended:
            await self._say(events.UserSignedOut(by=f"user:{name}", reason="ended"))
        for one in known.untold:
            await self._record(
                events.AccessChanged(
                    number=one.seq, at=rfc3339(one.at), by=one.by, what=one.what, name=one.name, role=one.role
                )
            )
        if known.untold:
            await self._do(self._book.told, known.untold[-1].seq)

    async def _say(self, event: events.Event) -> None:
        """A ledger that cannot be written keeps nobody out: what it says is needed most then."""
        with contextlib.suppress(LedgerUnusable):
            await self._record(event)

    async def _refuse(self, by: str, address: str) -> None:
        self._refused += 1
        self._refused_by = (by if by == _UNKNOWN else f"user:{by}", address)
        await self._say_refused()

    async def _say_refused(self) -> None:
        now = self._boot()
        if not self._refused or now - self._refused_at < _REFUSED_EVERY:
            return
        count, self._refused, self._refused_at = self._refused, 0, now
        by, address = self._refused_by
        await self._say(events.UserRefused(by=by, address=address, count=count))

    def _boot(self) -> float:
        return self._clock.boottime_ns() / 1e9

    async def _do(self, work: Callable[P, T], /, *values: P.args, **more: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, functools.partial(work, *values, **more))


def _ended(before: Known, after: Known) -> list[str]:
    """Whose sessions have ended because they themselves were changed, or are users no more."""
    found = []
    for kept, session in before.sessions.items():
        user = after.users.get(session.name)
        if (
            kept not in after.sessions
            and session.via == "password"
            and (user is None or user.version != session.version)
        ):
            found.append(session.name)
    return found
