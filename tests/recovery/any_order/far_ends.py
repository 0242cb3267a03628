"""The stores at the far end: the embedded one on a folder, and the simulated one that can lie. Both are looked into from outside.

Each can be down, lose an object, be put back from an earlier backup (its key stays) and, where it has one, change its key.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import ClientSession, web

from ingest.central import CentralStore
from ingest.central.app import rotate_key
from tests.oracle import Contents, Stored, stored_in
from tests.simulators.stores import lies, lies_of_bytes, lies_on_the_way
from tests.simulators.stores.honest import HonestStore, Kind, Shelf
from tests.simulators.stores.running import Running


class FarEnd(Protocol):
    """What the machine does to a store. `url` stays; `pin` is what a site would name, None where it has no key."""

    @property
    def url(self) -> str: ...

    @property
    def pin(self) -> str | None: ...

    async def start(self) -> None:
        """Serve (again)."""

    async def stop(self) -> None:
        """Down, in the middle of whatever there is."""

    def objects(self) -> list[Stored]:
        """What is whole in it now, by its bytes."""

    def touched(self) -> bool:
        """Whether anything at all was ever sent to it."""

    def lose(self, which: int) -> None:
        """One of its objects is gone."""

    def back_up(self) -> None:
        """Remember how it is. It must be stopped."""

    def restore(self, which: int) -> None:
        """Be as it was at one of those moments. It must be stopped."""

    def rotate_key(self) -> None:
        """Another key signs from now on, signed by the one before. It must be stopped."""

    async def close(self) -> None:
        """It is not needed any more."""


@dataclass(kw_only=True)
class Embedded:
    """The embedded store, in this process."""

    root: Path
    pin: str | None = None
    url: str = ""
    _store: CentralStore | None = None
    _port: int = 0
    _backups: int = 0
    _contents: Contents = field(default_factory=Contents)

    async def start(self) -> None:
        if self._store is not None:
            return
        self._store = await CentralStore(self.root, listen=("127.0.0.1", self._port)).__aenter__()
        self.url, self._port = self._store.url, urlsplit(self._store.url).port or 0
        if self.pin is None:
            async with ClientSession() as session, session.get(f"{self.url}/.well-known/dockd-store") as answer:
                self.pin = (await answer.json())["jwks"]["keys"][0]["kid"]

    async def stop(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.__aexit__()

    def objects(self) -> list[Stored]:
        return stored_in(self.root, self._contents)

    def touched(self) -> bool:
        return any(self.root.glob("objects/??/*")) or any(self.root.glob("uploads/*"))

    def lose(self, which: int) -> None:
        there = sorted(path.with_suffix("") for path in self.root.glob("objects/??/*.json"))
        if there:
            lost = there[which % len(there)]
            lost.unlink(missing_ok=True)
            if which % 2:
                lost.with_suffix(".json").unlink()

    def back_up(self) -> None:
        shutil.copytree(self.root, self._backup(self._backups))
        self._backups += 1

    def restore(self, which: int) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self._backup(which % self._backups), self.root)

    def _backup(self, number: int) -> Path:
        return self.root.with_name(f"{self.root.name}-backup-{number}")

    def rotate_key(self) -> None:
        rotate_key(self.root)

    async def close(self) -> None:
        await self.stop()


class Away(HonestStore):
    """Lets every line go at once."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


Lie = Callable[[Shelf, Kind], HonestStore]


def _about(kind: type[lies_on_the_way.Lies], what: str) -> Lie:
    return lambda shelf, proof: kind(shelf, what=what, kind=proof)


def _named(kind: type[HonestStore]) -> Lie:
    return lambda shelf, proof: kind(shelf, kind=proof)


