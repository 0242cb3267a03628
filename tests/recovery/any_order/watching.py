"""The oracle, told precisely what the world has done: nothing else is ever forgiven.

Rules: a change by hand is told where it is made, file by file; what a store has lost, or a spool's disk, is forgiven right after that was
done to it, while no dockd runs and the oracle had just been content: whatever is amiss then is the world's doing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.oracle import Content, Look, Stored, Thing, Witness, look_at, spooled_in


def _nothing() -> list[Stored]:
    return []


@dataclass(kw_only=True)
class Watching(Witness):
    """`shelves`: what is whole in whatever store there is."""

    shelves: Callable[[], list[Stored]] = _nothing

    def stored(self) -> list[Stored]:
        return self.shelves()

    def moved(self, old: Path, new: Path) -> None:
        """A card lies elsewhere now, with all that is on it."""
        before, after = os.fsencode(old), os.fsencode(new)
        self._before[after] = self._before.pop(before)
        self.cards[after] = self.cards.pop(before)
        self._past = [((after if root == before else root, path), content) for (root, path), content in self._past]

    def exchanged(self, one: Path, other: Path) -> None:
        """Two cards lie in one another's place now."""
        aside = one.with_name("aside")
        self.moved(one, aside)
        self.moved(other, one)
        self.moved(aside, other)

    def written(self, card: Path, path: str, thing: Thing | None) -> None:
        """This lies at that path now (None: nothing), by somebody else's hand, perhaps while dockd is at work.

        Forgiven is what that hand took, and nothing else that is nowhere: that may be dockd's doing of a moment ago.
        """
        root, name = os.fsencode(card), os.fsencode(path)
        look = self._before[root]
        was = look.pop(name, None)
        if was is not None and was.content is not None and (thing is None or thing.content != was.content):
            self._past.append(((root, name), was.content))
        if thing is not None:
            look[name] = thing
        if was is not None and was.content is not None:
            self._forgive(was.content)

    def _forgive(self, taken: Content) -> None:
        """These bytes were taken from a card just now: were they the last?"""
        on_cards = {thing.content for look in self._before.values() for thing in look.values()}
        if taken not in self.in_spool() | self.in_store() | on_cards:
            self._past = [(place, content) for place, content in self._past if content != taken]

    def forgive_the_world(self) -> None:
        """A store or a disk has lost something by itself, just now."""
        now = {root: look_at(root, self._contents) for root in self._before}
        left = [(place, content) for place, content in self._present() if place[1] not in now[place[0]]]
        there = Counter((one.path, one.content) for one in self.stored())
        short = {key for key, count in self._segments(iter(left)).items() if there[key] < count}
        own = {(one.camera, one.path, one.content) for one in self.stored()}
        for (root, path), content in left:
            if (path, content) in short or (
                self.cards[root],
                path,
                content,
            ) not in own:  # the like of another camera may still be there
                del self._before[root][path]
                self._past.append(((root, path), content))
        self._forgive_nowhere(now)

    def _forgive_nowhere(self, now: dict[bytes, Look]) -> None:
        kept = self.in_store() | self.in_spool()
        kept |= {thing.content for look in now.values() for thing in look.values() if thing.content is not None}
        self._past = [(place, content) for place, content in self._past if content in kept]

    def in_store(self) -> set[Content]:
        """The contents of all that is whole in the store."""
        return {one.content for one in self.stored()}

    def in_spool(self) -> set[Content]:
        """The contents of all whole spool files."""
        return set(spooled_in(self.spool, self._contents))

    def footage_in_spool(self) -> set[Content]:
        """Those of them that have ever been on a card: not what a disk has made of one."""
        return self.in_spool() & {content for _place, content in self._all()}

    def only_in_spool(self, content: Content) -> bool:
        """Whether no camera and no store has these bytes."""
        on_cameras = {
            thing.content for root in self._before for thing in look_at(root, self._contents).values()
        }  # fmt: skip
        return content not in on_cameras and content not in self.in_store()
