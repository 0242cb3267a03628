"""The steps of enrolment, each of which may be the last one before the power goes: run again, they go on where they were.

    draw       key or token, durable before anybody hears of it
    ask        the store, by an invitation or by what the dock has now; again, for as long as a person looks at it
    take in    what was given, held against the key, as what is to follow

Proving it (`proving`) and putting it in the place of what is in use (`settle`) come after that. The same steps renew.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dockd.enrolling import keys
from dockd.enrolling.files import Files, NotTaken, first_of, text_of, whole
from dockd.enrolling.keys import Certified
from ingest.clock import Clock, rfc3339
from ingest.store.enrolling import Given, Half, NotEnrolled, Way

_INVITATION = re.compile(r"dockd1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{12}\.[A-Za-z0-9_-]{43})")
_TOKEN = re.compile(r"dockd_[A-Za-z0-9_-]{43}")
_SKEW = 300.0
_ASK_AGAIN = 10.0
_SAY_AGAIN = 60.0


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """`pin`: the thumbprint of the store's key; `word`: what is shown to that store, and to nobody else."""

    pin: str
    word: str


def invitation(text: str) -> Invitation:
    """From the one line that `dockd store invite` prints. Raises NotTaken; nothing of what it was given is repeated."""
    found = _INVITATION.fullmatch(text.strip())
    if found is None:
        raise NotTaken(
            "that is no invitation: it is the one line that `dockd store invite` prints, and begins with dockd1."
        )
    return Invitation(pin=found[1], word=found[2])


@dataclass(frozen=True, kw_only=True)
class Getting:
    """`say` tells a person how it goes on; `name` is suggested in the request."""

    files: Files
    name: str
    clock: Clock
    say: Callable[[str], None]
    say_again: float = _SAY_AGAIN  # seconds of waiting between two words of it
    ask_again: float = _ASK_AGAIN

    def half(self, way: Way) -> Half:
        """Draw what is secret, unless an earlier run has, and make its public half. Blocks. Raises OSError, NotTaken."""
        self.files.make_folder()
        if way == "token":
            token = first_of(self.files.next_token, f"dockd_{secrets.token_urlsafe(32)}\n").strip()
            if not _TOKEN.fullmatch(token):
                raise NotTaken(f"{self.files.next_token} is damaged: take it away, and begin anew")
            return Half(way=way, text=hashlib.sha256(token.encode("ascii")).hexdigest())
        return Half(way=way, text=self.request())

    def request(self) -> str:
        """A certificate request for the key that waits here, drawn now where none does. Blocks. Raises OSError, NotTaken."""
        self.files.make_folder()
        key = first_of(self.files.next_key, keys.drawn())
        text = keys.request(key, name=self.name)
        whole(self.files.request, text)
        return text

    def fingerprint(self) -> str:
        """Of the key that waits here. Blocks. Raises OSError, NotTaken."""
        return keys.fingerprint(text_of(self.files.next_key))

    async def asked(self, way: Way, ask: Callable[[Half], Awaitable[Given]], *, wait: bool) -> Given:
        """Ask until there is an answer; with `wait`, for as long as a person looks at it. Raises what `ask` raises, OSError, NotTaken.

        A key or token that has waited here since an earlier run, and was taken back at the store meanwhile, is drawn anew, once.
        """
        try:
            return await self._answer(way, ask, wait=wait)
        except NotEnrolled as error:
            if error.slug != "key":
                raise
        await asyncio.to_thread(self.forget)
        return await self._answer(way, ask, wait=wait)

    async def _answer(self, way: Way, ask: Callable[[Half], Awaitable[Given]], *, wait: bool) -> Given:
        half = await asyncio.to_thread(self.half, way)
        told, since, said_at = False, rfc3339(self.clock.now()), time.monotonic()
        while True:
            given = await ask(half)
            self._see_clock(given)
            if not given.waits:
                if given.certificate is not None:
                    await asyncio.to_thread(self.take_in, given.certificate)
                return given
            if not told:
                told = True
                key = await asyncio.to_thread(self.fingerprint) if way == "certificate" else half.text
                self.say(
                    f"The store's operator looks at it first: dockd store approve {given.dock}. It is known there by the key {key}"
                )
                said_at = time.monotonic()
            if not wait:
                return given
            if time.monotonic() - said_at >= self.say_again:
                said_at = time.monotonic()
                self.say(f"It has waited since {since} for `dockd store approve {given.dock}` at the store, and asks again by itself; Ctrl-C, and later the same command, goes on with the same key (with --no-wait it asks once).")  # fmt: skip
            await asyncio.sleep(max(given.after, self.ask_again))

    def take_in(self, chain: str) -> Certified:
        """Hold a chain against the key that waits here; what follows if it fits. Blocks. Raises NotTaken, OSError."""
        try:
            key = text_of(self.files.next_key)
        except FileNotFoundError as error:
            raise NotTaken(
                "no key waits here for a certificate: make the request first (dockd enroll --request-only)"
            ) from error
        found = keys.fitting(key, chain, now=self.clock.now())
        whole(self.files.next_certificate, found.pem)
        return found

    def settle(self, way: Way) -> Path:
        """What has been proven takes the place of what was in use; where it is. Blocks. Raises OSError.

        What a renewal of that has left half done goes with it: its key may have been taken back.
        """
        files = self.files
        Getting(files=replace(files, turn="renewal"), name=self.name, clock=self.clock, say=self.say).forget()
        if way == "token":
            files.put(files.next_token, files.token)
            files.clear(files.invitation)
            return files.token
        files.put(files.next_certificate, files.certificate)
        files.clear(files.next_key, files.request, files.invitation)
        return files.certificate

    def forget(self) -> None:
        """What cannot be gone on with: drawn anew the next time. Invitations stay. Blocks. Raises OSError."""
        files = self.files
        files.clear(files.next_certificate, files.next_key, files.next_token, files.request)

    def _see_clock(self, given: Given) -> None:
        """Certificates hang on clocks, and one of the two is wrong where they differ."""
        here = rfc3339(self.clock.now())
        if _apart(given.at, self.clock.now()) > _SKEW:
            self.say(f"The store's clock says {given.at}, and this dock's {here}: one of them is wrong.")


def _apart(text: str, now: float) -> float:
    from datetime import datetime

    try:
        return abs(datetime.fromisoformat(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def used_up(error: NotEnrolled) -> bool:
    """Whether an invitation is of no use any more, so that it is not kept."""
    return error.slug in ("invitation", "invitation-over", "used", "revoked", "enrolled")