LIES: dict[str, Lie] = {
    kind.__name__: _named(kind)
    for kind in (
        lies.LosesTheSecondHalf, lies.SaysItHasAll, lies.FlipsABit, lies.VouchesForWhatWasAnnounced, lies.ForgetsWhatItConfirmed,
        lies.ForgetsEachOnce, lies.ReceiptForAnotherFile, lies.ReceiptOfAnotherStore, lies.SignsForAnotherStore, lies.SignsInNoName,
        lies.ReplaysReceipts, lies.GarbageForReceipts, lies.UnsignedReceipts, lies.YesToEverything, lies.YesInTus,
        lies.LocksEverySegment, lies.NeverSawTheUpload, lies.SaysHistoryWentBack,
        lies_of_bytes.Short, lies_of_bytes.Long, lies_of_bytes.Hole, lies_of_bytes.OneBit, lies_of_bytes.Nothing,
        lies_of_bytes.AnotherFilesBytes, lies_of_bytes.AnotherFilesDigest, lies_of_bytes.AnnouncedHash,
        lies_of_bytes.RightHashWrongSize, lies_of_bytes.GivesOtherBytesBack, lies_of_bytes.GivesNothingBack,
    )
} | {
    "CutsInTheMiddle": lambda shelf, kind: lies.CutsInTheMiddle(shelf, after=1000, times=3, kind=kind),
    "CaptivePortal": lambda shelf, kind: lies_on_the_way.CaptivePortal(shelf, after=12, kind=kind),
    "NetworkLogin": lambda shelf, kind: lies_on_the_way.NetworkLogin(shelf, after=12, kind=kind),
    "RedirectsUploads": _about(lies_on_the_way.RedirectElsewhere, "POST"),
    "RedirectsBytes": _about(lies_on_the_way.RedirectElsewhere, "PATCH"),
    "RedirectsReceipts": _about(lies_on_the_way.RedirectElsewhere, "receipt"),
    "RedirectsBytesAskedBack": _about(lies_on_the_way.RedirectElsewhere, "GET"),
    "DripsReceipts": _about(lies_on_the_way.SlowDrip, "receipt"),
    "Answers500": lambda shelf, kind: lies.Answers(shelf, "receipt", 500, kind=kind),
    "Answers404": lambda shelf, kind: lies.Answers(shelf, "receipt", 404, times=3, kind=kind),
    "Answers409": lambda shelf, kind: lies.Answers(shelf, "PATCH", 409, times=3, kind=kind),
    "Answers507": lambda shelf, kind: lies.Answers(shelf, "POST", 507, times=3, kind=kind),
}  # fmt: skip


@dataclass(kw_only=True)
class Simulated:
    """The simulated store: honest, or any of the liars, over one shelf."""

    kind: Kind = "receipts"
    shelf: Shelf = field(default_factory=Shelf)
    elsewhere: Shelf = field(default_factory=Shelf)
    _ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _backups: list[Shelf] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._running = self._ends.enter_context(Running(HonestStore(self.shelf, kind=self.kind)))

    @property
    def url(self) -> str:
        return self._running.url + ("" if self.kind == "receipts" else "/files/")

    @property
    def pin(self) -> str | None:
        return self.shelf.keys[0].thumbprint() if self.kind == "receipts" else None

    async def start(self) -> None:
        self._running.store = HonestStore(self.shelf, kind=self.kind)

    async def stop(self) -> None:
        self._running.store = Away(self.shelf, kind=self.kind)

    def tell(self, lie: str) -> None:
        """Lie like that from now on."""
        liar = LIES[lie](self.shelf, self.kind)
        if isinstance(liar, lies_on_the_way.RedirectElsewhere):
            other = self._ends.enter_context(Running(HonestStore(self.elsewhere, kind=self.kind)))
            liar.elsewhere = other.url
        self._running.store = liar

    def objects(self) -> list[Stored]:
        return [
            Stored(
                path=thing.said.get("path", thing.said.get("filename", b"")), since_ns=0, camera=thing.said["camera"].decode(),
                segment=thing.said["segment"].decode(), content=(thing.size, thing.sha256),
            )
            for thing in list(self.shelf.things.values())
            if thing.whole and thing.sha256 == thing.announced
        ]  # fmt: skip

    def touched(self) -> bool:
        return bool(self.shelf.things)

    def lose(self, which: int) -> None:
        if self.shelf.things:
            del self.shelf.things[sorted(self.shelf.things)[which % len(self.shelf.things)]]

    def back_up(self) -> None:
        self._backups.append(_copied(self.shelf))

    def restore(self, which: int) -> None:
        was = _copied(self._backups[which % len(self._backups)])
        self.shelf.things, self.shelf.docks = was.things, was.docks

    def rotate_key(self) -> None:
        self.shelf.new_key(signed=True)

    async def close(self) -> None:
        await asyncio.to_thread(self._ends.close)


def _copied(shelf: Shelf) -> Shelf:
    return Shelf(things=copy.deepcopy(shelf.things), docks=dict(shelf.docks))
