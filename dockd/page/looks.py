"""The states of a bay, and how each is told: a word, a verb, a shape and a colour. Pure; the words are those of the sergeant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
    "ready": Look(word="Take", verb="take", shape="circle", tone="green"),
    "usable": Look(word="May go out", verb="take", shape="ring", tone="green"),
    "reading": Look(word="Checking", verb="leave", shape="square", tone="blue"),
    "queued": Look(word="Waiting to copy", verb="leave", shape="square", tone="blue"),
    "copying": Look(word="Copying", verb="leave", shape="square", tone="blue"),
    "unconfirmed": Look(word="Copied, not confirmed", verb="leave", shape="arrow", tone="blue"),
    "wiping": Look(word="Wiping", verb="leave", shape="square", tone="blue"),
    "charging": Look(word="Charging", verb="leave", shape="square", tone="blue"),
    "removed_early": Look(word="Put back", verb="act", shape="octagon", tone="red"),
    "copy_failed": Look(word="Fault", verb="act", shape="octagon", tone="red"),
    "integrity_failed": Look(word="Held", verb="act", shape="octagon", tone="red"),
    "store_refused": Look(word="Held", verb="act", shape="octagon", tone="red"),
    "clock_wrong": Look(word="Clock wrong", verb="act", shape="triangle", tone="yellow"),
    "not_ours": Look(word="Not ours", verb="act", shape="triangle", tone="yellow"),
    "will_not_charge": Look(word="Battery fault", verb="act", shape="triangle", tone="yellow"),
    "bay_fault": Look(word="Bay fault", verb="act", shape="triangle", tone="yellow"),
    "empty": Look(word="Empty", verb="none", shape="outline", tone="grey"),
    "out_of_use": Look(word="Out of use", verb="none", shape="hatched", tone="grey"),
    "unknown": Look(word="Not known", verb="none", shape="hatched", tone="grey"),
}
