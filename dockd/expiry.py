"""Which certificates a dock hangs on, when each ends, and when that is to be said: for the page, metrics, log and doctor alike.

    client      by which the dock is known to its store         store.client_cert_file
    page        by which the page is known to browsers          page.tls_cert_file
    store       what the store itself has shown                 seen on its line
    store_ca    who vouches for the store                       store.ca_file

Rules: what cannot be read is said to be unread, never left out; a certificate that is short-lived by design is not complained of for being so: 30, 14 and 3 days are at most a third, a sixth and a thirtieth of
its life. `of` reads files; everything else is pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from dockd.settings.schema import Settings

Which = Literal["client", "page", "store", "store_ca"]
WHICH: tuple[Which, ...] = get_args(Which)
_DAY = 86400.0
_LARGEST = 1 << 20
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_NONSENSE = "it cannot be read"
_STAGES = ((30.0, 3.0), (14.0, 6.0), (3.0, 30.0))  # days, and the share of its life that it is at most


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """One certificate; times in seconds since the epoch. `where`: its file or address."""

    which: Which
    where: str
    subject: str
    starts: float
    ends: float

    def stage(self, now: float) -> int:
        """How near its end is: 0 far, 1 (30 days), 2 (14), 3 (3), 4: it is over, or not yet good."""
        if not self.starts <= now < self.ends:
            return 4
        left, life = self.ends - now, self.ends - self.starts
        return sum(left <= min(days * _DAY, life / share) for days, share in _STAGES)

    def days(self, now: float) -> int:
        """Whole days that are left; below 0: since when it is over.

        >>> Certificate(which="page", where="", subject="", starts=0, ends=864000).days(now=0)
        10
        """
        return math.floor((self.ends - now) / _DAY)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """One that is named and cannot be read, and why."""

    which: Which
    where: str
    error: str


def of(settings: Settings, *, shown: bytes | None) -> list[Certificate | Unread]:
    """Every certificate that these settings name, and the store's own (`shown`, DER), where it has been seen. Blocks. Raises nothing."""
    store, page = settings.store, settings.page
    found: list[Certificate | Unread] = []
    for which, file in (("client", store.client_cert_file), ("page", page.tls_cert_file)):
        if file is not None:
            found.append(_first("client" if which == "client" else "page", file))
    leaf = None
    if shown is not None and store.url is not None:
        leaf = _parsed(shown)
        found.append(
            _facts(leaf, "store", store.url)
            if leaf is not None
            else Unread(which="store", where=store.url, error=_NONSENSE)
        )
    if store.ca_file is not None:
        found.append(_authority(store.ca_file, leaf))
    return found


def certificates_in(file: Path, which: Which = "client") -> list[Certificate]:
    """Every certificate of a PEM file, in order; none where it cannot be read. Blocks."""
    read = _read(file)
    facts = [] if isinstance(read, str) else [_facts(one, which, str(file)) for one in read]
    return [one for one in facts if isinstance(one, Certificate)]


def soonest(found: Iterable[Certificate | Unread]) -> dict[str, float]:
    """When each kind ends, in seconds since the epoch: what metrics show."""
    return {one.which: one.ends for one in found if isinstance(one, Certificate)}


def _first(which: Which, file: Path) -> Certificate | Unread:
    """The chain's first: the others are for whoever checks it."""
    read = _read(file)
    return (
        Unread(which=which, where=str(file), error=read) if isinstance(read, str) else _facts(read[0], which, str(file))
    )


def _authority(file: Path, leaf: x509.Certificate | None) -> Certificate | Unread:
    """Of several, the one that has signed what the store shows; else the one that lasts longest, for an old one may lie beside the new."""
    read = _read(file)
    if isinstance(read, str):
        return Unread(which="store_ca", where=str(file), error=read)
    signed = [one for one in read if leaf is not None and _has_signed(one, leaf)]
    facts = [_facts(one, "store_ca", str(file)) for one in signed or read]
    return max((one for one in facts if isinstance(one, Certificate)), key=lambda one: one.ends, default=facts[0])


def _has_signed(authority: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _read(file: Path) -> list[x509.Certificate] | str:
    """At least one; or in words why none."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            return "it is larger than a certificate"
        return x509.load_pem_x509_certificates(raw)
    except OSError as error:
        return error.strerror or str(error)
    except _UNREADABLE:
        return "there is no PEM certificate in it that can be read"


def _parsed(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except _UNREADABLE:
        return None


def _facts(one: x509.Certificate, which: Which, where: str) -> Certificate | Unread:
    """Parts of a certificate are parsed only when they are asked for."""
    try:
        subject = "".join(c if c.isprintable() else "?" for c in one.subject.rfc4514_string())[:200]
        starts, ends = one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()
    except _UNREADABLE:
        return Unread(which=which, where=where, error=_NONSENSE)
    return Certificate(which=which, where=where, subject=subject, starts=starts, ends=ends)
