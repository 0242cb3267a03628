"""What lies on cards, and what cameras and people do to it; the oracle is told of each change where it is made.

Five cards: two of one camera whose cards have no name of their own; two of two cameras with the same factory serial, told apart by their
cards; one of a camera of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from tests.oracle import Thing
from tests.recovery.any_order.dock import Docked
from tests.recovery.any_order.watching import Watching

NAMES = ("a.mp4", "b.mp4", "DCIM/c.mp4", "DCIM/d.mp4", "DCIM/A.mp4", "caf\udce9.mp4")
FOLDERS = ("DCIM", "DCIM2")
CARDS = (("BWC-1", ""), ("BWC-1", ""), ("000000", "0A1B-2C3D"), ("000000", "4E5F-6071"), ("BWC-2", "volume"))


@dataclass
class Cards:
    """All cards, each where it lies now."""

    folder: Path
    watching: Watching

    def __post_init__(self) -> None:
        self.docked = [
            Docked(serial=serial.encode(), card=card, root=self.folder / f"card{number}", bay=number + 1)
            for number, (serial, card) in enumerate(CARDS)
        ]
        self.moves = 0
        self.writes = 0
        for one in self.docked:
            (one.root / "DCIM").mkdir(parents=True)
            self.watching.cards[os.fsencode(one.root)] = one.visit().camera.id
            self.watching.remember(one.root)

    def root(self, card: int) -> Path:
        return self.docked[card].root

    def beside(self, card: int, other: int) -> bool:
        """Whether two cards can be docked at once: they are not of one camera."""
        return card != other and CARDS[card] != CARDS[other]

    def files(self, card: int) -> list[Path]:
        return [path for path in self.root(card).rglob("*") if path.is_file()]

    def _changed(self, card: int) -> None:
        self.watching.remember(self.root(card))
        self.watching.forgive_lost()

    # -- files, while nobody reads them ------------------------------------------------------------------------------------

    def records(self, card: int, name: str, content: bytes) -> None:
        """New, or in the place of another, by another inode or in place."""
        self.writes += 1
        path = self.root(card) / name
        path.parent.mkdir(exist_ok=True)
        if self.writes % 2:
            path.unlink(missing_ok=True)
        path.write_bytes(content)
        self._changed(card)

    def replaces_by_its_like(self, card: int, name: str) -> None:
        """Other bytes of the same size and time."""
        path = self.root(card) / name
        if path.exists() and path.stat().st_size:
            before = path.stat()
            self.writes += 1
            path.write_bytes((b"%08d" % self.writes * (before.st_size // 8 + 1))[: before.st_size])
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self._changed(card)

    def renames_folder(self, card: int) -> None:
        """DCIM is called DCIM2 from now on, or the other way round."""
        root = self.root(card)
        old, new = FOLDERS if (root / FOLDERS[0]).exists() else FOLDERS[::-1]
        if (root / old).exists() and not (root / new).exists():
            (root / old).rename(root / new)
            self._changed(card)

    def copies(self, card: int, to: int) -> None:
        """All that lies on one card lies on the other too, with its times; what had the same name there is gone."""
        shutil.copytree(self.root(card), self.root(to), dirs_exist_ok=True)
        self._changed(to)

    # -- files, at any moment ------------------------------------------------------------------------------------------------

    def appears(self, card: int, name: str, content: bytes) -> None:
        """A file is made, unless one has the name."""
        path = self.root(card) / name
        if not path.parent.exists():
            return
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return
        try:
            os.write(fd, content)
            self.watching.written(self.root(card), name, _thing(fd))
        finally:
            os.close(fd)

    def grows(self, card: int, name: str) -> None:
        """Four bytes more; if dockd has unlinked the file meanwhile, they are written to nothing."""
        try:
            fd = os.open(self.root(card) / name, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return
        try:
            os.write(fd, b"more")
            if os.fstat(fd).st_nlink:
                self.watching.written(self.root(card), name, _thing(fd))
        finally:
            os.close(fd)

    def deletes(self, card: int, name: str) -> None:
        """By hand: dockd has not done it, and the oracle must not take it for that."""
        try:
            (self.root(card) / name).unlink()
        except FileNotFoundError:
            return
        self.watching.written(self.root(card), name, None)

    def renames(self, card: int, name: str, to: str) -> None:
        """One file; what had the other name is gone."""
        old, new = self.root(card) / name, self.root(card) / to
        if name == to or not new.parent.exists():
            return
        try:
            fd = os.open(old, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            old.rename(new)
            thing = _thing(fd)
            self.watching.written(self.root(card), to, thing)
            self.watching.written(self.root(card), name, None)
        except FileNotFoundError:  # dockd was quicker
            return
        finally:
            os.close(fd)

    # -- cards, at any moment ------------------------------------------------------------------------------------------------

    def moves_away(self, card: int) -> None:
        """It is taken out, and will be docked elsewhere: another place, another bay."""
        self.moves += 1
        one = self.docked[card]
        new = one.root.with_name(f"card{card}-{self.moves}")
        one.root.rename(new)
        self.watching.moved(one.root, new)
        self.docked[card] = replace(one, root=new, bay=one.bay % 64 + 1)

    def moves_by_copying(self, card: int) -> None:
        """Its files are copied to another card, as they were, and that one is put in its place."""
        old = self.root(card)
        self.moves_away(card)
        shutil.copytree(self.root(card), old)
        shutil.rmtree(self.root(card))
        self.watching.moved(self.root(card), old)
        self.docked[card] = replace(self.docked[card], root=old)
        self._changed(card)

    def change_places(self, card: int, other: int) -> None:
        """Each lies where the other was."""
        one, two = self.docked[card], self.docked[other]
        aside = one.root.with_name("aside")
        one.root.rename(aside)
        two.root.rename(one.root)
        aside.rename(two.root)
        self.watching.exchanged(one.root, two.root)
        self.docked[card] = replace(one, root=two.root, bay=two.bay)
        self.docked[other] = replace(two, root=one.root, bay=one.bay)


def _thing(fd: int) -> Thing:
    """What an open file is and holds now."""
    size, digest = 0, hashlib.sha256()
    while block := os.pread(fd, 1 << 20, size):
        digest.update(block)
        size += len(block)
    seen = os.fstat(fd)
    assert stat.S_ISREG(seen.st_mode)
    return Thing(mode=seen.st_mode, content=(size, digest.hexdigest()), mtime_ns=seen.st_mtime_ns)
