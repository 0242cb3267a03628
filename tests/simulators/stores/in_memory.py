"""A store behind the production interface, without a line: for tests of what dockd does with each of its words.

`troubles` maps a method's name to what it raises; a function of the segment's id may choose. Otherwise it is honest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ingest.errors import Garbled, ObjectGone, Withheld
from ingest.model import Claim, Head, ProofMethod, SegmentDescription, Span, StoreIdentity
from ingest.store.base import Begun, Slices

Trouble = Callable[[str], Exception | None]


def always(make: Callable[[], Exception]) -> Trouble:
    """The same trouble for every segment."""
    return lambda _segment: make()


def times(count: int, make: Callable[[], Exception]) -> Trouble:
    """So many times, then no more."""
    left = [count]

    def trouble(_segment: str) -> Exception | None:
        left[0] -= 1
        return make() if left[0] >= 0 else None

    return trouble


@dataclass(kw_only=True)
class InMemoryStore:
    """`things`: bytes by address; `asked`: every call, in order; `lie` alters a claim before it is given."""

    method: ProofMethod = "receipt"
    id: str = "store-1"
    keys: tuple[str, ...] = ("key-1",)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    things: dict[str, bytearray] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lie: Callable[[Claim], Claim] = field(default=lambda claim: claim)
    offset_lie: int = 0
    checked: bool = False
    marked: dict[str, bool] = field(default_factory=dict)
    marks: bool = True
    explained: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Custody records of each segment, by the record that they are of."""
    digests: list[str | None] = field(default_factory=list)

    def _called(self, what: str, segment: str) -> None:
        self.asked.append((what, segment))
        trouble = self.troubles.get(what)
        error = trouble(segment) if trouble is not None else None
        if error is not None:
            raise error

    async def identify(self) -> StoreIdentity:
        self._called("identify", "")
        keys = self.keys if self.method == "receipt" else ()
        return StoreIdentity(
            id=self.id, url="http://store/", method=self.method, durable=self.method == "receipt", keys=keys
        )

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        return key in pinned

    async def announce(self, segment: SegmentDescription) -> str:
        self._called("announce", segment.id)
        address = f"http://store/files/{len(self.things.keys() | self.of.keys())}"
        self.things[address], self.of[address] = bytearray(), segment.id
        return address

    async def offset(self, upload: str, *, size: int) -> int:
        self._called("offset", self.of.get(upload, ""))
        return len(self._thing(upload))

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        return None

    async def checks(self) -> bool:
        return self.checked

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        return None

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        self._called("finish", segment.id)

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        self._called("mark", segment.id)
        self._thing(upload)
        self.marked[segment.id] = segment.evidential
        return segment.evidential and self.marks

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        self._called("explain", segment.id)
        self.explained.setdefault(segment.id, {})[since] = custody

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        self._called("send", self.of.get(upload, ""))
        thing = self._thing(upload)
        self.digests.append(sha256)
        async for block in slices(offset):
            thing += block
        return len(thing) - self.offset_lie

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        self._called("claim", segment.id)
        thing = self._thing(upload)
        claim = Claim(
            method=self.method, store=self.id, object=upload, size=len(thing), sha256=hashlib.sha256(thing).hexdigest()
        )
        if self.method == "receipt":
            claim = replace(
                claim, object=upload.rpartition("/")[2], key=self.keys[0], nonce=nonce, head=head, segment=segment.id, durable=True
            )  # fmt: skip
        return self.lie(claim)

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        self._called("part", self.of.get(upload, ""))
        if upload not in self.things:
            raise Withheld("that is not there")
        if len(self.things[upload]) != size:
            raise Garbled("that is of another length")
        return bytes(self.things[upload][offset : offset + length])

    async def withdraw(self, upload: str) -> None:
        self._called("withdraw", self.of.get(upload, ""))
        self.things.pop(upload, None)

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
        self._called("tempt", segment.id)

    async def close(self) -> None:
        pass

    def _thing(self, upload: str) -> bytearray:
        if upload not in self.things:
            raise ObjectGone("that is not there")
        return self.things[upload]

    def calls(self, what: str) -> int:
        """How often something was asked."""
        return sum(name == what for name, _segment in self.asked)
