"""The contract of a central store; tests/contract/store/exam.py is the exam that every adapter and the simulator sit.

Rules: an adapter moves bytes and carries answers; it believes nothing and remembers nothing. Whether a claim is a proof is decided in
`ingest.confirm` alone. The store is asked for the offset at every resume. No redirect is followed. Every answer is bounded in
size and time. Errors are those of `ingest.errors`, by the table of `ingest.store.answers`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from ingest.model import Claim, Head, SegmentDescription, StoreIdentity

Slices = Callable[[int], AsyncIterator[bytes]]
"""The bytes of a segment from an offset on, in slices of at most 256 KiB; asked again for every try."""


class Store(Protocol):
    """One central store."""

    async def identify(self) -> StoreIdentity:
        """Who it is, and what kind of proof it announces. Raises StoreDown, StoreBusy, Refused, Unproven (nonsense)."""

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """Whether `key` (a thumbprint) is signed, in a line of signatures, by one of the `pinned` ones."""

    async def announce(self, segment: SegmentDescription) -> str:
        """Begin an upload; returns its address, which is the object's for good. The same segment may get the same address."""

    async def offset(self, upload: str, *, size: int) -> int:
        """How many bytes the store has of it. Raises ObjectGone, and Unproven where its length is not `size`."""

    async def send(self, upload: str, *, offset: int, length: int, size: int, slices: Slices) -> int:
        """Send `length` bytes from `offset` on; returns the store's offset after them. Raises what `slices` raises (OSError, EOFError)."""

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """What the store says that it has there, by the kind of proof that it announces.

        Raises ObjectGone, Unproven (nonsense, wrong signature), HistoryConflict.
        """

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """`length` bytes from `offset` on, as the store gives them back; None where it says that it gives this dock none.

        `fresh`: over a connection of its own. Raises Withheld where the answer is none to that question, Garbled where it speaks of an object
        that is not `size` bytes long, StoreDown and the like.
        """

    async def withdraw(self, upload: str) -> None:
        """End an upload of ours of which the store has no byte. One that it does not end is left to expire. Raises Retry, Hold."""

    async def tempt(
        self, segment: SegmentDescription, slices: Slices, *, nonce: str, head: Head | None, dock: str
    ) -> None:
        """The honesty check: bring `slices` under a wrong digest, as an ordinary segment. Returns where the store refused these bytes.

        Raises StoreDishonest if it vouches for them, HistoryConflict, Retry where nothing is known of its honesty (busy, down, nonsense).
        """

    async def close(self) -> None:
        """Let go of connections."""
