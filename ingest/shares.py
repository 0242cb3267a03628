"""How much of the line each camera was given, rank by rank, since its queue began: who was given least is next.

In memory only: after a restart everybody begins level, which costs a turn. Who comes later begins where the least of the others is, so that a
camera that comes last neither waits for the rest nor keeps them waiting. The ledger's reader asks, from a thread of its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

_RANKS = 64  # that are remembered
Rank = tuple[int, int, int]


class Shares:
    """Bytes by rank and camera. A camera is known from when it was first seen waiting."""

    def __init__(self) -> None:
        self._given: OrderedDict[Rank, dict[str, int]] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def among(self, rank: Rank, cameras: Sequence[str]) -> Mapping[str, int]:
        """What these, which have something queued, were given in it."""
        with self._one_at_a_time:
            given = self._of(rank)
            level = min((given[camera] for camera in cameras if camera in given), default=0)
            return {camera: given.setdefault(camera, level) for camera in cameras}

    def of(self, rank: Rank, camera: str) -> int:
        """What one was given in it."""
        with self._one_at_a_time:
            return self._of(rank).get(camera, 0)

    def charge(self, rank: Rank, camera: str, size: int) -> None:
        """It is given `size` bytes more (fewer, where it is negative)."""
        with self._one_at_a_time:
            given = self._of(rank)
            given[camera] = given.get(camera, 0) + size

    def forget(self) -> None:
        """Nothing waits any more: the next backlog begins level."""
        with self._one_at_a_time:
            self._given.clear()

    def _of(self, rank: Rank) -> dict[str, int]:
        given = self._given.setdefault(rank, {})
        self._given.move_to_end(rank)
        if len(self._given) > _RANKS:
            self._given.popitem(last=False)
        return given
