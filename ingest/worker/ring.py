"""A bounded ring of buffers between one thread that fills them and several that each see all of them.

Rules: a buffer is filled again only when every consumer has let go of it, so memory is bounded by
the ring; the first failure on any side is kept, wakes everybody and ends all; nobody waits for a
side that is gone.

Why queues and not one condition: a condition wakes all sides for what concerns one, and each waking
costs the interpreter's lock; that took 4 % off the rate of a copy.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue


class RingFailedError(Exception):
    """The ring was ended by a failure on another side; the failure itself is `Ring.failure`."""


class Ring:
    """Slot numbers and lengths; the memory is the arena's.

    `claim`, `publish` and `end` belong to the filling thread, `take` and `release` to the thread of the
    consumer they name, `fail` and `through` to any.
    """

    def __init__(self, *, slots: int, consumers: int) -> None:
        self.failure: BaseException | None = None
        self._slots = slots
        self._published = 0
        self._released = [0] * consumers
        # What wakes a side: a length for each buffer filled (None: no more), a token for each one let go.
        self._filled: list[SimpleQueue[int | None]] = [SimpleQueue() for _ in range(consumers)]
        self._freed: list[SimpleQueue[None]] = [SimpleQueue() for _ in range(consumers)]
        self._failing = threading.Lock()
        for freed in self._freed:
            for _ in range(slots):
                freed.put(None)

    def claim(self) -> int:
        """The next slot to fill, once every consumer is through with it. Raises RingFailedError."""
        for freed in self._freed:
            freed.get()
            if self.failure is not None:
                raise RingFailedError
        return self._published % self._slots

    def publish(self, length: int) -> None:
        """Hand the slot last claimed to the consumers, with `length` bytes in it."""
        self._published += 1
        for filled in self._filled:
            filled.put(length)

    def end(self) -> None:
        """Nothing more comes: consumers finish what there is."""
        for filled in self._filled:
            filled.put(None)

    def fail(self, failure: BaseException) -> None:
        """End all sides now. The first failure is kept, later ones are its echo."""
        with self._failing:
            if self.failure is not None:
                return
            self.failure = failure
        for filled in self._filled:
            filled.put(None)
        for freed in self._freed:
            freed.put(None)

    def take(self, consumer: int) -> tuple[int, int] | None:
        """The next filled slot and its length for this consumer; None at the end, and when all has failed."""
        length = self._filled[consumer].get()
        if length is None or self.failure is not None:
            return None
        return self._released[consumer] % self._slots, length

    def release(self, consumer: int) -> None:
        """This consumer is through with the slot that it took last."""
        self._released[consumer] += 1
        self._freed[consumer].put(None)

    def through(self) -> int:
        """How many filled slots all consumers are through with."""
        return min(self._released)
