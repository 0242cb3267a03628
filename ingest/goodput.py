"""What the line gives, and what follows from it: how many requests at once, and how much in one request. No clock and no line is reached from here.

Rules (docs/decisions/0026): one more lane where that brings more, one fewer where it takes nothing, one at a time, each tried for a window of
seconds while more waits than the lanes carry; what was tried in vain is tried again after longer and longer rests, and at once where the line
has become another one. A request carries what its lane does, or may do, in some seconds; after a cut it is smaller at once.
"""

from __future__ import annotations

WINDOW = 4.0  # seconds that are measured
SETTLE = 1.0  # seconds that a connection may need to come to its speed
_FIRST = 2
_MORE = 1.05  # one more lane has to bring as much, or half of what it would bring in proportion
_NO_LESS = 0.97  # and one fewer may take as much
_OTHER_LINE = 0.3
_LONGEST_REST = 32  # windows
_SILENCE = 10.0  # seconds without a byte: what was measured before says nothing

SECONDS = 8.0  # that a request should take
ALONE = 20.0  # that it may take where nothing else waits, and where of a cut one the store keeps what came
SMALLEST = 256 << 10
UNDER_LIMIT = 16 << 10  # bytes: the least where a limit asks for little; less would be heads of requests
_FIRST_PIECE = 2 << 20
_LANE = 4000.0  # bytes per second: with less a connection is silent for too long


class Width:
    """How many lanes, from 1 to `most`, bring the most. `now`: seconds of a clock that does not jump."""

    def __init__(self, most: int, *, now: float) -> None:
        self.lanes = min(_FIRST, most)
        self._most = most
        self._trial = 0  # lanes more than what is known to be good: -1, 0, 1
        self._direction = 1
        self._base: float | None = None  # bytes per second at what is known to be good
        self._odd = 0
        self._rest = self._patience = 1
        self._window = WINDOW / 2  # until it has found its measure for the first time
        self._begin(now)

    def _begin(self, now: float, *, settle: float = 0.0) -> None:
        self._began = self._heard = now + settle
        self._bytes = 0

    def resize(self, most: int, *, now: float) -> None:
        """At most so many from now on: what is good is looked for anew, from what is in use or what a line is begun with."""
        more = most > self._most
        self._most = most
        if more or self.lanes > most:
            self.lanes = min(most, max(self.lanes, _FIRST))
            self._trial, self._direction, self._rest, self._patience = 0, 1, 1, 1
            self._base, self._odd, self._window = None, 0, WINDOW / 2
            self._begin(now, settle=SETTLE)

    def cut(self, now: float) -> None:
        """The line was cut: what was measured says nothing."""
        self._begin(now, settle=SETTLE)

    def carried(self, size: int, *, now: float, taken: int, wanted: bool) -> bool:
        """`size` bytes went, by `taken` lanes; `wanted`: more waits than they carry. True where there are more or fewer lanes now."""
        if not wanted or taken > self.lanes or now - self._heard > _SILENCE:
            self._begin(now, settle=SETTLE if self._trial else 0.0)
            return False
        if now < self._began:
            return False
        self._bytes += size
        self._heard = now
        seconds = now - self._began
        if seconds < self._window:
            return False
        before = self.lanes
        self._decide(self._bytes / seconds)
        self._begin(now, settle=SETTLE if self.lanes != before else 0.0)
        return self.lanes != before

    def _decide(self, rate: float) -> None:
        if self._trial > 0:
            self._more_lanes(rate)
        elif self._trial < 0:
            self._fewer_lanes(rate)
        else:
            self._same_lanes(rate)

    def _more_lanes(self, rate: float) -> None:
        least = min(_MORE, 1 + 0.5 / max(1, self.lanes - 1))
        if rate >= (self._base or 0.0) * least:
            self._base, self._patience, self._direction = rate, 1, 1
            self._trial = 0
            self._try(1)
        else:
            self.lanes -= 1
            self._in_vain()

    def _fewer_lanes(self, rate: float) -> None:
        """Held against what the most of them brought, so that many small steps down are no large one."""
        if rate >= (self._base or 0.0) * _NO_LESS:
            self._patience, self._trial = 1, 0
            self._base = max(rate, self._base or 0.0)
            self._try(-1)
        else:
            self.lanes += 1
            self._in_vain()

    def _in_vain(self) -> None:
        """What was before is right: the other direction is tried next, after a rest."""
        self._rest, self._trial, self._window = self._patience, 0, WINDOW
        self._patience = min(_LONGEST_REST, 2 * self._patience)
        self._direction = -self._direction

    def _same_lanes(self, rate: float) -> None:
        base = rate if self._base is None else self._base
        self._odd = self._odd + 1 if abs(rate - base) > _OTHER_LINE * base else 0
        if self._odd >= 2:
            self._base, self._odd, self._rest, self._patience, self._direction = rate, 0, 0, 1, 1 if rate > base else -1
        elif not self._odd:
            self._base = (base + rate) / 2
            self._rest -= 1
        if self._rest <= 0 and not self._odd:
            self._try(self._direction)

    def _try(self, more: int) -> None:
        """One lane more or fewer, where there is one; else the other way, after a rest."""
        if 1 <= self.lanes + more <= self._most:
            self.lanes += more
            self._trial = more
        else:
            self._in_vain()


def lanes_under(limit: float | None) -> int | None:
    """How many connections a limit (bytes per second) is worth dividing among: 32 kbit/s for each; None for any number."""
    return None if limit is None else max(1, int(limit / _LANE))


class Piece:
    """How much goes in one request: what a lane carries in some seconds, between 256 KiB and `most` bytes, and less under a low limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(SMALLEST, most)
        self._cut_at = float("-inf")
        self.size = min(_FIRST_PIECE, most)

    def resize(self, most: int) -> None:
        """At most so many bytes from the next one on."""
        self._most = most
        self._least = min(SMALLEST, most)
        self.size = max(self._least, min(self.size, most))

    def next(self, *, limit: float | None = None, alone: bool = False) -> int:
        """Bytes of the next one. `limit`: bytes per second that its lane may carry at most; `alone`: nothing else waits."""
        seconds = ALONE if alone else SECONDS
        return _within(min(self._most, int(self.size * seconds / SECONDS)), limit, seconds)

    def part(self, *, limit: float | None = None) -> int:
        """For a store to which a cut part is lost whole: a quarter."""
        return _within(max(self._least, self.size // 4), limit, SECONDS / 4)

    def worked(self, length: int, *, seconds: float) -> None:
        """A request of `length` bytes took so long. A short one says what a request costs, and not what the line does."""
        if length < self._least:
            return
        wanted = int(length / seconds * SECONDS) if seconds > 0 else self._most
        if length < self.size // 2 and wanted < self.size:
            return
        self.size = max(self._least, min(self._most, wanted, 2 * self.size))

    def cut(self, *, began: float, now: float) -> None:
        """The line was cut in the middle of one that began then. Those that were under way at the last cut were too large already."""
        if began >= self._cut_at:
            self._cut_at = now
            self.size = max(self._least, self.size // 4)


def _within(size: int, limit: float | None, seconds: float) -> int:
    return size if limit is None else min(size, max(UNDER_LIMIT, int(limit * seconds)))
