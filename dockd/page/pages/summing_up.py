"""What is said of all bays at once, and how a problem looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockd.page.documents import Document
from dockd.page.language import said
from dockd.page.looks import LOOKS, Look, Shape, Tone
from dockd.page.moments import clock

_OF_PROBLEMS: Mapping[str, Look] = {str(state): look for state, look in LOOKS.items()}
_PLAIN = LOOKS["copy_failed"]
# What waits for the line or the site, and endangers no footage.
_MILD = frozenset({"store_down", "spool_full", "registry_unread", "usb_trouble", "dock_unwatched"})


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many bays there are of a kind, `show` its name in addresses, and how it is drawn."""

    show: str
    word: str
    count: int
    shape: Shape
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a sergeant does with a bay, or who it is that may go out only if cameras are short."""

    show: str
    word: str
    shape: Shape
    tone: Tone


KINDS: tuple[Kind, ...] = (
    Kind(show="take", word=said("Take"), shape="circle", tone="green"), Kind(show="usable", word=said("May go out"), shape="ring", tone="green"),
    Kind(show="leave", word=said("Leave"), shape="square", tone="blue"), Kind(show="act", word=said("Act"), shape="octagon", tone="red"),
    Kind(show="none", word=said("Empty and others"), shape="outline", tone="grey"),
)  # fmt: skip


def kind_of(bay: Document) -> str:
    """The `show` of its kind."""
    return "usable" if bay["state"] == "usable" else str(bay["verb"])


def key(bays: Iterable[Document]) -> list[Count]:
    """How many there are of each kind; it is the key to the shapes and colours below it. `usable` only where there are any."""
    found = [kind_of(bay) for bay in bays]
    return [
        Count(show=kind.show, word=kind.word, count=found.count(kind.show), shape=kind.shape, tone=kind.tone)
        for kind in KINDS
        if kind.show != "usable" or "usable" in found
    ]


def next_ready(status: Mapping[str, Any], bays: Sequence[Document]) -> str:
    """When the next camera should be ready, and where; that it cannot be told yet; empty where none is on its way."""
    coming = [bay for bay in bays if bay["verb"] == "leave"]
    known = min((bay for bay in coming if bay.get("ready_at")), key=lambda bay: str(bay["ready_at"]), default=None)
    if status["trouble"] or not coming:
        return ""
    if known is None:
        return said("When the next one is ready cannot be told yet.")
    return said("The next one at about {time}, in bay {bay}.", time=clock(known["ready_at"]), bay=known["number"])


def at_most(problems: Sequence[Document], most: int) -> list[Document]:
    """As many as there is room for, in their order: what is of the whole rack is never cut, for nothing else on a page of bays says it."""
    of_rack = sum(one["bay"] is None and one["camera"] is None for one in problems)
    room = max(0, most - of_rack)
    found = []
    for one in problems:
        if one["bay"] is None and one["camera"] is None:
            found.append(one)
        elif room:
            room -= 1
            found.append(one)
    return found


def looked_at(problem: Document) -> Document:
    """The problem with its `look`: shape and tone."""
    mild = LOOKS["clock_wrong"] if problem["problem"] in _MILD else _PLAIN
    look = _OF_PROBLEMS.get(problem["problem"], mild)
    return {**problem, "look": {"shape": look.shape, "tone": look.tone}}
