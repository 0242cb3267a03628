"""How one part of the pipeline gets on: what it has done, and whether anything is wanted of it now. For whoever has to tell a part that is stuck
from one that has nothing to do.

Rules kept here: a part that waits says until when, and nobody expects anything of it before; a part that works shows for it whatever cannot go on by
itself (bytes taken, an answer, a commit), never that time passed; seconds are of a clock that stands still while the machine sleeps.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator


class Steps:
    """`name` says in plain words what it is; `patience`: seconds that one step of it may rightly take."""

    def __init__(self, name: str, *, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.patience = patience
        self.done = 0
        self._now = now
        self._under_way = 0
        self._rests_until: float | None = None

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Something is wanted of it until the body ends, however that is."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self.done += 1

    def moved(self) -> None:
        """It got on within a step."""
        self.done += 1

    def rests(self, seconds: float) -> None:
        """It goes on by itself after so long at the latest."""
        self.done += 1
        self._rests_until = self._now() + seconds

    @property
    def wanted(self) -> bool:
        """Whether it should be getting on now."""
        return self._under_way > 0 or (self._rests_until is not None and self._now() > self._rests_until)
