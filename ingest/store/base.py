"""The contract of a central store; tests/contract/store/exam.py is the exam that every adapter and the simulator sit.

Rules: an adapter moves bytes and carries answers; it believes nothing and remembers nothing. Whether a claim is a proof is decided in
`ingest.confirm` alone. The store is asked for the offset at every resume. No redirect is followed. Every answer is bounded in
size and time. Errors are those of `ingest.errors`, by the table of `ingest.store.answers`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from ingest.model import Claim, Head, SegmentDescription, Span, StoreIdentity

Slices = Callable[[int], AsyncIterator[bytes]]
"""The bytes of a segment from an offset on, in slices of at most 256 KiB; asked again for every try."""
Begun = Callable[[str], Awaitable[None]]
"""Told of an upload's address before its first byte; raises where it is another one's."""


class Store(Protocol):
    """One central store."""

    async def identify(self) -> StoreIdentity:
        """Who it is, and what kind of proof it announces. Raises StoreDown, StoreBusy, Refused, Unproven (nonsense)."""

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """Whether `key` (a thumbprint) is signed, in a line of signatures, by one of the `pinned` ones."""

    async def announce(self, segment: SegmentDescription) -> str:
        """Begin an upload; returns its address, which is the object's for good. The same segment may get the same address."""

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        """Bytes of each part of a segment of `size` bytes whose digest this store wants to be told (`SegmentDescription.parts`); None: of none.

        `wanted`: how much the line carries well in one request. Of an upload that has begun, what it began with. Asks nobody.
        """

    async def checks(self) -> bool:
        """Whether each request's bytes are held against a digest that goes with them (`send`'s `sha256`): found out by trying. Raises Retry."""

    async def offset(self, upload: str, *, size: int) -> int:
        """How many bytes the store has of it, from the first on without a gap.

        Raises ObjectGone, and Unproven where its length is not `size`.
        """

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        """What the store does not have of an upload that comes in parts: each goes in one `send`, in any order, several at once.

        None: it takes bytes one after another from `offset` on, in pieces as the sender likes. The store is asked; nothing is remembered.
        Raises as `offset` does.
        """

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        """Send `length` bytes from `offset` on; returns the store's offset after them (of a part: where it ends).

        `sha256`: of just these bytes, hex, where it is known. Raises what `slices` raises (OSError, EOFError).
        """

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        """All bytes are there: make the object of them. Does nothing where that was done, or needs nothing. Raises as `send` does."""

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        """Give a finished object what it should have by now, and was not begun with: mark, tags and lock of an evidential segment, where the store has such.

        It comes before the proof counts, and again where it becomes evidence later; may be done any number of times. Returns whether the store
        knows now that it is evidence: False where it is none, and where the store has no marks. Raises Retry (ObjectGone too), Hold.
        """

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        """Lay beside a finished object what it is and its custody record so far (JSON), where the store has room for such; may be done again.

        `since` (letters and digits): which of the dock's records it is of, where not the first: it gets a place of its own beside that one.
        """

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
        self,
        segment: SegmentDescription,
        slices: Slices,
        *,
        nonce: str,
        head: Head | None,
        dock: str,
        begun: Begun | None = None,
    ) -> None:
        """The honesty check: bring `slices` under a wrong digest, as an ordinary segment. Returns where the store refused these bytes.

        `begun` is told of an address that the store chose, before any byte goes there; what it raises is raised, and nothing is sent.
        Raises StoreDishonest if it vouches for them, HistoryConflict, Retry where nothing is known of its honesty (busy, down, nonsense).
        """

    async def close(self) -> None:
        """Let go of connections."""
