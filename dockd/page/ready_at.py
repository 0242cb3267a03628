"""When a camera can be expected to be ready: what is still to be done with it, at the rates of the last minutes; rounded, and hidden until it holds. Pure.

Rules kept here: where any part of it is not known, or more than time stands between a camera and being ready, nothing is said; a moment that was said stays while the estimate stays near it, is said anew only when
it has been elsewhere for a minute, and is not said any more once it is over: what jumps is not believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dockd.page.known_of_bay import Facts

_WIPE = 60.0
_STEP = 300.0
_HOLDS = 45.0
_ELSEWHERE = 60.0
_NEAR = 300.0
_SHARE = 0.25
_LONGEST = 18 * 3600.0


@dataclass(frozen=True, kw_only=True)
class ToDo:
    """Bytes still to be copied and to be confirmed (with those of others that are sent before), the rates they go at (None: not known), what comes after.

    `charge`: seconds until it is charged, None: not known; `grace`: seconds that the site waits before it is emptied.
    """

    to_copy: int = 0
    copy_rate: float | None = None
    to_send: int = 0
    send_rate: float | None = None
    to_wipe: bool = False
    grace: float = 0.0
    charge: float | None = 0.0


def seconds_until_ready(todo: ToDo) -> float | None:
    """How long all of it takes; None where that is not known, or too far away to be said.

    >>> seconds_until_ready(ToDo(to_copy=1000, copy_rate=10.0, to_send=5000, send_rate=10.0, to_wipe=True))
    560.0
    >>> seconds_until_ready(ToDo(to_copy=1000)), seconds_until_ready(ToDo(charge=None)), seconds_until_ready(ToDo(charge=1200.0))
    (None, None, 1200.0)
    """
    parts: list[float] = []
    for size, rate in ((todo.to_copy, todo.copy_rate), (todo.to_send, todo.send_rate)):
        if size > 0:
            if not rate or rate <= 0:
                return None
            parts.append(size / rate)
    if todo.charge is None:
        return None
    work = max(parts, default=0.0) + (_WIPE + todo.grace if todo.to_wipe else 0.0)
    longest = max(work, todo.charge)
    return longest if longest <= _LONGEST else None


def can_become_ready(facts: Facts) -> bool:
    """Whether it comes by itself: nobody has to see to anything first, and nothing of what ready wants is in doubt or not known."""
    counts = facts.counts
    by_itself = (
        facts.docked
        and not facts.blind
        and facts.phase != "failed"
        and facts.listed_once
        and counts.held == 0
        and not facts.held
        and facts.missing == 0
        and facts.hidden == 0
        and facts.unsettled == 0
        and not facts.unsafe
        and facts.ours
    )
    fit = (
        not (facts.charge_lost or facts.clock_lost)
        and not facts.will_not_charge
        and (facts.clock_offset is None or abs(facts.clock_offset) <= facts.max_clock_offset)
    )
    wants_store = counts.confirmed < counts.listed or (facts.wipes and facts.on_camera > 0)
    is_away = facts.store == "dishonest" or (wants_store and facts.store in ("down", "wrong-store"))
    return by_itself and fit and not is_away


class Held:
    """The moment that is said of one bay."""

    def __init__(self) -> None:
        self._said: float | None = None
        self._first: tuple[float, float] | None = None
        self._elsewhere: float | None = None

    def take(self, now: float, at: float | None) -> float | None:
        """The moment to say, on a step of five minutes; None: none. `at` is the newest estimate; both in seconds since the epoch."""
        if at is None:
            self._said, self._first, self._elsewhere = None, None, None
        elif self._said is None:
            self._wait(now, at)
        elif _is_near(at, self._said, now):
            self._elsewhere = None
        elif self._elsewhere is None or now < self._elsewhere:
            self._elsewhere = now
        elif now - self._elsewhere >= _ELSEWHERE:
            self._said, self._elsewhere = _rounded(at), None
        return self._said if self._said is not None and self._said > now else None

    def _wait(self, now: float, at: float) -> None:
        if self._first is None or now < self._first[0] or not _is_near(at, self._first[1], now):
            self._first = (now, at)
        elif now - self._first[0] >= _HOLDS:
            self._said, self._first = _rounded(at), None


def _is_near(at: float, said: float, now: float) -> bool:
    return abs(at - said) <= max(_NEAR, _SHARE * (said - now))


def _rounded(at: float) -> float:
    return math.ceil(at / _STEP) * _STEP
