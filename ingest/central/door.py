"""The store's door put together: TLS, tokens, client certificates, docks that were enrolled, and the desk at which they enrol.

Rules: open to anyone only where there is none of these, and then on loopback alone.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ingest.central.access import Access
from ingest.central.authority import Authority
from ingest.central.disk import Disk
from ingest.central.enrolled import Enrolled
from ingest.central.enrolment import Enrolment
from ingest.central.enrolment_file import EnrolmentFile
from ingest.central.keys import Identity, KeyRing
from ingest.central.layout import Layout
from ingest.central.redeeming import Redeeming
from ingest.central.refusals import StoreMisusedError, StoreUnusableError
from ingest.central.routes_enroll import EnrollRoutes, Wrong
from ingest.central.served_tls import ServedTls
from ingest.central.settings import StoreSettings, is_loopback
from ingest.central.shown import Certificates
from ingest.central.threads import Threads
from ingest.clock import Clock

_log = logging.getLogger(__name__)


def refuse_an_open_door(
    layout: Layout, *, listen: tuple[str, int], token_file: Path | None, settings: StoreSettings
) -> None:
    """Raises StoreMisusedError where anyone could come in from elsewhere, and where what is set for TLS does not fit. Blocks."""
    cert, key, client_ca = settings.tls_cert_file, settings.tls_key_file, settings.client_ca_file
    if (cert is None) != (key is None) or (client_ca is not None and cert is None):
        raise StoreMisusedError(
            "tls_cert_file and tls_key_file (--tls-cert-file, --tls-key-file) go together, and client_ca_file (--client-ca-file) needs both"
        )
    invited = layout.docks.exists() or layout.invited.exists()
    if token_file is None and client_ca is None and not is_loopback(listen[0]) and not invited:
        raise StoreMisusedError(
            f"without a token file the store serves anyone, and so on loopback only, not on {listen[0]}: "
            "give --token-file FILE (one token a line), invite a dock first (dockd store invite), or listen on 127.0.0.1"
        )


@dataclass(frozen=True, kw_only=True)
class Door:
    """`load()` first. `tls`, `authority`: None where the store serves without TLS of its own."""

    access: Access
    enrolled: Enrolled
    tls: ServedTls | None
    authority: Authority | None
    routes: EnrollRoutes

    def load(self) -> None:
        """Read everything. Blocks. Raises StoreUnusableError, OSError."""
        if self.tls is not None and self.authority is not None:
            self.tls.load()
            self.authority.load()
            self.tls.believe(self.authority.trusted)
        self.enrolled.load()
        self.access.load()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the desk."""
        self.routes.add_to(router)

    async def renew_for_ever(self, *, every: float, threads: Threads) -> None:
        """A renewed certificate of the store's own is taken up while it runs. Each reason why one is not is said once."""
        said = ""
        while self.tls is not None:
            await asyncio.sleep(every)
            try:
                found = await threads.disk(self.tls.look)
                if found is not None:
                    self.tls.take(*found)
                    _log.info("the store's certificate was renewed, and new connections are served with it")
                said = ""
            except StoreUnusableError as failed:
                if str(failed) != said:
                    said = str(failed)
                    _log.error("%s: the one of before stays in use", failed)


def door(
    layout: Layout, *, identity: Identity, keys: KeyRing, token_file: Path | None, settings: StoreSettings, clock: Clock, disk: Disk, threads: Threads
) -> Door:  # fmt: skip
    """Put it together; nothing is read yet."""
    file = EnrolmentFile(layout.docks)
    enrolled = Enrolled(Enrolment(file, clock=clock), mark=layout.invited, disk=disk, clock=clock, threads=threads)
    tls = authority = certificates = None
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        tls = ServedTls(cert=settings.tls_cert_file, key=settings.tls_key_file, client_ca=settings.client_ca_file)
        authority = Authority(
            layout, disk=disk, store_id=identity.store_id, clock=clock, lifetime=settings.certificates,
            as_is=settings.clock == "as-is",
        )  # fmt: skip
        certificates = Certificates(authority=authority, secret=identity.secret, clock=clock)
    wanted = settings.client_ca_file is not None
    return Door(
        enrolled=enrolled, tls=tls, authority=authority,
        access=Access(
            token_file, secret=identity.secret, threads=threads, enrolled=enrolled, certificates=certificates, certificate_wanted=wanted,
        ),
        routes=EnrollRoutes(
            store_id=identity.store_id, keys=keys, redeeming=Redeeming(file, clock=clock), enrolled=enrolled, authority=authority,
            shown=lambda: None if tls is None else tls.shown, certificate_wanted=wanted, clock=clock, threads=threads, wrong=Wrong(),
            believed=(lambda _authorities: None) if tls is None else tls.believe,
        ),
    )  # fmt: skip
