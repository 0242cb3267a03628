"""The states of a bay, and how each is told: a word, a verb, a shape and a colour. Pure; the words are those of the sergeant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dockd.page.language import said

BayState = Literal[
    "empty", "reading", "queued", "copying", "unconfirmed", "usable", "wiping", "charging", "ready", "removed_early", "copy_failed",
    "integrity_failed", "store_refused", "clock_wrong", "not_ours", "will_not_charge", "bay_fault", "out_of_use", "unknown",
]  # fmt: skip
Verb = Literal["take", "leave", "act", "none"]
Shape = Literal["circle", "ring", "square", "arrow", "octagon", "triangle", "outline", "hatched"]
Tone = Literal["green", "blue", "amber", "red", "yellow", "grey"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a state is told: its word, the verb for whoever stands before it, a shape and a colour (never the colour alone)."""

    word: str
    verb: Verb
    shape: Shape
    tone: Tone


LOOKS: Mapping[BayState, Look] = {
    "ready": Look(word=said("Take"), verb="take", shape="circle", tone="green"),
    "usable": Look(word=said("May go out"), verb="take", shape="ring", tone="green"),
    "reading": Look(word=said("Checking"), verb="leave", shape="square", tone="blue"),
    "queued": Look(word=said("Waiting to copy"), verb="leave", shape="square", tone="blue"),
    "copying": Look(word=said("Copying"), verb="leave", shape="square", tone="blue"),
    "unconfirmed": Look(word=said("Copied, not confirmed"), verb="leave", shape="arrow", tone="blue"),
    "wiping": Look(word=said("Wiping"), verb="leave", shape="square", tone="blue"),
    "charging": Look(word=said("Charging"), verb="leave", shape="square", tone="blue"),
    "removed_early": Look(word=said("Put back"), verb="act", shape="octagon", tone="red"),
    "copy_failed": Look(word=said("Fault"), verb="act", shape="octagon", tone="red"),
    "integrity_failed": Look(word=said("Held"), verb="act", shape="octagon", tone="red"),
    "store_refused": Look(word=said("Held"), verb="act", shape="octagon", tone="red"),
    "clock_wrong": Look(word=said("Clock wrong"), verb="act", shape="triangle", tone="yellow"),
    "not_ours": Look(word=said("Not ours"), verb="act", shape="triangle", tone="yellow"),
    "will_not_charge": Look(word=said("Battery fault"), verb="act", shape="triangle", tone="yellow"),
    "bay_fault": Look(word=said("Bay fault"), verb="act", shape="triangle", tone="yellow"),
    "empty": Look(word=said("Empty"), verb="none", shape="outline", tone="grey"),
    "out_of_use": Look(word=said("Out of use"), verb="none", shape="hatched", tone="grey"),
    "unknown": Look(word=said("Not known"), verb="none", shape="hatched", tone="grey"),
}
