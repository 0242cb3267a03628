"""Whom a dock is about to trust: named by a person, by an invitation, or by what was pinned before, and never by being the first to answer.

Rules: what names a store is the thumbprint of its key; each key that it shows has to be that one or vouched for by it; what a dock has is shown only to a store that it has pinned or was invited by.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dockd.enrolling.files import Files, NotTaken, text_of
from dockd.enrolling.getting import Invitation, invitation
from ingest.errors import WrongStore
from ingest.ledger.pin_file import kept
from ingest.model import StoreIdentity
from ingest.store.enrolling import Offer

Vouches = Callable[[str, tuple[str, ...]], Awaitable[bool]]


class Person(Protocol):
    """Whoever runs it, or the options that stand for them."""

    def say(self, text: str) -> None:
        """How it goes on."""

    def agrees(self, lines: list[str]) -> bool:
        """Whether that is the store that is meant. Raises NotTaken where nobody can be asked."""

    def invitation(self) -> str:
        """The line that `dockd store invite` has printed. Raises NotTaken where nobody can be asked."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`url`: where the store is looked for; `pin`: what a person has named; `configured`: what the configuration names."""

    url: str
    files: Files
    person: Person
    pin: str | None
    configured: str | None

    def invited(self) -> Invitation | None:
        """The invitation of a run that was interrupted."""
        with contextlib.suppress(FileNotFoundError, NotTaken):
            return invitation(text_of(self.files.invitation))
        return None

    def is_ours(self, offer: Offer) -> bool:
        """Whether that store is the one that this dock has pinned, or was invited by: only that one is shown what the dock has."""
        return bool(self._named_before(offer))

    def _named_before(self, offer: Offer) -> list[str]:
        """The pins, of those that this dock has kept, by which that store is known."""
        left, before = self.invited(), kept(self.files.folder)
        keys = (*(before.keys if before is not None else ()), *((left.pin,) if left is not None else ()))
        return [key for key in keys if offer.known_by(key)]

    def with_offer(self, offer: Offer, *, invited: str | None) -> str:
        """Whom a person, an invitation or an earlier pin has named. Raises WrongStore, NotTaken."""
        store = offer.store
        explicit = [one for one in (self.pin, invited) if one is not None]
        named = explicit or ([self.configured] if self.configured is not None else [])
        for one in named:
            if not offer.known_by(one):
                raise WrongStore(
                    f"the store at {self.url} shows the key {', '.join(store.keys)}, and not {one}, nor is it vouched for by that one: nothing was told to it. "
                    "Is the address right? Ask its operator for the key (dockd store docks shows it)"
                )
        if offer.relayed:
            raise WrongStore(
                f"between this dock and the store at {self.url} somebody ends the line and begins another (the store shows another certificate than the one that came): "
                "nothing was told to it. A proxy that looks into TLS has to leave the store alone"
            )
        if named:
            return named[0]
        if known := self._named_before(offer):
            return known[0]
        raise WrongStore(f"nobody has named the store at {self.url}: nothing was told to it")

    async def with_identity(self, found: StoreIdentity, vouches: Vouches) -> str:
        """The same for any kind of store, by what it is known by."""
        named = [one for one in (self.pin or self.configured,) if one is not None]
        before = kept(self.files.folder)
        if not named and before is not None and before.id == found.id and before.keys:
            named = [before.keys[0]]
        if not named and before is not None and before.id == found.id:
            return found.id
        for one in named:
            known = [await vouches(key, (one,)) for key in found.keys] or [one == found.id]
            if not all(known):
                raise WrongStore(
                    f"the store at {found.url} is {found.id} {' '.join(found.keys)}, and not {one}: is the address right?"
                )
        if named:
            return named[0]
        return self._asked(
            [f"store {found.id} at {found.url}, proof by {found.method}", *(f"key {key}" for key in found.keys)],
            (*found.keys, found.id)[0],
        )

    def _asked(self, lines: list[str], pin: str) -> str:
        if not self.person.agrees(lines):
            raise NotTaken("that is not the store that is meant: nothing was told to it, and nothing was changed")
        return pin
