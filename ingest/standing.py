"""What is known of the store as a whole: its word for people, and the door that is closed for a while when it fails.

Rules: while the door is closed nobody asks; it is closed for longer each time (capped, then jittered, never under what the store asked
for); failures that come together are one. A store that says who it is and fails at its work is not called connected before it has done
that work right. One that was caught is not made good by what comes in beside, nor by a line that dies, nor by a new start.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Literal

from ingest import events
from ingest.errors import DockdError, LedgerUnusable, Refused, Retry, Stop, StoreDishonest, StoreDown, WrongStore
from ingest.ledger import Ledger
from ingest.ledger.stores import Pinned
from ingest.setbacks import backoff

StoreWord = Literal["connected", "slow", "down", "wrong-store", "dishonest", "unknown"]
_SLOW = 5.0  # seconds without an answer, before that is said
_SLOW_HASH = 20 << 20  # bytes per second that a store may need to look at an object again
_REFUSED_FOR = 30.0
_DOOR = 60.0  # seconds at most until a store that is down is looked for again, by one small question


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """What is known of the store: `since` seconds since the epoch, `message` plain words, `last_success` likewise or None."""

    word: StoreWord = "unknown"
    since: float = 0.0
    message: str = ""
    last_success: float | None = None
    id: str | None = None
    honest: bool | None = None


class Standing:
    """How the store stands. `pinned` while it is believed; `trouble` is set by each failure; `retry_max` in seconds, `now` on a clock that is never set, `chance` from [0, 1)."""

    def __init__(
        self, *, ledger: Ledger, retry_max: float, now: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._now = now
        self._chance = chance
        self._luck = 0.0  # of the failures that came together: the longest of many lots would bring everybody back late, and together
        self._retry_max = retry_max
        self._failures = 0
        self._closed_until = 0.0
        self._stopped: Stop | None = None
        self._doubt: DockdError | None = None
        self._caught = False
        self.state = StoreState(since=ledger.clock.now())
        self.pinned: Pinned | None = None
        self.answered_at = 0.0  # monotonic seconds: when it last said who it is
        self.trouble = asyncio.Event()

    def recall(self, pinned: Pinned) -> None:
        """At the start: what is known of it from before. One that was caught is caught."""
        self.state = replace(self.state, id=pinned.id)
        if pinned.dishonest is not None:
            self._caught = True
            self._say("dishonest", _of_caught(pinned.id, pinned.dishonest))

    def closed_for(self) -> float:
        """Seconds until it may be asked again; 0 or less for now."""
        return self._closed_until - self._now()

    def open(self) -> None:
        """Somebody wants it tried now."""
        self._closed_until = 0.0

    def check(self) -> None:
        """Raises what the door is closed for: Stop, or StoreDown."""
        wait = self.closed_for()
        if wait > 0:
            raise self._stopped or StoreDown(self.state.message or "the store is being waited for", after=wait)

    @contextlib.asynccontextmanager
    async def impatient(self, doing: str, *, size: int = 0) -> AsyncIterator[None]:
        """Say so while the store gives no answer. `size`: bytes that it may have to read first."""
        seconds = _SLOW + size / _SLOW_HASH
        message = f"the store has given no answer to {doing} for {seconds:.0f} s"
        late = asyncio.get_running_loop().call_later(seconds, self._say, "slow", message)
        try:
            yield
        finally:
            late.cancel()

    def recognised(self, store: str) -> None:
        """It has said who it is; whether it is to be believed is another matter."""
        self.state = replace(self.state, id=store)

    def answers(self, pinned: Pinned) -> None:
        """It is the pinned one, and may be asked. What it did wrong with a segment is forgotten only when it has done that right."""
        self.pinned = pinned
        self.answered_at = self._now()
        self._closed_until, self._stopped, self._caught = 0.0, None, False
        if self._doubt is None:
            self.works()

    def works(self) -> None:
        """It has taken bytes, or has proven that it has them."""
        if self.pinned is None and (self._caught or self._stopped is not None):
            return  # it was caught meanwhile: what came in beside that changes nothing
        self._failures, self._closed_until, self._stopped, self._doubt = 0, 0.0, None, None
        self._say("connected", "")

    def moves(self) -> None:
        """It has taken bytes: the line works, whatever its proofs are worth."""
        if isinstance(self._doubt, StoreDown):
            self.works()

    def failed(self, error: DockdError, *, doubt: bool = False) -> None:
        """Close the door for a while.

        `doubt`: it answers when it is asked who it is, and fails at its work; then only work well done is a success.
        """
        if isinstance(error, LedgerUnusable):
            raise error
        if self.closed_for() <= 0:
            self._failures += 1
            self._luck = self._chance()
        floor = error.after if isinstance(error, Retry) else 0.0
        if isinstance(error, Refused):
            floor = max(floor, min(_REFUSED_FOR, self._retry_max))
        wait = backoff(self._failures - 1, longest=min(self._retry_max, _DOOR), chance=self._luck, floor=floor)
        self._closed_until = max(self._closed_until, self._now() + wait)
        self._stopped = error if isinstance(error, Stop) else None
        self._doubt = error if doubt else self._doubt
        self.pinned = None
        self.trouble.set()
        if isinstance(error, StoreDishonest):
            self._caught = True
            caught = _of_caught(self.state.id or "at its address", error.message)
            self._say("dishonest", error.message if error.message.startswith("the store ") else caught)
        else:
            self._say("wrong-store" if isinstance(error, WrongStore) else "down", error.message)

    def suspect(self, error: DockdError) -> None:
        """One segment could not be proven; others may be. Said until something is proven."""
        self._doubt = error
        self._say("down", error.message)

    def _say(self, word: StoreWord, message: str) -> None:
        """Keep what is known of the store, and publish it where it is new. A worse word stands."""
        state = self.state
        if self._caught and word != "dishonest":
            return  # whatever else is wrong with it: this stands until it is believed again
        if word == "slow" and state.word not in ("connected", "unknown"):
            return
        if (state.word, state.message) != (word, message):
            self._ledger.publish(events.StoreChanged(state=word, error=message or "it answers"))
        now = self._ledger.clock.now()
        self.state = StoreState(
            word=word, since=state.since if state.word == word else now, message=message, id=state.id,
            last_success=now if word == "connected" else state.last_success,
            honest={"connected": True, "dishonest": False}.get(word, state.honest),
        )  # fmt: skip


def _of_caught(name: str, why: str) -> str:
    return f"the store {name} was caught: {why}. Nothing is deleted until a person pins it anew (dockd store pin)"
