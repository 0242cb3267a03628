"""What is said of all bays at once, and how a problem looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockd.page.documents import Document
from dockd.page.language import said
from dockd.page.looks import LOOKS, Look, Shape, Tone, Verb
from dockd.page.moments import clock

_OF_PROBLEMS: Mapping[str, Look] = {str(state): look for state, look in LOOKS.items()}
_PLAIN = LOOKS["copy_failed"]
# What waits for the line or the site, and endangers no footage.
_MILD = frozenset({"store_down", "spool_full", "registry_unread", "usb_trouble", "dock_unwatched"})


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many bays there are of a verb, and how that is drawn."""

    verb: Verb
    word: str
    count: int
    shape: Shape
    tone: Tone


_VERBS: tuple[tuple[Verb, str, Shape, Tone], ...] = (
    ("take", said("Take"), "circle", "green"), ("leave", said("Leave"), "square", "blue"), ("act", said("Act"), "octagon", "red"),
    ("none", said("Empty or not in use"), "outline", "grey"),
)  # fmt: skip


def key(bays: Iterable[Document]) -> list[Count]:
    """How many to take, to leave, to act on: it is the key to the shapes and colours below it."""
    verbs = [bay["verb"] for bay in bays]
    return [Count(verb=verb, word=word, count=verbs.count(verb), shape=shape, tone=tone) for verb, word, shape, tone in _VERBS]  # fmt: skip


def next_ready(status: Mapping[str, Any], bays: Sequence[Document]) -> str:
    """When the next camera should be ready, and where; that it cannot be told yet; empty where none is on its way."""
    coming = [bay for bay in bays if bay["verb"] == "leave"]
    known = min((bay for bay in coming if bay.get("ready_at")), key=lambda bay: str(bay["ready_at"]), default=None)
    if status["trouble"] or not coming:
        return ""
    if known is None:
        return said("When the next one is ready cannot be told yet.")
    return said("The next one at about {time}, in bay {bay}.", time=clock(known["ready_at"]), bay=known["number"])


def looked_at(problem: Document) -> Document:
    """The problem with its `look`: shape and tone."""
    mild = LOOKS["clock_wrong"] if problem["problem"] in _MILD else _PLAIN
    look = _OF_PROBLEMS.get(problem["problem"], mild)
    return {**problem, "look": {"shape": look.shape, "tone": look.tone}}
