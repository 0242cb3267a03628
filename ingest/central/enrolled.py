"""What the doorkeeper knows of enrolled docks: the book of docks, read again within a moment of each change, whoever made it.

Rules: a book that cannot be read lets nobody in by it, for what was changed may have been a revocation; once there was a book the store is open to nobody who is not known,
though the book be lost: that there was one is kept beside the keys.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from ingest.central.disk import Disk
from ingest.central.enrolment import Credential, Enrolment, Known, Way, sha256
from ingest.central.enrolment_file import MARK
from ingest.central.refusals import Refusal, StoreUnusableError
from ingest.central.threads import Threads
from ingest.clock import Clock

_log = logging.getLogger(__name__)
_FRESH = 0.2  # seconds: so long a look at the file is good
_NOBODY = Known()
_Stamp = tuple[int, int, int, int, int]


class Enrolled:
    """Certificates and tokens of docks, by their SHA-256. `mark`: a file that is there once there was a book."""

    def __init__(self, enrolment: Enrolment, *, mark: Path, disk: Disk, clock: Clock, threads: Threads) -> None:
        self._enrolment = enrolment
        self._mark = mark
        self._disk = disk
        self._clock = clock
        self._threads = threads
        self._known = _NOBODY
        self._stamp: _Stamp | None = None
        self._looked = float("-inf")
        self.any = False

    def load(self) -> None:
        """Read the book at start, where there is one. Blocks. Raises StoreUnusableError, OSError."""
        if self._enrolment.file.exists:
            self._stamp, self._known = self._seen(), self._enrolment.known()
            self._there_is_one()
        elif self._mark.exists():
            self.any = True
            _log.error(
                "the book of docks %s is lost: nobody comes in by it, and without a token nobody at all. Put it back from a backup, or invite "
                "every dock anew (dockd store invite); where the store is to be open on this machine again, remove %s and start it anew",
                self._enrolment.file.path,
                self._mark,
            )
        self._looked = time.monotonic()

    async def fresh(self) -> None:
        """As it is now."""
        if time.monotonic() - self._looked > _FRESH:
            await self._threads.disk(self._renew)

    def look_again(self) -> None:
        """Something was changed just now: whoever comes next is held against that."""
        self._looked = float("-inf")

    def by(self, way: Way, digest: str) -> Credential | None:
        """Whose that is. Raises Refusal 403 where it was taken back, 401 where it is over."""
        known = self._known.certificates if way == "certificate" else self._known.tokens
        found = known.get(digest)
        if found is None:
            return None
        if not found.holds:
            raise Refusal(
                403, "revoked", f"what {found.dock} shows was taken back here: its operator may invite it again"
            )
        if found.ends_at is not None and self._clock.now() > found.ends_at:
            raise Refusal(
                401,
                f"{way}-over",
                f"the {way} of {found.dock} is over: ask the store's operator for an invitation (dockd store invite)",
            )
        return found

    def by_token(self, token: str) -> Credential | None:
        """The same for a bearer token. What is compared is a hash of what was drawn whole: how long it takes tells nothing."""
        return self.by("token", sha256(token))

    def taken_back(self, digest: str) -> bool:
        """Whether the book says so of a certificate or token; of what it does not know, or cannot be read, it says nothing."""
        found = self._known.certificates.get(digest) or self._known.tokens.get(digest)
        return found is not None and not found.holds

    def _renew(self) -> None:
        try:
            if not self.any and not self._enrolment.file.exists:
                return
            stamp = self._seen()  # before it is read: a change meanwhile is seen the next time
            if stamp != self._stamp:
                self.any = True
                self._known, self._stamp = self._enrolment.known(), stamp
                self._there_is_one()
        except (OSError, StoreUnusableError) as failed:
            if self._known is not _NOBODY:
                _log.error("the book of docks cannot be read (%s): no dock is let in until it can", failed)
            self._known, self._stamp = _NOBODY, None
        finally:
            self._looked = time.monotonic()

    def _there_is_one(self) -> None:
        self.any = True
        try:
            if not self._mark.exists():
                self._disk.save(self._mark, MARK)
                self._disk.sync_folder(self._mark.parent)
        except OSError as failed:  # a full disk keeps no dock out
            _log.warning("%s cannot be written (%s): it is tried again at the next start", self._mark, failed)

    def _seen(self) -> _Stamp:
        """Another one after each change: SQLite counts them in its file's first page."""
        with self._enrolment.file.path.open("rb") as file:
            found = os.fstat(file.fileno())
            counter = int.from_bytes(file.read(28)[24:28], "big")
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns, counter
