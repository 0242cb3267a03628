"""The oracle for a whole rack: what is safe where after any end, by the images of cards, spool and store alone.

It judges the promises, and knows nothing of how dockd keeps them:

* P1: every file that any camera brought in is whole somewhere: on its card, in the spool, or in the store;
* P2: whatever a card does not hold any more is in the store, with a file of its own there for each that is gone;
* P3: on a card that the site has named, nothing changed but what deleting named files touches; on any other, nothing did.

That each of these can fail is shown by test_oracle.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.hil.rig.cards import Card, unexplained_changes
from tests.hil.rig.disks import Disk
from tests.hil.rig.evidence import Hashes, hashes
from tests.hil.rig.sparse import changed_sectors
from tests.hil.rig.volumes import SECTOR

# A volume that was torn out while it was writable is marked so in its first sector.
TORN_OUT = "reserved sector 0"


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A card that was handed in: as it was, what was on it, and whether the site has named its camera."""

    serial: str
    card: Card
    before: Card
    originals: Hashes
    named: bool = True


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies where, by SHA-256. `cards` is in the order of the cards judged."""

    cards: tuple[Hashes, ...]
    spool: Hashes
    store: Hashes


class Oracle:
    """The cards of one test, and the two disks of its dock in `folder`. Judge only once no guest has any of them."""

    def __init__(self, folder: Path, *, cards: Iterable[Carried] = ()) -> None:
        self.folder = folder
        self.cards = list(cards)
        self._numbers = count(1)

    def add(self, card: Card, *, serial: str, named: bool = True) -> Carried:
        """Remember a card as it is now, before it is plugged for the first time."""
        before = card.copied_to(self.new_path("before"))
        carried = Carried(
            serial=serial, card=card, before=before, originals=hashes(before.copy_out(self.new_path("out"))), named=named
        )  # fmt: skip
        self.cards.append(carried)
        return carried

    def found(self) -> Found:
        """Read everything."""
        return Found(
            cards=tuple(self.on_card(one) for one in self.cards),
            spool=self._on_disk("state"),
            store=self._on_disk("store"),
        )

    def on_card(self, carried: Carried) -> Hashes:
        """What a card holds now, whole."""
        return hashes(carried.card.copy_out(self.new_path("card")))

    def breaches(self, *, torn_out: Collection[str] = ()) -> list[str]:
        """Every promise that was not kept, in a sentence each. `torn_out`: serials of cards that were pulled at work."""
        return [*judged(self.cards, self.found()), *self.changes(torn_out=torn_out)]

    def not_delivered(self) -> list[str]:
        """Every original for which the store has no file of its own."""
        left = Counter(self._on_disk("store").values())
        missing = []
        for carried in self.cards:
            for name, digest in carried.originals.items():
                left[digest] -= 1
                if left[digest] < 0:
                    missing.append(f"{carried.serial}: {name}")
        return missing

    def changes(self, *, torn_out: Collection[str] = ()) -> list[str]:
        """P3, from the cards alone."""
        return list(self._changes(torn_out))

    def _changes(self, torn_out: Collection[str]) -> Iterator[str]:
        for carried in self.cards:
            if not carried.named:
                if list(changed_sectors(carried.before.image, carried.card.image, sector=SECTOR)):
                    yield f"P3: {carried.serial} is not the site's, and was changed"
                continue
            harmless = {TORN_OUT} if carried.serial in torn_out else set()
            found = unexplained_changes(carried.before, carried.card)
            if wrong := [place for place in found if place not in harmless]:
                yield f"P3: {carried.serial} changed where deleting files changes nothing: {wrong}"

    def _on_disk(self, name: str) -> Hashes:
        return hashes(Disk(image=self.folder / f"{name}.img").copy_out(self.new_path(name)))

    def new_path(self, name: str) -> Path:
        """A path that nothing has yet."""
        return self.folder / f"{name}-{next(self._numbers)}"


def judged(cards: Iterable[Carried], found: Found) -> list[str]:
    """P1 and P2, from what lies where."""
    breaches: list[str] = []
    kept = set(found.spool.values()) | set(found.store.values())
    stored = Counter(found.store.values())
    for carried, on_card in zip(cards, found.cards, strict=True):
        for name, digest in carried.originals.items():
            if on_card.get(name) == digest:
                continue
            if digest not in kept:
                breaches.append(f"P1: {carried.serial}: {name} is whole nowhere")
            stored[digest] -= 1
            if stored[digest] < 0:
                breaches.append(f"P2: {carried.serial}: {name} is gone from the card and not in the store")
    return breaches
