"""Enrolment from beginning to end: who the store is, what it gives, whether that opens the door, and only then its place among the dock's files.

Rules: nothing secret is said before a person, an invitation or an earlier pin has named the store's key and the store has signed with it; never is a store trusted because it was the first to answer; what the dock
has is renewed by itself where it still opens the door; whatever ends a run, the next one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from dockd.enrolling.agreeing import Agreement, Person
from dockd.enrolling.files import Files, text_of, whole
from dockd.enrolling.getting import Getting, Invitation, invitation, used_up
from dockd.enrolling.keys import fitting
from dockd.enrolling.proving import Proven, proven
from dockd.expiry import certificates_in
from dockd.settings import Settings
from dockd.settings.schema import StoreSettings
from dockd.store_kinds import Needs, client_tls, proxy_of, store_of
from ingest.clock import Clock
from ingest.errors import Refused
from ingest.model import StoreIdentity
from ingest.store.enrolling import Desk, Given, NotEnrolled, Offer, Way
from ingest.token_lines import first_token


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """What it came to. `lines`: of `[store]`, None for one that is to go; `waits`: nothing was given yet, a person looks at it."""

    dock: str | None
    way: Way
    file: Path | None
    ends: float | None
    lines: dict[str, str | None]
    store: StoreIdentity | None
    pinned: bool = False
    by_agent: bool = False
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Enrolling:
    """`settings`: the dock's, with the store that is meant; `pin`: what a person has named; `current`: the store's settings as they were, with what the dock has now.

    `way`: None for what the store prefers; `anew`: by an invitation, whatever the dock has; `invited`: that, where it came by an option; `wait`: for as long as a person at the store takes.
    """

    settings: Settings
    current: StoreSettings
    person: Person
    version: str
    pin: str | None = None
    way: Way | None = None
    anew: bool = False
    wait: bool = True
    invited: str | None = None
    clock: Clock

    @property
    def files(self) -> Files:
        """Where everything lies."""
        return Files(folder=self.settings.keys_path)

    @property
    def getting(self) -> Getting:
        """The steps."""
        station = self.settings.station
        return Getting(files=self.files, name=f"{station.name} {station.rack}", clock=self.clock, say=self.person.say)

    @property
    def agreement(self) -> Agreement:
        """Whom to trust."""
        return Agreement(
            url=self.settings.store.url or "",
            files=self.files,
            person=self.person,
            pin=self.pin,
            configured=self.current.pin,
        )

    async def run(self) -> Enrolled:
        """At the store's own desk. Raises NotTaken, NotEnrolled, Misconfigured, WrongStore, StoreDishonest, Retry, OSError."""
        with self.files.locked():
            return await self._run()

    async def _run(self) -> Enrolled:
        had = None if self.anew else await self._left() or await self._renewed()
        if had is not None:
            return await self._finish(had)
        async with self._desk(self.settings.store) as desk:
            offer = await desk.offer()
            invited = invitation(await asyncio.to_thread(self._invitation, offer))
            pin = self.agreement.with_offer(offer, invited=invited.pin)
            way = self._way(offer)
            given = await self._by_invitation(desk, invited, way)
        if given.waits:
            return Enrolled(dock=given.dock, way=way, file=None, ends=None, lines={}, store=None, waits=True)
        return await self._finish(_Got(dock=given.dock, way=way, pin=pin))

    async def by_certificate(self, chain: str) -> Enrolled:
        """With what another authority has signed. Raises as `run`."""
        with self.files.locked():
            return await self._by_certificate(chain)

    async def _by_certificate(self, chain: str) -> Enrolled:
        found = await asyncio.to_thread(self.getting.take_in, chain)
        self.person.say(f"the certificate is {found.subject}, signed by {found.issuer}")
        store = store_of(self._with("certificate", next_=True), needs=_looking(self._with("certificate", next_=True)))
        try:
            identity = await store.identify()
            pin = await self.agreement.with_identity(identity, store.vouches)
        finally:
            await store.close()
        return await self._finish(_Got(dock=None, way="certificate", pin=pin))

    # -- what it gives -------------------------------------------------------------------------------------------------

    def _way(self, offer: Offer) -> Way:
        way = self.way or offer.gives[0]
        if way not in offer.gives:
            raise NotEnrolled(
                f"this store gives no {way} to docks, but a {' or a '.join(offer.gives)} (--as {offer.gives[0]})"
            )
        return way

    def _invitation(self, offer: Offer) -> str:
        """Kept while it is of use, so that a run that was interrupted does not ask for it again."""
        if self.invited is not None:
            return self.invited
        left = self.agreement.invited()
        if left is not None and offer.known_by(left.pin):
            return text_of(self.files.invitation)
        return self.person.invitation()

    async def _by_invitation(self, desk: Desk, invited: Invitation, way: Way) -> Given:
        self.files.make_folder()
        text = f"dockd1.{invited.pin}.{invited.word}\n"
        await asyncio.to_thread(whole, self.files.invitation, text)
        try:
            return await self.getting.asked(way, lambda half: desk.enroll(invited.word, half), wait=self.wait)
        except NotEnrolled as error:
            if used_up(error):
                await asyncio.to_thread(self.files.clear, self.files.invitation)
            raise

    async def _left(self) -> _Got | None:
        """What an earlier run was given and could not prove any more; None where there is nothing of the kind."""
        ways: tuple[Way, ...] = ("certificate", "token")
        for way in ways:
            file = self.files.next_certificate if way == "certificate" else self.files.next_token
            if (self.way or way) != way or not file.exists() or (way == "certificate" and not self._good(file)):
                continue
            async with self._desk(self._with(way, next_=True)) as desk:
                try:
                    offer = await desk.offer()
                    if not self.agreement.is_ours(offer):
                        continue
                    left = self.agreement.invited()
                    line = left.pin if left is not None and offer.known_by(left.pin) else None
                    pin = self.agreement.with_offer(offer, invited=line)
                    desk.agreed()
                    dock = await desk.whoami()
                except (NotEnrolled, Refused):
                    continue
            self.person.say("an earlier run was given what the store takes: it goes on there")
            return _Got(dock=dock, way=way, pin=pin)
        return None

    def _good(self, file: Path) -> bool:
        """Whether the certificate in a file may be shown now."""
        return any(one.starts <= self.clock.now() < one.ends for one in certificates_in(file)[:1])

    async def _renewed(self) -> _Got | None:
        """By what the dock has now; None where it has nothing, or nothing that opens this store's door."""
        had = self._had()
        if had is None:
            return None
        way = self.way or had[0]
        async with self._desk(had[1]) as desk:
            try:
                offer = await desk.offer()
                if not self.agreement.is_ours(offer):
                    return None
                pin = self.agreement.with_offer(offer, invited=None)
                desk.agreed()
                way = self._way(offer) if self.way is None and way not in offer.gives else way
                await desk.whoami()
            except (NotEnrolled, Refused) as error:
                self.person.say(f"what this dock has does not open the door ({error.message}): it takes an invitation")
                return None
            given = await self.getting.asked(way, desk.renew, wait=False)
        return _Got(dock=given.dock, way=way, pin=pin)

    def _had(self) -> tuple[Way, StoreSettings] | None:
        """What the dock comes in with now: as its configuration says, else as an earlier run has left it."""
        files, store, current = self.files, self.settings.store, self.current
        named = current.client_cert_file is not None or (current.token_file is not None and store.kind == "tus")
        cert = current.client_cert_file if named else files.certificate
        token = current.token_file if named else files.token
        if cert is not None and cert.exists() and self._good(cert) and (store.url or "").lower().startswith("https:"):
            key = current.client_key_file if named else None
            return "certificate", replace(store, client_cert_file=cert, client_key_file=key or cert, token_file=None)
        return ("token", replace(store, token_file=token)) if token is not None and token.exists() else None

    # -- whether it opens the door -------------------------------------------------------------------------------------

    async def _finish(self, got: _Got) -> Enrolled:
        self.person.say("the store is asked with what it gave, and is given wrong bytes, which it has to refuse ...")
        trial = replace(self.settings, store=replace(self._with(got.way, next_=True), pin=got.pin))
        found: Proven = await proven(trial, version=self.version)
        if found.before is not None:
            self.person.say(f"pinned so far was the store {found.before}: it is this one from now on")
        file = await asyncio.to_thread(self.getting.settle, got.way)
        ends = await asyncio.to_thread(self._ends, file) if got.way == "certificate" else None
        return Enrolled(
            dock=got.dock, way=got.way, file=file, ends=ends, lines=self._lines(got), store=found.store, pinned=found.pinned, by_agent=found.by_agent,
        )  # fmt: skip

    def _ends(self, file: Path) -> float:
        pem = text_of(file)
        key, begin, rest = pem.partition("-----BEGIN CERTIFICATE-----")
        return fitting(key, begin + rest, now=self.clock.now()).ends

    def _with(self, way: Way, *, next_: bool) -> StoreSettings:
        """The store's settings with what was got."""
        files, store = self.files, self.settings.store
        if way == "token":
            return replace(store, token_file=files.next_token if next_ else files.token)
        file = files.next_certificate if next_ else files.certificate
        return replace(store, client_cert_file=file, client_key_file=file)

    def _lines(self, got: _Got) -> dict[str, str | None]:
        store, tus = self._with(got.way, next_=False), self.settings.store.kind == "tus"
        lines: dict[str, str | None] = {"kind": store.kind} if not tus or self.current.kind != "tus" else {}
        lines |= {"url": store.url, "pin": got.pin}
        for key in ("ca_file", "proxy", "proxy_auth_file", "client_cert_file", "client_key_file", "token_file"):
            value = getattr(store, key)
            if value is not None:
                lines[key] = str(value)
            elif getattr(self.current, key) is not None:
                lines[key] = None
        return lines

    @contextlib.asynccontextmanager
    async def _desk(self, store: StoreSettings) -> AsyncIterator[Desk]:
        tls = await asyncio.to_thread(client_tls, store)
        token = store.token_file
        desk = Desk(store.url or "", tls=tls, proxy=proxy_of(store), token=lambda: _word(token))
        try:
            yield desk
        finally:
            await desk.close()


@dataclass(frozen=True, kw_only=True)
class _Got:
    """What is to be proven."""

    dock: str | None
    way: Way
    pin: str


def _word(file: Path | None) -> str | None:
    if file is None:
        return None
    return first_token(file.read_text(encoding="utf-8"))


def _looking(store: StoreSettings) -> Needs:
    async def no() -> bool:
        return False

    return Needs(founds=no, observe=lambda _method, _seconds: None, patience=None, tls=client_tls(store))
