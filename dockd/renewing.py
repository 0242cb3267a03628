"""The certificates of an agent at work: renewed before they end, taken up when somebody else has renewed them, and told of in time.

Rules kept here: the dock's own certificate is renewed from half of its life on, where the store gives such, with a fresh key; what was given is shown to the store before it replaces anything, and the
file is replaced as a whole; no connection ends for it. What fails is tried again, later each time, and said once for each reason. Nothing here keeps footage from going on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockd import expiry
from dockd.enrolling.files import Files, text_of, whole
from dockd.enrolling.getting import Getting
from dockd.expiry import Certificate, Unread, Which
from dockd.ops.happenings import (
    CertificateEnded,
    CertificateEnds,
    CertificateNotRenewed,
    CertificateRenewed,
    CertificateUnread,
    Renewer,
)
from dockd.page.expiring import told
from dockd.page.facts import Troubles
from dockd.settings import Settings
from dockd.settings.schema import StoreSettings
from dockd.store_kinds import client_tls, proxy_of
from ingest.clock import Clock, rfc3339
from ingest.errors import DockdError, Retry, WrongStore
from ingest.events import Event
from ingest.ledger.pin_file import kept
from ingest.store.enrolling import NOT_HERE, Desk, NotEnrolled
from ingest.store.patience import Patience
from ingest.store.tls import CertificateUnusable, ClientTls

_EVERY, _GLANCE = 30.0, 1.0
_FIRST, _LATEST = 60.0, 6 * 3600.0
_NOT_OFFERED = 24 * 3600.0
_PROBLEMS = ("certificate_ends", "certificate_ended")
_PATIENCE = Patience(connect=10.0, stall=30.0, answer=30.0, settle=30.0)


@dataclass(kw_only=True)
class Certificates:
    """`settings()` as they are now; `tls`: what the store's connections are made with; `ends`: when each ends, for metrics. `chance` from [0, 1)."""

    settings: Callable[[], Settings]
    tls: ClientTls | None
    clock: Clock
    troubles: Troubles
    publish: Callable[[Event], None]
    every: float = _EVERY
    chance: Callable[[], float] = random.random
    ends: dict[str, float] = field(default_factory=dict)
    _said: dict[Which, tuple[float, int]] = field(default_factory=dict)
    _shown: bytes | None = None
    _failed: int = 0
    _not_before: float = 0.0
    _told: str = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await self._rest()

    async def _rest(self) -> None:
        """A while, or until the store has shown another certificate than at the last look."""
        for _ in range(max(1, round(self.every / _GLANCE))):
            await asyncio.sleep(min(_GLANCE, self.every))
            if self.tls is not None and self.tls.shown != self._shown:
                return

    async def look(self) -> None:
        """Take up what was renewed, renew what is due, and tell what ends."""
        await self._take_up(by="file")
        await self._renew_if_due()
        self._shown = self.tls.shown if self.tls is not None else None
        found = await asyncio.to_thread(expiry.of, self.settings(), shown=self._shown)
        self.ends = expiry.soonest(found)
        now = self.clock.now()
        for one in found:
            self._tell(one, now=now)
        problems = told(found, now=now)
        for name in _PROBLEMS:
            if name in problems:
                self.troubles.open(name, problems[name])
            else:
                self.troubles.close(name)

    # -- what ends -----------------------------------------------------------------------------------------------------

    def _tell(self, one: Certificate | Unread, *, now: float) -> None:
        """Each stage is said once, of each certificate."""
        stage = 5 if isinstance(one, Unread) else one.stage(now)
        ends = 0.0 if isinstance(one, Unread) else one.ends
        if self._said.get(one.which, (ends, 0)) == (ends, stage):
            return
        self._said[one.which] = (ends, stage)
        if isinstance(one, Unread):
            self.publish(CertificateUnread(certificate=one.which, path=one.where, error=one.error))
        elif stage == 4:
            self.publish(CertificateEnded(certificate=one.which, path=one.where, ends_at=rfc3339(one.ends)))
        elif stage:
            self.publish(
                CertificateEnds(certificate=one.which, path=one.where, ends_at=rfc3339(one.ends), days=one.days(now))
            )

    # -- what was renewed ----------------------------------------------------------------------------------------------

    async def _take_up(self, *, by: Renewer) -> None:
        tls = self.tls
        if tls is None:
            return
        try:
            if tls.take(await asyncio.to_thread(tls.look)):
                own = await asyncio.to_thread(self._own)
                self.publish(
                    CertificateRenewed(certificate="client", by=by, ends_at=rfc3339(own.ends) if own else "unknown")
                )
        except CertificateUnusable as error:
            self._not_renewed(str(error), again=self.every)

    def _own(self) -> Certificate | None:
        file = self.settings().store.client_cert_file
        return next(iter(expiry.certificates_in(file)), None) if file is not None else None

    # -- what is due ---------------------------------------------------------------------------------------------------

    async def _renew_if_due(self) -> None:
        store = self.settings().store
        file = store.client_cert_file
        if file is None or store.client_key_file not in (None, file) or self.tls is None:
            return  # a key in a file of its own is somebody else's to renew: both could not be replaced at once
        own = await asyncio.to_thread(self._own)
        now = self.clock.now()
        if own is None or now < self._not_before < now + 2 * _NOT_OFFERED or not self._due(own, now=now):
            return
        try:
            await self._renew(store, file)
        except NotEnrolled as error:
            offered = error.slug not in (NOT_HERE, "not-enrolled")
            self._later(error, at_least=0.0 if offered else _NOT_OFFERED, quiet=not offered)
        except (DockdError, OSError, CertificateUnusable) as error:
            self._later(error, at_least=error.after if isinstance(error, Retry) else 0.0)
        else:
            self._failed, self._not_before, self._told = 0, 0.0, ""
            await self._take_up(by="dockd")

    def _due(self, own: Certificate, *, now: float) -> bool:
        return own.starts + (own.ends - own.starts) / 2 <= now < own.ends

    async def _renew(self, store: StoreSettings, file: Path) -> None:
        """Raises NotEnrolled, NotTaken, Misconfigured, WrongStore, Retry, OSError."""
        settings = self.settings()
        files = Files(folder=settings.keys_path, turn="renewal")
        getting = Getting(
            files=files,
            name=f"{settings.station.name} {settings.station.rack}",
            clock=self.clock,
            say=lambda _text: None,
        )
        with files.locked():
            async with self._desk(store) as desk:
                await self._see_who(desk, settings)
                await getting.asked("certificate", desk.renew, wait=False)
            trial = replace(store, client_cert_file=files.next_certificate, client_key_file=files.next_certificate)
            async with self._desk(trial) as desk:
                await desk.whoami()
            await asyncio.to_thread(_put, files, file)

    async def _see_who(self, desk: Desk, settings: Settings) -> None:
        offer, pinned = await desk.offer(), await asyncio.to_thread(kept, settings.keys_path)
        keys = pinned.keys if pinned is not None else ()
        if "certificate" not in offer.gives:
            raise NotEnrolled("the store gives no certificates to docks", slug=NOT_HERE)
        if offer.relayed or not any(offer.known_by(key) for key in keys):
            raise WrongStore("the store that answers for a renewal is not the pinned one")
        desk.agreed()

    @contextlib.asynccontextmanager
    async def _desk(self, store: StoreSettings) -> AsyncIterator[Desk]:
        tls = await asyncio.to_thread(client_tls, store)
        desk = Desk(store.url or "", tls=tls, proxy=proxy_of(store), patience=_PATIENCE)
        try:
            yield desk
        finally:
            await desk.close()

    def _later(self, error: Exception, *, at_least: float, quiet: bool = False) -> None:
        wait = max(at_least, min(_LATEST, _FIRST * 2**self._failed) * (0.5 + self.chance() / 2))
        self._failed = min(self._failed + 1, 20)
        self._not_before = self.clock.now() + wait
        if not quiet:
            self._not_renewed(error.message if isinstance(error, DockdError) else str(error), again=wait)

    def _not_renewed(self, error: str, *, again: float) -> None:
        if error != self._told:
            self._told = error
            self.publish(CertificateNotRenewed(certificate="client", error=error, retry_seconds=round(again)))


def _put(files: Files, file: Path) -> None:
    """What was proven takes the place of what is in use, wherever the configuration has it. Blocks. Raises OSError, NotTaken."""
    if file == files.certificate:
        files.put(files.next_certificate, file)
    else:
        whole(file, text_of(files.next_certificate))
    files.clear(files.next_certificate, files.next_key, files.request)
