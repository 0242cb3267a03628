"""Who may speak to the store: bearer tokens from a file, docks that were enrolled, client certificates; or anyone on this machine where there is none of these.

    # one token a line, then optionally " # name"; the name is what the access log shows
    3q2-7w…  # rack 12

Rules: where an authority for client certificates is named, who shows none is not let in, and a token file asks for its token as well; an enrolled dock needs nothing beside
what it was given; what was taken back is said to be, whatever else comes with it; compared in constant time; the file is read again when it has changed, and a file that cannot be read keeps
everybody out, for that may have been a revocation. What a token owns is known by a keyed hash of it, so that neither
the token nor anything that it could be guessed from is written down.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest.central.enrolled import Enrolled
from ingest.central.enrolment import Credential, sha256
from ingest.central.refusals import Refusal, StoreUnusableError
from ingest.central.shown import Certificates
from ingest.central.threads import Threads
from ingest.token_lines import token_and_name

_log = logging.getLogger(__name__)
_MAX_FILE = 1 << 20
_FRESH = 0.2  # seconds: so long a look at the file's date is good


@dataclass(frozen=True)
class Caller:
    """Who is speaking: `id` is what ownership hangs on, `name` what people read in the log."""

    id: str
    name: str
    dock: str | None = None  # the name of one that was enrolled here
    ends_at: float | None = None  # when what it has shown is over, in seconds since the epoch
    credential: str | None = None  # SHA-256 (hex) of the certificate or token that an enrolled dock has shown

    def may_read(self, owner: str) -> bool:
        """Whether what `owner` brought is given to it. An enrolled dock gets its own footage back, and no other rack's: one that was stolen
        opens nothing but what it brought itself. Whoever was given a token or another authority's certificate for it reads all.
        """
        return self.dock is None or self.id == owner


ANYONE = Caller("anyone", "anyone on this machine")


class Access:
    """Bearer tokens, docks that were enrolled, client certificates, or none of these. `certificate_wanted`: from everybody."""

    def __init__(
        self, token_file: Path | None, *, secret: bytes, threads: Threads, enrolled: Enrolled, certificates: Certificates | None = None,
        certificate_wanted: bool = False,
    ) -> None:  # fmt: skip
        self._path = token_file
        self._secret = secret
        self._threads = threads
        self._enrolled = enrolled
        self._certificates = certificates
        self._certificate_wanted = certificate_wanted
        self._tokens: dict[bytes, Caller] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked = float("-inf")

    def load(self) -> None:
        """Read the file at start. Blocks. Raises StoreUnusableError."""
        if self._path is None:
            return
        try:
            self._stamp, self._tokens = _stamp(self._path), self._read(self._path)
        except (OSError, ValueError) as failed:
            raise StoreUnusableError(f"the token file {self._path} cannot be used: {failed}") from failed
        self._looked = time.monotonic()

    async def caller(self, authorization: str | None, *, shown: bytes | None = None) -> Caller:
        """`shown`: the client certificate (DER) that came with the connection. Raises Refusal 401, 403."""
        await self._enrolled.fresh()
        by_certificate = self._by_certificate(shown) if shown is not None else None
        if by_certificate is not None and (by_certificate.dock is not None or self._path is None):
            return by_certificate
        if by_certificate is None and self._certificate_wanted:
            raise Refusal(401, "certificate", "this store wants a client certificate: dockd enroll gets one")
        if self._path is None and not self._enrolled.any:
            return ANYONE
        return await self._by_token(authorization)

    def _by_certificate(self, shown: bytes) -> Caller | None:
        if self._certificates is None:
            return None
        certificate = self._certificates.understand(shown)
        found = self._enrolled.by("certificate", certificate.digest)
        if found is not None:
            return self._dock(found, certificate.digest)
        if certificate.ours:
            raise Refusal(
                403,
                "revoked",
                "the store's own book of docks does not know this certificate: its operator may invite the dock again",
            )
        return Caller(certificate.owner.hex()[:32], certificate.name, ends_at=certificate.ends)

    async def taken_back(self, callers: Iterable[Caller]) -> set[Caller]:
        """Which of those that were let in the book of docks says now that what they have shown holds no more. What is over by its date is none of them."""
        await self._enrolled.fresh()
        return {one for one in callers if one.credential is not None and self._enrolled.taken_back(one.credential)}

    def _dock(self, found: Credential, digest: str) -> Caller:
        """One owner whatever it shows: what it began with a token it may end with a certificate."""
        owner = hmac.digest(self._secret, b"dock " + found.dock.encode("ascii"), "sha256")
        return Caller(owner.hex()[:32], found.dock, dock=found.dock, ends_at=found.ends_at, credential=digest)

    async def _by_token(self, authorization: str | None) -> Caller:
        if self._path is not None and time.monotonic() - self._looked > _FRESH:
            await self._threads.disk(self._renew)
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            found = self._match(token.strip())
            if found is not None:
                return found
            enrolled = self._enrolled.by_token(token.strip())
            if enrolled is not None:
                return self._dock(enrolled, sha256(token.strip()))
        raise Refusal(
            401,
            "token",
            "send Authorization: Bearer with a token that this store knows",
            headers={"WWW-Authenticate": 'Bearer realm="dockd central store"'},
        )

    def _match(self, token: str) -> Caller | None:
        asked = self._hash(token)
        found = None
        for known, caller in self._tokens.items():  # all of them, always
            if hmac.compare_digest(known, asked):
                found = caller
        return found

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode("utf-8", "surrogateescape"), "sha256")

    def _renew(self) -> None:
        path = self._path
        if path is None:
            return
        try:
            stamp = _stamp(path)
            if stamp != self._stamp:
                self._tokens, self._stamp = self._read(path), stamp
                _log.info("the token file was read again: %d tokens", len(self._tokens))
        except (OSError, ValueError) as failed:
            if self._tokens:
                _log.error("the token file %s cannot be used (%s): nobody is let in until it can", path, failed)
            self._tokens, self._stamp = {}, None
        self._looked = time.monotonic()

    def _read(self, path: Path) -> dict[bytes, Caller]:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
        if len(content) > _MAX_FILE:
            raise ValueError(f"it is larger than {_MAX_FILE} bytes")
        found: dict[bytes, Caller] = {}
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            token, name = token_and_name(line)
            if not token:
                continue
            if len(token.split()) > 1:
                raise ValueError(
                    f"line {number} has a space inside the token: one token a line, then a space, # and a name"
                )
            key = self._hash(token)
            found[key] = Caller(key.hex()[:32], name or f"token on line {number}")
        if not found:
            raise ValueError("it has no token: write one token a line")
        return found


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = os.stat(path)
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
