"""A set of numbers in any order, as bits in pieces of 4,096: a piece that is full costs nothing, so a log of any length that is whole costs next
to nothing, and one that is not an eighth of a byte a number. How many pieces may be partly full at once is bounded, for the input may be made to hurt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BITS = 12
_EACH = 1 << _BITS
_FULL = b"\xff" * (_EACH // 8)
_UNSET = re.compile("0+")

Range = tuple[int, int]
"""First and last, both in it."""


class TooScattered(Exception):
    """The numbers lie too far apart to be kept in bounded memory: no log of dockd's looks like this."""


@dataclass
class Room:
    """Pieces that may still be partly full, over all sets that share it."""

    left: int = 200_000

    def take(self) -> None:
        """One more. Raises TooScattered."""
        if self.left <= 0:
            raise TooScattered
        self.left -= 1


class Numbers:
    """Numbers from 0 to 2^53."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._pieces: dict[int, bytearray | None] = {}
        self.count = 0
        self.highest = -1

    def add(self, number: int) -> bool:
        """Whether it is new. Raises TooScattered."""
        key, bit = number >> _BITS, number & (_EACH - 1)
        piece = self._pieces.get(key)
        if piece is None:
            if key in self._pieces:
                return False
            self._room.take()
            piece = self._pieces[key] = bytearray(_EACH // 8)
        at, mask = bit >> 3, 1 << (bit & 7)
        if piece[at] & mask:
            return False
        piece[at] |= mask
        self.count += 1
        if number > self.highest:
            self.highest = number
        if piece[at] == 0xFF and piece == _FULL:
            self._pieces[key] = None
            self._room.left += 1
        return True

    def missing(self, first: int, last: int) -> Iterator[Range]:
        """Which of the numbers from `first` to `last` are not in it, as ranges in order."""
        at = first
        for low, high in self.present():
            if high < first:
                continue
            if low > last:
                break
            if low > at:
                yield at, low - 1
            at = high + 1
        if at <= last:
            yield at, last

    def present(self) -> Iterator[Range]:
        """What is in it, as ranges in order."""
        low: int | None = None
        high = -2
        for one_low, one_high in self._parts():
            if low is not None and one_low == high + 1:
                high = one_high
                continue
            if low is not None:
                yield low, high
            low, high = one_low, one_high
        if low is not None:
            yield low, high

    def _parts(self) -> Iterator[Range]:
        for key in sorted(self._pieces):
            piece, base = self._pieces[key], key << _BITS
            if piece is None:
                yield base, base + _EACH - 1
                continue
            bits = f"{int.from_bytes(piece, 'little'):0{_EACH}b}"[::-1]
            at = 0
            for gap in _UNSET.finditer(bits):
                if gap.start() > at:
                    yield base + at, base + gap.start() - 1
                at = gap.end()
            if at < _EACH:
                yield base + at, base + _EACH - 1
