"""The adapter for a share that is mounted on the dock: what the agent asks of it, carried out by porters (`ingest.store.porter`).

Rules: the share has a marker with a random id, which is the store's identity; it is looked at in the very request that begins, writes, names or reads a
segment, and so is whether the share is still mounted as it was when it said who it is. A folder without a marker becomes a store only
where none is pinned. What counts as proof is the bytes themselves, read whole past the page cache: read-back proves bytes, not
durability, so that the spool's copy waits for a second one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import DockdError, StoreDown, Unproven, WrongStore
from ingest.model import Claim, Head, SegmentDescription, Span, StoreIdentity, is_sha256
from ingest.store.base import Begun, Slices
from ingest.store.description import DESCRIPTION, custody_ending, describing
from ingest.store.directory.porters import Porters
from ingest.store.names import place_of
from ingest.store.patience import Patience

_LONG = frozenset({"begin", "take", "read"})
_SWEEP_EVERY = 86_400.0
_MOST_BEGUN = 10_000


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Who the share said it is, and the number of its filesystem then."""

    store: str
    device: int


class DirectoryStore:
    """The store in `folder`. `founds`: whether a folder without a marker may be made a store; `observe(what, seconds)` is told of every request."""

    def __init__(
        self, folder: Path, *, founds: Callable[[], Awaitable[bool]], patience: Patience | None = None,
        observe: Callable[[str, float], None] = lambda _what, _seconds: None,
    ) -> None:  # fmt: skip
        self.url = str(folder)
        self._folder = bytes(folder).hex()
        self._founds = founds
        self._patience = patience or Patience()
        self._observe = observe
        self._porters = Porters(patience=self._patience)
        self._known: _Known | None = None
        self._begun: dict[str, _Known] = {}
        self._swept: float | None = None

    async def close(self) -> None:
        """End the porters; one that hangs is not waited for."""
        await self._porters.close()

    # -- who it is -----------------------------------------------------------------------------------------------------

    async def identify(self) -> StoreIdentity:
        """Read the marker; make it, where that may be. Raises WrongStore (there is none), StoreDown, Refused, StoreFull."""
        said = await self._ask("who")
        if said["marker"] is None:
            if not await self._founds():
                raise WrongStore(
                    f"there is no store's marker in {self.url}: is the share mounted? Nothing is sent there and nothing is deleted. If it is the "
                    "right share, and its file .dockd-store was lost, put that back; or pin the store anew (dockd store pin)"
                )
            said = await self._ask("found")
        self._known = _Known(store=str(said["marker"]), device=int(said["device"]))
        await self._sweep()
        return StoreIdentity(id=_named(self._known), url=self.url, method="read-back", durable=False)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """It has no keys."""
        return False

    async def _sweep(self) -> None:
        """Once a day what uploads have left that nobody goes on with is taken away; that it cannot be done now is no matter."""
        if self._swept is None or time.monotonic() - self._swept > _SWEEP_EVERY:
            self._swept = time.monotonic()
            try:
                await self._ask("sweep", known=self._known)
            except DockdError:
                return

    # -- transfer ------------------------------------------------------------------------------------------------------

    async def announce(self, segment: SegmentDescription) -> str:
        """Begin, or go on with what was begun; a whole one that lies there already is read, and counts."""
        known = await self._now()
        said = await self._ask(
            "begin", known=known, within=self._patience.settle, address=place_of(segment), size=segment.digest.size,
            sha256=segment.digest.sha256,
        )  # fmt: skip
        upload = str(said["address"])
        self._begins(upload, known)
        return upload

    async def checks(self) -> bool:
        """No: the whole is read back anyway."""
        return False

    async def offset(self, upload: str, *, size: int) -> int:
        """How many bytes are durable there."""
        known = await self._now()
        found = int((await self._ask("look", known=known, address=upload, size=size))["offset"])
        self._begins(upload, known)
        return found

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        """Of none: it takes bytes one after another."""
        return None

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        """It takes bytes one after another."""
        return None

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        """Write and sync. Raises UploadBlocked (it stands elsewhere), StoreDown when nothing moves for the patience's `stall`."""
        known = await self._of(upload)
        said = await self._give(
            "take", slices(offset), length=length, known=known, address=upload, offset=offset, size=size
        )
        return int(said["offset"])

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        """Give it its own name, durably."""
        await self._ask(
            "finish",
            known=await self._of(upload),
            within=self._patience.settle,
            address=upload,
            size=segment.digest.size,
        )

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        """A share has neither tags nor locks; what lies beside says that it is evidence."""
        return False

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        """`<name>.json`, and `<name>.custody.json` or, of a record that began anew, `<name>.custody-<since>.json`."""
        known = await self._of(upload)
        for ending, text in ((DESCRIPTION, describing(segment)), (custody_ending(since), custody)):
            await self._give("lay", _at_once(text), length=len(text), known=known, address=upload, ending=ending)

    async def withdraw(self, upload: str) -> None:
        """Take its two files away, where no byte is in them."""
        await self._ask("withdraw", known=await self._of(upload), address=upload)

    # -- proof ---------------------------------------------------------------------------------------------------------

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """The whole is read back past the page cache, in the request that looks at the marker."""
        known = await self._of(upload)
        said = await self._ask(
            "read", known=known, within=self._patience.stall, address=upload, size=segment.digest.size
        )
        if not is_sha256(said["sha256"]):
            raise Unproven("what was read back has no SHA-256")
        self._begun.pop(upload, None)
        size, found, how = int(said["size"]), str(said["sha256"]), str(said["method"])
        raw = f"{upload} {size} {found} {how}"
        return Claim(method="read-back", store=_named(known), object=upload, size=size, sha256=found, raw=raw)

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """Read past the page cache."""
        request = {"address": upload, "offset": offset, "length": length, "size": size}
        _said, given = await self._asked("part", known=await self._of(upload), within=self._patience.stall, **request)
        if len(given) < length:
            raise StoreDown("the share gave less of a segment than it has")
        return given

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
        """It has no digest to lie about: its bytes are the proof."""

    # -- requests ------------------------------------------------------------------------------------------------------

    async def _now(self) -> _Known:
        """The store that answered last."""
        if self._known is None:
            await self.identify()
        if self._known is None:
            raise StoreDown("it has not said who it is")
        return self._known

    async def _of(self, upload: str) -> _Known:
        """The store that this upload was begun with, or gone on with: another one gets no byte of it, whatever is mounted by now."""
        now = await self._now()
        begun = self._begun.get(upload, now)
        return now if begun.store == now.store else begun

    def _begins(self, upload: str, known: _Known) -> None:
        if len(self._begun) >= _MOST_BEGUN:
            self._begun.pop(next(iter(self._begun)))
        self._begun[upload] = known

    async def _ask(
        self, op: str, *, known: _Known | None = None, within: float | None = None, **more: Any
    ) -> dict[str, Any]:
        return (await self._asked(op, known=known, within=within, **more))[0]

    async def _asked(
        self, op: str, *, known: _Known | None = None, within: float | None = None, **more: Any
    ) -> tuple[dict[str, Any], bytes]:
        began = time.monotonic()
        try:
            async with self._porters.lent(carrying=op in _LONG) as porter:
                return await porter.ask(self._request(op, known, more), within=within or self._patience.answer)
        finally:
            self._observe(op.upper(), time.monotonic() - began)

    async def _give(
        self, op: str, source: AsyncIterator[bytes], *, length: int, known: _Known, **more: Any
    ) -> dict[str, Any]:
        began = time.monotonic()
        try:
            async with self._porters.lent(carrying=op in _LONG) as porter:
                return await porter.give(self._request(op, known, more | {"length": length}), source, length=length)
        finally:
            self._observe(op.upper(), time.monotonic() - began)

    def _request(self, op: str, known: _Known | None, more: dict[str, Any]) -> dict[str, Any]:
        request = {"op": op, "folder": self._folder, **more}
        return request if known is None else request | {"store": known.store, "device": known.device}


def _named(known: _Known) -> str:
    return f"directory:{known.store}"


async def _at_once(text: bytes) -> AsyncIterator[bytes]:
    yield text
