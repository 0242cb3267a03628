"""What is shown, as values: one moment of everything, and one document that is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dockd.page.documents import Document


@dataclass(frozen=True, kw_only=True)
class Change:
    """One document that is new: `kind` is bay, status or problem."""

    sequence: int
    kind: str
    document: Document


@dataclass(frozen=True, kw_only=True)
class Room:
    """The spool's disk: bytes that may still be used, and bytes in all; None where the disk does not say."""

    free: int | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is expected of a docking: when it is ready and when its charge will do (seconds since the epoch), and why its battery is thought not to charge."""

    docking: int = 0
    ready_at: float | None = None
    charge_ready_at: float | None = None
    will_not_charge: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is so. `status` without what changes by itself (`time`, the oldest segment's age); `oldest_at` seconds since the epoch; `changed_at`: at which sequence each
    bay became what it is."""

    sequence: int = 0
    status: Document = field(default_factory=dict)
    bays: Mapping[int, Document] = field(default_factory=dict)
    changed_at: Mapping[int, int] = field(default_factory=dict)
    problems: tuple[Document, ...] = ()
    oldest_at: float | None = None
    unconfirmed_segments: int = 0
    unconfirmed_bytes: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    room: Room = Room()


def same_status(one: Document, other: Document) -> bool:
    """Whether nobody needs to be told: room on a disk that others use too is told with the next change, not as one."""
    return _worth_telling(one) == _worth_telling(other)


def _worth_telling(status: Document) -> Document:
    if not status:
        return {}
    spool = status["spool"]
    free = spool["free_bytes"]
    store = {key: value for key, value in status["store"].items() if key != "last_success"}
    return {
        **status,
        "spool": {**spool, "free_bytes": None if free is None else free >> 26, "days_left": None},
        "store": store,
    }
