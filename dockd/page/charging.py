"""What a camera's word on its charge says: when it will do, and that its battery does not charge. Pure; times are seconds of a clock that is never set.

Rules kept here, with their numbers:

* only what it says while nobody reads from it or writes to it counts: its own work may take all that the bay gives;
* a battery that is below what the site wants and has not risen for 90 minutes does not charge (cameras that speak in quarters take an hour and a half
  for one at half an ampere);
* one that has fallen by five points and more in half an hour and more, and stands at its lowest, does not charge either, however full it is;
* one that the site wants no charge of, or that is full enough and stands, is well: many stop at 80 or 90 per cent to live longer;
* a time is foretold from two rises at least over ten minutes at least, from the last rise on; above 80 per cent a battery takes twice as long for
  each point; nothing is foretold for more than twelve hours, nor once it is later than it was to be by half.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

STANDS = 90 * 60.0
FALLS_BY = 5
FALLS_FOR = 30 * 60.0
SPAN = 10 * 60.0
LONGEST = 12 * 3600.0
_TAPER = 80
_KEPT = 256


@dataclass(frozen=True, kw_only=True)
class Fault:
    """It stands at `percent`, or has fallen to it from `before`, since the moment `since`."""

    kind: Literal["stands", "falls"]
    percent: int
    before: int
    since: float


class Charge:
    """One camera's words in one docking, as they differ."""

    def __init__(self) -> None:
        self._words: deque[tuple[float, int]] = deque(maxlen=_KEPT)
        self._at_work = True

    def told(self, at: float, percent: int, *, at_work: bool) -> None:
        """It said so at this moment, and was being read or written then, or not."""
        if at_work or self._at_work:
            self._words.clear()
        self._at_work = at_work
        if not self._words or self._words[-1][1] != percent:
            self._words.append((at, percent))

    def silent(self) -> None:
        """It does not say."""
        self._words.clear()

    def fault(self, now: float, *, wanted: int) -> Fault | None:
        """Why it is thought not to charge; None: nothing speaks for that. `wanted` per cent; 0: the site asks for none."""
        if self._at_work or not self._words or wanted <= 0:
            return None
        percent = self._words[-1][1]
        fell_at, top = max(self._words, key=lambda word: (word[1], word[0]))
        lowest = min(one for _at, one in self._words)
        if percent == lowest and top - percent >= FALLS_BY and now - fell_at >= FALLS_FOR:
            return Fault(kind="falls", percent=percent, before=top, since=fell_at)
        if percent >= wanted:
            return None
        since = self._not_risen_since()
        if now - since >= STANDS:
            return Fault(kind="stands", percent=percent, before=percent, since=since)
        return None

    def _not_risen_since(self) -> float:
        words = list(self._words)
        at = words[-1][0]
        for (before_at, before), (_after_at, after) in zip(reversed(words[:-1]), reversed(words[1:]), strict=True):
            if after > before:
                break
            at = before_at
        return at

    def will_do_at(self, now: float, *, wanted: int) -> float | None:
        """When it will have `wanted` per cent; None where that cannot be foretold. `now` where it has."""
        if self._at_work or not self._words:
            return None
        last_at, percent = self._words[-1]
        if percent >= wanted:
            return now
        rises = self._rises()
        if len(rises) < 2 or rises[-1][0] - rises[0][0] < SPAN:
            return None
        a_point = (rises[-1][0] - rises[0][0]) / (rises[-1][1] - rises[0][1])
        takes = a_point * _effort(percent, wanted, slow=rises[0][1] >= _TAPER)
        late = now - last_at > 1.5 * takes
        return None if takes > LONGEST or late else last_at + takes

    def _rises(self) -> list[tuple[float, int]]:
        """The latest moments of which each has a higher charge than the one before. The first word of all is none: when it began is not known."""
        found: list[tuple[float, int]] = []
        for at, percent in list(self._words)[1:]:
            if found and percent <= found[-1][1]:
                found = []
            found.append((at, percent))
        return found


def _effort(percent: int, wanted: int, *, slow: bool) -> float:
    """Points to go, those above the taper twice unless the pace is one from there.

    >>> _effort(60, 80, slow=False), _effort(70, 90, slow=False), _effort(85, 90, slow=False), _effort(85, 90, slow=True)
    (20.0, 30.0, 10.0, 5.0)
    """
    if slow:
        return float(wanted - percent)
    return float(max(0, min(wanted, _TAPER) - percent) + 2 * max(0, wanted - max(percent, _TAPER)))
