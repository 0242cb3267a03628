"""A bounded ring of buffers between one thread that fills them and several that each see all of them,
in order.

Rules: a buffer is filled again only when every consumer has let go of it, so memory is bounded by
the ring; the first failure on any side is kept, wakes everybody and ends all; nobody waits for a
side that is gone.
"""

from __future__ import annotations

import threading


class RingFailedError(Exception):
    """The ring was ended by a failure on another side; the failure itself is `Ring.failure`."""


class Ring:
    """Slot numbers and lengths; the memory is the arena's. Every method may be called from any thread."""

    def __init__(self, *, slots: int, consumers: int) -> None:
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._lengths = [0] * slots
        self._filled = 0
        self._released = [0] * consumers
        self._ended = False

    def claim(self) -> int:
        """The next slot to fill, once every consumer is through with it. Raises RingFailedError."""
        with self._changed:
            while self.failure is None and self._filled - min(self._released) >= len(self._lengths):
                self._changed.wait()
            if self.failure is not None:
                raise RingFailedError
            return self._filled % len(self._lengths)

    def publish(self, length: int) -> None:
        """Hand the slot last claimed to the consumers, with `length` bytes in it."""
        with self._changed:
            self._lengths[self._filled % len(self._lengths)] = length
            self._filled += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more comes: consumers finish what there is."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """End all sides now. The first failure is kept, later ones are its echo."""
        with self._changed:
            if self.failure is None:
                self.failure = failure
            self._changed.notify_all()

    def take(self, consumer: int) -> tuple[int, int] | None:
        """The next filled slot and its length for this consumer; None at the end, and when all has failed."""
        with self._changed:
            while True:
                if self.failure is not None:
                    return None
                count = self._released[consumer]
                if count < self._filled:
                    slot = count % len(self._lengths)
                    return slot, self._lengths[slot]
                if self._ended:
                    return None
                self._changed.wait()

    def release(self, consumer: int) -> None:
        """This consumer is through with the slot that it took last."""
        with self._changed:
            self._released[consumer] += 1
            self._changed.notify_all()

    def through(self) -> int:
        """How many filled slots all consumers are through with."""
        with self._changed:
            return min(self._released)
