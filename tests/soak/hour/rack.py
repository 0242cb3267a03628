"""Eight cameras with two cards each, that come and go with new footage, and the witness who follows them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.spool import is_segment
from tests.oracle import Contents, Witness, spooled_in, stored_in
from tests.program import filled


class Follower(Witness):
    """A witness who knows a card again wherever it is."""

    def moved(self, old: Path, new: Path) -> None:
        """The same card lies elsewhere now."""
        before, after = os.fsencode(old), os.fsencode(new)
        self._before[after] = self._before.pop(before, {})
        self._past = [
            ((after, path), content) if root == before else ((root, path), content)
            for (root, path), content in self._past
        ]


@dataclass(kw_only=True)
class Rack:
    """The rack `docks`, and `away` where cards are that are in no bay. Everything that touches a card does so under `lock`."""

    folder: Path
    spool: Path
    store: Path
    chance: random.Random
    cameras: int = 8
    largest: int = 2_000_000
    dockings: int = 0
    files: int = 0
    bytes: int = 0
    changes: dict[str, int] = field(default_factory=lambda: {"grown": 0, "replaced": 0, "appeared": 0, "other card": 0})
    lock: threading.Lock = field(default_factory=threading.Lock)
    spoiled: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.docks, self.away = self.folder / "docks", self.folder / "away"
        self.docks.mkdir(parents=True, exist_ok=True)
        self.witness = Follower(spool=self.spool, store=self.store)
        self.docked: dict[str, str] = {}  # camera: card
        self.last: dict[str, str] = {}
        self._contents = Contents()
        for number in range(self.cameras):
            for card in "ab":
                (self.away / f"CAM{number}-{card}").mkdir(parents=True)
                self.witness.remember(self.away / f"CAM{number}-{card}")

    @property
    def names(self) -> list[str]:
        return [f"CAM{number}" for number in range(self.cameras)]

    def dock(self, camera: str, *, card: str = "", footage: bool = True) -> None:
        """A camera comes in; with new footage. Now and then with its other card."""
        used = self.last.get(camera, "a")
        card = card or (used if self.chance.random() < 0.85 else "ab"[used == "a"])
        self.changes["other card"] += card != used
        outside, bay = self.away / f"{camera}-{card}", self.docks / camera
        with self.lock:
            if footage:
                self._record(outside, self.chance.randint(1, 6))
                self.witness.remember(outside)
            outside.rename(bay)
            self.witness.moved(outside, bay)
        self.docked[camera] = self.last[camera] = card
        self.dockings += 1

    def undock(self, camera: str) -> None:
        """It is taken, whatever is going on."""
        card = self.docked.pop(camera)
        with self.lock:
            (self.docks / camera).rename(self.away / f"{camera}-{card}")
            self.witness.moved(self.docks / camera, self.away / f"{camera}-{card}")

    def is_empty(self, camera: str) -> bool:
        """No footage is left on the card in its bay."""
        return not list(_files(self.docks / camera))

    def _record(self, card: Path, count: int) -> None:
        for _ in range(count):
            size = self.chance.choice(
                (self.chance.randrange(2000), self.chance.randrange(200_000), self.chance.randrange(self.largest))
            )
            filled(card, {f"DCIM/{self.files:06d}.MP4": self.chance.randbytes(size)})
            self.files += 1
            self.bytes += size

    # -- while it is docked --------------------------------------------------------------------------------------------

    def appear(self, camera: str) -> None:
        """One more file."""
        with self.lock:
            self._record(self.docks / camera, 1)
            self.witness.remember(self.docks / camera)
        self.changes["appeared"] += 1

    def grow(self, camera: str) -> None:
        """A file gets longer, as one that is being recorded."""
        root = self.docks / camera
        with self.lock:
            path = self._some_file(root)
            if path is None:
                return
            try:
                with path.open("r+b") as file:
                    file.seek(0, 2)
                    file.write(self.chance.randbytes(5000))
            except FileNotFoundError:  # dockd was quicker
                return
            self.witness.remember(root)
            self.witness.forgive(root, str(path.relative_to(root)))
        self.changes["grown"] += 1

    def replace(self, camera: str) -> None:
        """Another file gets the name of one that dockd has a copy of: whoever overwrites what nobody has loses it."""
        root = self.docks / camera
        with self.lock:
            path = self._some_file(root)
            content = path and self._contents.of(os.fsencode(path))
            if path is None or content is None or content in self.spoiled or content not in self._safe():
                return
            other = self.folder / "other"
            other.write_bytes(self.chance.randbytes(max(1, content[0])))
            os.replace(other, path)
            self.witness.remember(root)
        self.changes["replaced"] += 1

    def spoil(self) -> bool:
        """One bit of a spool file turns over, of which a camera or the store has another copy. False: there was none."""
        with self.lock:
            stored = {one.content for one in stored_in(self.store, self._contents)}
            cards = [*self.docks.iterdir(), *self.away.iterdir()]
            there = {self._contents.of(os.fsencode(path)) for card in cards for path in _files(card)}
            for path in self.spool.iterdir() if self.spool.is_dir() else ():
                content = self._contents.of(os.fsencode(path)) if is_segment(path.name) else None
                if content is None or not content[0] or content not in stored | there:
                    continue
                try:
                    with path.open("r+b") as file:
                        at = self.chance.randrange(content[0])
                        file.seek(at)
                        old = file.read(1)
                        file.seek(at)
                        file.write(bytes([old[0] ^ 4]))
                except (FileNotFoundError, IndexError):
                    continue
                self.spoiled.add(content)
                return True
        return False

    def _safe(self) -> set[tuple[int, str]]:
        return set(spooled_in(self.spool, self._contents)) | {
            one.content for one in stored_in(self.store, self._contents)
        }

    def _some_file(self, root: Path) -> Path | None:
        found = sorted(_files(root))
        return self.chance.choice(found) if found else None


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.glob("DCIM/*.MP4"))
