"""One camera in one place, for as long as it is there: what was seen of it, and why nothing may be deleted from it now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ingest.ledger.segments import Segment
from ingest.list import Seen
from ingest.model import CameraId, Skipped, Vitals, legible
from ingest.rules import EVERYTHING, FileRules
from ingest.volume import Volume

_IGNORED = "the camera's profile says that it is no footage"


@dataclass(kw_only=True)
class Visit:
    """`device` names the thing itself, `root` where it can be read, `place` the port or folder that has the bay's number. `taken`: it left before we ended.

    `ours`: the site has named it. `rules`: what its files are. `volume`: where it is mounted by us, None for a folder. `part_hidden`: what of it could not be mounted.
    `skipped`: what the last listing passed over; `unsafe`: why nothing may be deleted from it now, empty where it may; `locked`: why
    nothing can be (tried again at `locked_until`, CLOCK_MONOTONIC). `yielded`: it let others have their turn in the middle of a pass; `waits_for_room`: the dock has none for all of it. `suspect`: something failed since its volume was mounted, so it is mounted anew before anything is believed. `asked_at`: when it last told of itself, CLOCK_MONOTONIC.
    `patient`: it is there until it is taken, so what is written to it yet is waited for; `written`: how many passes in a row found such a file.
    `room`: bytes that it can still record, as it said at the last listing; None: not known.
    `clock_offset`: seconds that its clock was off when it was docked. `told(vitals)` is called with each word of the camera on its charge and clock.
    """

    camera: CameraId
    root: bytes
    bay: int | None = None
    place: str | None = None
    device: str = ""
    wipe: bool = True
    ours: bool = True
    rules: FileRules = EVERYTHING
    volume: Volume | None = None
    part_hidden: tuple[Skipped, ...] = ()
    vitals: Vitals = field(default_factory=Vitals)
    clock_offset: float | None = None
    room: int | None = None
    told: Callable[[Vitals], object] = lambda _vitals: None
    taken: bool = False
    docking: int = 0
    unstable: dict[str, int] = field(default_factory=dict)
    fruitless: int = 0
    workers_lost: int = 0
    unsettled_passes: int = 0
    last_seen: Seen | None = None
    listed_once: bool = False
    skipped: tuple[Skipped, ...] = ()
    unsafe: str = ""
    locked: str = ""
    locked_until: float = 0.0
    yielded: bool = False
    waits_for_room: bool = False
    suspect: bool = False
    patient: bool = False
    written: int = 0
    asked_at: float = 0.0
    unsettled: list[Segment] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, docking: int) -> None:
        """A docking of its own: nothing that was seen in an earlier one counts in it."""
        self.docking, self.last_seen, self.listed_once = docking, None, False
        self.written, self.unstable, self.fruitless, self.workers_lost, self.unsettled_passes = 0, {}, 0, 0, 0
        self.skipped, self.unsafe, self.locked, self.unsettled = (), "", "", []
        self.clock_offset, self.room, self.waits_for_room = None, None, False

    @property
    def hidden(self) -> tuple[Skipped, ...]:
        """What was passed over and may have footage behind it."""
        return tuple(item for item in self.skipped if item.hides)

    def seen(self, found: Seen, *, known: Collection[bytes]) -> Seen:
        """A listing as this camera's rules see it: what they call no footage was passed over, and so was what could not be mounted.

        `known`: paths at which the ledger has segments: rules that changed since make none of them vanish.
        """
        ignored = [one for one in found.files if self.rules.kind(one.path) == "ignorable" and one.path not in known]
        if not ignored and not self.part_hidden:
            return found
        passed = tuple(Skipped(path=one.path, kind="ignored", message=_IGNORED) for one in ignored)
        there = set(ignored)
        files = tuple(one for one in found.files if one not in there)
        return replace(found, files=files, skipped=(*found.skipped, *passed, *self.part_hidden))

    def to_wipe(self, mine: Iterable[Segment]) -> list[Segment]:
        """Of these segments, those that are proven, still on it, and may be deleted by name."""
        return [
            one for one in mine
            if one.on_camera and one.in_store and one.held is None and self.rules.wiped(one.path)
        ]  # fmt: skip


def alone(visit: Visit, mine: Sequence[Segment]) -> tuple[str, str] | None:
    """Something of which the camera may hold the only copy, and why it was not copied; None if there is nothing like that."""
    for one in mine:
        if one.on_camera and not one.in_spool and not one.in_store:
            return legible(one.path), one.held_message or "it was not copied yet"
    for item in visit.hidden:
        return legible(item.path), item.message
    for one in visit.unsettled:
        return legible(one.path), "what lies there now could not be read"
    return None
