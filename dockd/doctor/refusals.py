"""Why a store that answers is of no use to this dock: what the dock comes in with, or a clock, and the step that mends it."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.parse
from email.utils import parsedate_to_datetime
from pathlib import Path

from dockd.doctor import timesync
from dockd.doctor.findings import Finding, failed
from dockd.settings import Settings
from ingest.errors import Refused

_ANSWERED = re.compile(r"answered (\d{3})")
_NOT_NOW = (9, 10)  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED
_WITHIN = 5.0
_SLACK = 300.0  # seconds that two clocks may differ


def not_let_in(settings: Settings, error: Refused) -> Finding:
    """It does not take what this dock shows: another token or certificate is wanted, and where from."""
    said = _ANSWERED.search(error.message)
    says = f"{settings.store.url} does not take this dock's credentials: {error.message}"
    return failed("store: credentials", says, _step(settings, revoked=said is not None and said[1] == "403"))


def _step(settings: Settings, *, revoked: bool) -> str:
    store = settings.store
    enrolled = any(_below(file, settings.keys_path) for file in (store.token_file, store.client_cert_file))
    anew = f"ask its operator for an invitation (`dockd store invite NAME --again`), then here: dockd enroll {store.url} --anew"
    waits = "Footage waits on the dock, and nothing is deleted."
    if store.kind == "s3":
        return f"Is the key in {store.token_file} one that the bucket's operator has given, with rights to read, write and list? {waits}"
    if enrolled:
        return (
            f"It was {'revoked' if revoked else 'revoked, or has ended, or another store stands there'}: {anew} {waits}"
        )
    if store.client_cert_file is not None:
        return f"Is the certificate in {store.client_cert_file} of an authority that the store knows, and not revoked? A new one: docs/enrolment.md, way 3. {waits}"
    if store.token_file is not None:
        what = "revoked, or has no right to bring footage" if revoked else "not one that this store knows"
        return f"The token in {store.token_file} is {what}: write the one that its operator gives into it, alone on its line (no restart is needed). {waits}"
    return f"The configuration names neither token nor certificate: dockd enroll {store.url} --write, or store.token_file. {waits}"


def _below(file: Path | None, folder: Path) -> bool:
    return file is not None and file.is_relative_to(folder)


def of_the_time(error: BaseException) -> bool:
    """Whether a certificate was not taken because it is not good now, by this machine's clock."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and len(seen) < 8:
        if (
            getattr(at, "verify_code", None) in _NOT_NOW
            or getattr(getattr(at, "certificate_error", None), "verify_code", None) in _NOT_NOW
        ):
            return True
        seen.append(at)
        at = at.__cause__ or at.__context__
    return False


def by_the_clock(settings: Settings, error: Exception, *, kernel: bool | None, now: float) -> list[Finding]:
    """A certificate that is not good now: first the clock, where anything speaks against it. Blocks."""
    theirs = clock_of(settings)
    doubt = timesync.doubt(kernel, now=now, seen=theirs, newest=timesync.newest(settings))
    says = f"{settings.store.url}: {error}"
    if not doubt:
        do = "This machine's clock is synchronised: the store's certificate is over, or not good yet. Tell its operator; footage waits on the dock."
        return [failed("store: reached", says, do)]
    found = [
        failed(
            "store: reached",
            says,
            f"First the clock: {doubt}. {timesync.SET} Only where it is right, ask the store's operator for a renewed certificate.",
        )
    ]
    if theirs is not None and abs(theirs - now) > _SLACK:
        found.append(failed("time: by the store", doubt, timesync.SET))
    return found


def clock_of(settings: Settings) -> float | None:
    """What the store's clock says (its Date), as far as a word can be taken from one whose certificate could not be checked: as a hint. Shows nothing of
    this dock. Blocks a few seconds."""
    where = urllib.parse.urlsplit(settings.store.url or "")
    if where.scheme != "https" or not where.hostname or settings.store.proxy is not None:
        return None
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    line = http.client.HTTPSConnection(where.hostname, where.port or 443, timeout=_WITHIN, context=unchecked)
    try:
        line.request("HEAD", "/.well-known/dockd-store")
        said = line.getresponse().getheader("Date")
        return parsedate_to_datetime(said).timestamp() if said else None
    except (OSError, http.client.HTTPException, ValueError, OverflowError):
        return None
    finally:
        line.close()
