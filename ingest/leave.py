"""Whether the site wants cameras emptied, and how long after their confirmation: the word that every deletion looks at last.

Why it exists: that word may change while a wipe is under way. It is no guard of what is deleted (that is the permit's), but whoever turns wiping
off must be able to rely on it.

Rules kept here: one value, exchanged whole on the event loop, read in the very transaction that writes a permit and once more before each
lot that is deleted under one. So whatever the record says after "cameras are not emptied from now on", it says of no new permit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ingest.clock import Clock
from ingest.errors import Stop
from ingest.events import WipingOff, WipingOn
from ingest.ledger.passed import since_proof

Execute = Callable[..., Any]


class NotWanted(Stop):
    """The site does not want this deleted, or not yet."""

    reason = "not_wanted"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """`wipe`: whether cameras are emptied at all; `grace`: seconds that lie between confirmation and deletion at least."""

    wipe: bool = True
    grace: float = 0.0

    def stricter(self, other: Wish) -> Wish:
        """What both of them allow.

        >>> Wish(grace=5.0).stricter(Wish(wipe=False))
        Wish(wipe=False, grace=5.0)
        """
        return Wish(wipe=self.wipe and other.wipe, grace=max(self.grace, other.grace))

    def word(self) -> WipingOff | WipingOn:
        """What the record says of it."""
        return WipingOn(seconds=math.ceil(self.grace)) if self.wipe else WipingOff()


class Leave:
    """The wish of now."""

    def __init__(self, wish: Wish | None = None) -> None:
        self.now = wish or Wish()

    def why_not(self, execute: Execute, clock: Clock, wanted: Iterable[str]) -> str:
        """Why these segments are not to be deleted now, in words; empty where they may be. Counted on a clock that nobody sets."""
        wish = self.now
        if not wish.wipe:
            return "cameras are not emptied any more (wipe.enabled)"
        if wish.grace and any((since_proof(execute, clock, one) or 0.0) < wish.grace for one in wanted):
            return f"what was confirmed less than {wish.grace:g} s ago stays on its camera (wipe.grace)"
        return ""

    def check(self, execute: Execute, clock: Clock, wanted: Iterable[str]) -> None:
        """Raises NotWanted."""
        if why := self.why_not(execute, clock, wanted):
            raise NotWanted(f"nothing is deleted now: {why}")
