"""The dock's room when it runs short: who gets it next, and for whom it is kept.

Rules: footage that does not fit waits in a line, evidential first, then oldest capture. What fits is taken in at once, whoever waits, as
long as no room comes: footage is safer in two places. While room does come (the store takes), it is kept for those that come first until they
fit, however large: small ones would else take each bit of it for ever. That ends an hour after room came last. Room is never kept for what
can never fit. What is promised counts beside what is written, so that no number of copies at once gets below `spool.keep_free`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ingest.errors import SpoolFull
from ingest.spool import Spool, with_its_description

_KEPT_FOR = 3600.0
_EACH = 8  # of one camera that stand in the line
_MORE = 1 << 20  # a disk that says that there is room, and takes nothing, is not tried again for a few bytes


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One segment that wants room: `size` in bytes, `captured_at` seconds since the epoch."""

    segment: str
    camera: str
    size: int
    captured_at: float
    evidential: bool = False

    @property
    def rank(self) -> tuple[bool, float, str]:
        """Less comes first."""
        return (not self.evidential, self.captured_at, self.segment)


class Room:
    """The room of one spool. `now`: seconds on a clock that is never set."""

    def __init__(self, spool: Spool, *, now: Callable[[], float] = time.monotonic) -> None:
        self._spool = spool
        self._now = now
        self._grew_at: float | None = None
        self._line: dict[str, Claim] = {}
        self._refused_at: dict[str, int] = {}

    @property
    def line(self) -> list[Claim]:
        """Who waits, the first first."""
        return sorted(self._line.values(), key=lambda one: one.rank)

    @contextlib.contextmanager
    def taken(self, claim: Claim) -> Iterator[None]:
        """Room for this copy, as long as it is made. Raises SpoolFull where there is none or it is kept for another, SpoolFailed."""
        with self._spool.room_for(claim.size, beside=self._kept_before(claim)):
            self._refused_at.pop(claim.segment, None)
            try:
                yield
            except SpoolFull:  # the disk itself took no more
                self._refused_at[claim.segment] = self._free() + with_its_description(claim.size)
                raise

    def _free(self) -> int:
        """Bytes; less than none where the disk does not say."""
        try:
            return self._spool.free()
        except OSError:
            return -1

    def _kept_before(self, claim: Claim) -> int:
        """Bytes that are kept for those that come before it."""
        return sum(
            with_its_description(one.size)
            for one in self._line.values()
            if one.segment != claim.segment and one.rank < claim.rank and self._is_kept_for(one)
        )

    def _is_kept_for(self, claim: Claim) -> bool:
        if self._grew_at is None or self._now() - self._grew_at > _KEPT_FOR:
            return False
        return self.can_ever_hold(claim.size)

    def can_ever_hold(self, size: int) -> bool:
        """Whether a copy of this size fits at all, with nothing else in the spool."""
        try:
            return with_its_description(size) <= self._spool.size() - self._spool.keep_free
        except OSError:
            return True  # nobody knows: it may

    def wait(self, camera: str, waiting: Iterable[Claim]) -> None:
        """These of a camera's segments wait, and no others of it. The first few stand in the line for all: it is looked through at each copy."""
        self._line = {name: one for name, one in self._line.items() if one.camera != camera}
        first = sorted(waiting, key=lambda one: one.rank)[:_EACH]
        self._line.update({one.segment: one for one in first})
        self._refused_at = {name: free for name, free in self._refused_at.items() if name in self._line}

    def grew(self) -> None:
        """The store has taken something, and room comes of it."""
        self._grew_at = self._now()

    def fits(self) -> list[str]:
        """Cameras, in the order of the line, for whose segments there is room now, and more than when their disk took no more."""
        free = self._free()
        found: dict[str, None] = {}
        for claim in self.line:
            wanted = with_its_description(claim.size)
            if max(wanted, self._refused_at.get(claim.segment, -_MORE) + _MORE) <= free:
                found[claim.camera] = None
                free -= wanted
            elif self._is_kept_for(claim):
                break
        return list(found)

    def refusal(self, claim: Claim, error: SpoolFull) -> SpoolFull:
        """What to say of it: `error`, or that it fits into no empty spool, of one that takes others."""
        try:
            takes_some = self._spool.size() > self._spool.keep_free + with_its_description(0)
        except OSError:
            return error
        return _too_large(claim) if takes_some and not self.can_ever_hold(claim.size) else error


def _too_large(claim: Claim) -> SpoolFull:
    return SpoolFull(
        f"dock room is too small: one file of {claim.size} bytes is larger than all that spool.keep_free leaves of its disk; "
        "it stays on the camera until the dock has a larger disk"
    )
