"""The dock's room when it runs short: who gets it next, and for whom it is kept.

Rules: footage that does not fit waits in a line, evidential first, then oldest capture. What fits is taken in at once, whoever waits, as
long as no room comes: footage is safer in two places. While room does come (the store takes), it is kept for those that come first until they
fit, however large: small ones would else take each bit of it for ever. That ends an hour after room came last. Room is never kept for what
can never fit, nor for more than fits into an empty spool together: what is left beside those is anybody's. Who cannot come for it (it has
left, its listing fails, the spool fails) has none kept. What is promised counts beside what is written, so that no number of copies at once gets below `spool.keep_free`.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.errors import SpoolFull
from ingest.spool import Spool, with_its_description

_KEPT_FOR = 3600.0
_EACH = 8  # of one camera that stand in the line
_MORE = 1 << 20  # a disk that says that there is room, and takes nothing, is not tried again for a few bytes


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One segment that wants room: `size` in bytes, `captured_at` seconds since the epoch, as the station's clock has it."""

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
        self.grown = 0
        """How often room has come."""
        self._grew_at: float | None = None
        self._line: dict[str, Claim] = {}
        self._kept: _Kept | None = None  # as long as neither the line nor the disk is another
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
        kept, known = self._keeps(), self._line.get(claim.segment)
        size = kept.before(claim)
        if known is not None and known.segment in kept.segments and known.rank < claim.rank:
            size -= with_its_description(known.size)  # it came earlier before its camera's clock was compared
        return size

    def _keeps(self) -> _Kept:
        """For whom room is kept now. The line is looked through when it has changed, not at each copy."""
        if self._grew_at is None or self._now() - self._grew_at > _KEPT_FOR:
            return _NOTHING
        whole = self._whole()
        if self._kept is None or self._kept.whole != whole:
            self._kept = _kept_of(self.line, whole=whole)
        return self._kept

    def _whole(self) -> int | None:
        """Bytes of an empty spool; None where its disk does not say."""
        try:
            return self._spool.size() - self._spool.keep_free
        except OSError:
            return None

    def can_ever_hold(self, size: int) -> bool:
        """Whether a copy of this size fits at all, with nothing else in the spool."""
        whole = self._whole()
        return whole is None or with_its_description(size) <= whole  # where nobody knows, it may

    def wait(self, camera: str, waiting: Iterable[Claim]) -> None:
        """These of a camera's segments wait, and no others of it. The first few stand in the line for all: it is looked through at each copy."""
        self._line = {name: one for name, one in self._line.items() if one.camera != camera}
        first = heapq.nsmallest(_EACH, waiting, key=lambda one: one.rank)
        self._kept = None
        self._line.update({one.segment: one for one in first})
        self._refused_at = {name: free for name, free in self._refused_at.items() if name in self._line}

    def grew(self) -> None:
        """The store has taken something, and room comes of it."""
        self.grown += 1
        self._grew_at = self._now()

    def fits(self) -> list[str]:
        """Cameras, in the order of the line, for whose segments there is room now, and more than when their disk took no more."""
        free, kept = self._free(), self._keeps()
        found: dict[str, None] = {}
        for claim in self.line:
            wanted = with_its_description(claim.size)
            if max(wanted, self._refused_at.get(claim.segment, -_MORE) + _MORE) <= free:
                found[claim.camera] = None
                free -= wanted
            elif claim.segment in kept.segments:
                break
        return list(found)

    def refusal(self, claim: Claim, error: SpoolFull) -> SpoolFull:
        """What to say of it: `error`, or that it fits into no empty spool, of one that takes others."""
        try:
            takes_some = self._spool.size() > self._spool.keep_free + with_its_description(0)
        except OSError:
            return error
        return _too_large(claim) if takes_some and not self.can_ever_hold(claim.size) else error


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """For whom room is kept, the first first: `ranks`, and `until`: the bytes for it and all before it. `whole`: bytes of an empty spool."""

    whole: int | None = None
    segments: frozenset[str] = frozenset()
    ranks: Sequence[tuple[bool, float, str]] = ()
    until: Sequence[int] = ()

    def before(self, claim: Claim) -> int:
        """Bytes for those that come before it."""
        index = bisect_left(self.ranks, claim.rank)
        return self.until[index - 1] if index else 0


_NOTHING = _Kept()


def _kept_of(line: Sequence[Claim], *, whole: int | None) -> _Kept:
    """Of those that wait, the first ones that fit into an empty spool together."""
    ranks, until, total = [], [], 0
    segments: set[str] = set()
    for claim in line:
        wanted = with_its_description(claim.size)
        if whole is not None and wanted > whole:
            continue
        if whole is not None and total + wanted > whole:
            break
        total += wanted
        ranks.append(claim.rank)
        until.append(total)
        segments.add(claim.segment)
    return _Kept(whole=whole, segments=frozenset(segments), ranks=ranks, until=until)


def _too_large(claim: Claim) -> SpoolFull:
    return SpoolFull(
        f"dock room is too small: one file of {claim.size} bytes is larger than all that spool.keep_free leaves of its disk; "
        "it stays on the camera until the dock has a larger disk"
    )
