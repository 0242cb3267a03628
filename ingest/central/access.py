"""Who may speak to the store: bearer tokens from a file, or anyone on this machine where there is none.

    # one token a line, then optionally "# name"; the name is what the access log shows
    3q2-7w…  # rack 12

Rules: compared in constant time; the file is read again when it has changed, and a file that cannot be read keeps
everybody out, for that may have been a revocation. What a token owns is known by a keyed hash of it, so that neither
the token nor anything that it could be guessed from is written down.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ingest.central.refusals import Refusal, StoreUnusableError
from ingest.central.threads import Threads

_log = logging.getLogger(__name__)
_MAX_FILE = 1 << 20
_FRESH = 0.2  # seconds: so long a look at the file's date is good


@dataclass(frozen=True)
class Caller:
    """Who is speaking: `id` is what ownership hangs on, `name` what people read in the log."""

    id: str
    name: str


ANYONE = Caller("anyone", "anyone on this machine")


class Access:
    """Bearer tokens, or none."""

    def __init__(self, token_file: Path | None, *, secret: bytes, threads: Threads) -> None:
        self._path = token_file
        self._secret = secret
        self._threads = threads
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

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Refusal 401."""
        if self._path is None:
            return ANYONE
        if time.monotonic() - self._looked > _FRESH:
            await self._threads.disk(self._renew)
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            found = self._match(token.strip())
            if found is not None:
                return found
        raise Refusal(
            401,
            "token",
            "send Authorization: Bearer with a token from this store's token file",
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
            token, _, name = (part.strip() for part in line.partition("#"))
            if not token:
                continue
            if len(token.split()) > 1:
                raise ValueError(f"line {number} has a space inside the token: one token a line, then # and a name")
            key = self._hash(token)
            found[key] = Caller(key.hex()[:32], name or f"token on line {number}")
        if not found:
            raise ValueError("it has no token: write one token a line")
        return found


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = os.stat(path)
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
