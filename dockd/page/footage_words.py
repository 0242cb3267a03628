"""Where a segment is and what may be done about it, as people are told; and what happened, entry by entry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dockd.page.entry_words import by_words, camera_name, entry_words, shown
from dockd.page.language import english, said
from dockd.page.looks import Shape, Tone
from ingest.events import REGISTRY, Event
from ingest.ledger.history import Record
from ingest.ledger.segments import IN_DOUBT, Segment


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it is: a word, a sentence, and how that looks."""

    word: str
    text: str
    shape: Shape
    tone: Tone


def place_of(segment: Segment, *, bay: int | None) -> Place:
    """`bay`: where its camera is now, None where it is not here."""
    if segment.in_store and segment.held is None:
        return Place(
            word=said("In the store"), text=said("The central store has it, and has proven that."), shape="circle", tone="green"
        )  # fmt: skip
    if segment.held == IN_DOUBT:
        return Place(
            word=said("In doubt"), shape="triangle", tone="yellow",
            text=said("No copy of it is known here; the central store is asked whether it has it."),
        )  # fmt: skip
    if not segment.copies:
        return Place(word=said("Lost"), text=said("No copy of it is left anywhere."), shape="octagon", tone="red")
    if segment.held is not None:
        return Place(word=said("Held"), text=_held(segment, bay=bay), shape="octagon", tone="red")
    if segment.in_spool and segment.on_camera and bay is not None:
        return Place(
            word=said("On the dock and its camera"), shape="arrow", tone="blue",
            text=said("A checked copy is on this dock, and waits to be sent to the store. It is still on its camera too, in bay {bay}.", bay=bay),
        )  # fmt: skip
    if segment.in_spool:
        return Place(
            word=said("On the dock"), text=said("A checked copy is on this dock, and waits to be sent to the store."),
            shape="arrow", tone="blue",
        )  # fmt: skip
    if bay is not None:
        return Place(
            word=said("On the camera alone"), text=said("It is on its camera in bay {bay}, and not copied yet.", bay=bay),
            shape="square", tone="blue",
        )  # fmt: skip
    return Place(
        word=said("On a camera that is not here"), text=said("It is on its camera alone, and that is not in a bay."),
        shape="octagon", tone="red",
    )  # fmt: skip


def _held(segment: Segment, *, bay: int | None) -> str:
    if segment.in_store:
        return said("The central store has it, and something is wrong with another copy of it.")
    if segment.in_spool:
        return said("It is kept on this dock, and does not go to the store before somebody has seen to it.")
    if bay is not None:
        return said("It is kept on its camera in bay {bay}: it could not be copied.", bay=bay)
    return said("It is on its camera alone, which is not in a bay, and it could not be copied.")


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One entry of the record for people: `at` RFC 3339; `segment` and `camera` where it is about one."""

    seq: int
    at: str
    words: str
    hash: str
    action: str
    camera: str | None = None
    segment: str | None = None
    bay: int | None = None
    bad: bool = False


def happened(record: Record) -> Happened:
    """As a sentence. An entry that no dockd here knows, or that is damaged, is told by its name."""
    data = record.data or {}
    event = REGISTRY.get(record.action)
    words: str
    if event is None or record.data is None:
        words = said("{action} (an entry that this dockd cannot put into words)", action=shown(record.action))
    else:
        words = entry_words(record.action, data) or english(_logged(event, data))
    bay = data.get("bay")
    return Happened(
        seq=record.seq, at=record.at, words=words, hash=record.hash, action=record.action, camera=_text(data, "camera"),
        segment=_text(data, "segment"), bay=bay if isinstance(bay, int) else None,
        bad=event is not None and event.level in ("warning", "error"),
    )  # fmt: skip


def _logged(event: type[Event], data: Mapping[str, Any]) -> str:
    """As the log says it: what is not for the record has no other sentence."""
    return event.text.format_map({one.name: shown(data.get(one.name)) for one in fields(event)})


def _text(data: Mapping[str, Any], name: str) -> str | None:
    found = data.get(name)
    return found if isinstance(found, str) and found else None


__all__ = ["Happened", "Place", "by_words", "camera_name", "happened", "place_of", "shown"]
