"""The one registry of everything that can happen.

One event, many readers: the ledger commits it, custody chains it, the log prints it, metrics count it, the page shows it.
None of these can disagree, because all of them read the same frozen value.

Rules: fields are str, int, bool or None and lists of str (no floats: the custody record must be canonical); `action` is
stable for ever; `text` is a plain sentence over the fields. `custody=False` marks what says nothing of footage and is only
logged and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from ingest.model import whole_text

Level = Literal["debug", "info", "warning", "error"]
Outcome = Literal["success", "failure", "unknown"]
Value = str | int | bool | list[str] | None

REGISTRY: dict[str, type[Event]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses say what; `camera`, `segment` and `bay` say to whom where that makes sense."""

    action: ClassVar[str]
    text: ClassVar[str]
    level: ClassVar[Level]
    outcome: ClassVar[Outcome]
    custody: ClassVar[bool]

    camera: str | None = None
    segment: str | None = None
    bay: int | None = None

    def __init_subclass__(
        cls,
        *,
        action: str,
        text: str,
        level: Level = "info",
        outcome: Outcome = "success",
        custody: bool = True,
    ) -> None:
        super().__init_subclass__()
        if action in REGISTRY:
            raise ValueError(f"two events are called {action}")
        cls.action, cls.text, cls.level, cls.outcome, cls.custody = action, text, level, outcome, custody
        REGISTRY[action] = cls

    def __post_init__(self) -> None:
        """Whatever words came in from outside, every reader can write them down: here, because no event gets past this."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, str):
                object.__setattr__(self, f.name, whole_text(value))
            elif isinstance(value, list):
                object.__setattr__(self, f.name, [whole_text(one) for one in value])

    def data(self) -> dict[str, Value]:
        """The fields that are set, by name."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) is not None}

    def message(self) -> str:
        """The sentence for people."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return self.text.format_map({k: "?" if v is None else v for k, v in values.items()})


# -- the agent and its ledger ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AgentStarted(Event, action="agent.started", text="dockd {version} started"):
    version: str


@dataclass(frozen=True, kw_only=True)
class AgentStopped(Event, action="agent.stopped", text="dockd stopped"):
    pass


@dataclass(frozen=True, kw_only=True)
class CustodyOpened(Event, action="custody.opened", text="a new custody chain was opened, signed by key {key}"):
    key: str
    public: str


@dataclass(frozen=True, kw_only=True)
class CustodyRestored(
    Event,
    action="custody.restored",
    text="the ledger had gone back in time: a new chain begins after entry {store_seq}, which the store last saw",
    level="error",
    outcome="failure",
):
    store: str
    store_seq: int
    store_head: str
    own_seq: int
    own_head: str


# -- cameras -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CameraDocked(Event, action="camera.docked", text="camera {camera} was docked in bay {bay}"):
    docking: int
    profile: str
    serial: str
    card: str
    source: str


@dataclass(frozen=True, kw_only=True)
class CameraUndocked(Event, action="camera.undocked", text="camera {camera} left bay {bay}"):
    docking: int


@dataclass(frozen=True, kw_only=True)
class CameraRemovedEarly(
    Event,
    action="camera.removed_early",
    text="camera {camera} left bay {bay} before its footage was proven in the store: put it back",
    level="warning",
    outcome="failure",
):
    docking: int
    left: int


@dataclass(frozen=True, kw_only=True)
class CameraListed(Event, action="camera.listed", text="camera {camera}: {files} files, {bytes} bytes listed"):
    docking: int
    listing: int
    files: int
    bytes: int
    skipped: int


@dataclass(frozen=True, kw_only=True)
class CameraOtherCard(
    Event,
    action="camera.other_card",
    text="camera {camera}: none of its {expected} unfinished segments are there: this is another card, nothing is concluded of them",
    level="warning",
    outcome="unknown",
):
    expected: int


@dataclass(frozen=True, kw_only=True)
class CameraEmptied(
    Event, action="camera.emptied", text="camera {camera}: all its footage is in the store and gone from it"
):
    docking: int
    wiped: int


@dataclass(frozen=True, kw_only=True)
class CameraFailed(
    Event,
    action="camera.failed",
    text="camera {camera}: {error}",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str


@dataclass(frozen=True, kw_only=True)
class CameraUnsafe(
    Event,
    action="camera.not_wiped",
    text="camera {camera}: nothing is deleted from it while it may hold the only copy of {path}: {error}",
    level="warning",
    outcome="failure",
    custody=False,
):
    path: str
    error: str


@dataclass(frozen=True, kw_only=True)
class ClockMeasured(
    Event, action="camera.clock_measured", text="camera {camera}: its clock is {offset_seconds} s off the station's"
):
    docking: int
    offset_seconds: int


@dataclass(frozen=True, kw_only=True)
class ClockSet(
    Event, action="camera.clock_set", text="camera {camera}: its clock was {offset_seconds} s off and was set"
):
    offset_seconds: int


@dataclass(frozen=True, kw_only=True)
class FileSkipped(
    Event,
    action="file.skipped",
    text="camera {camera}: {path} is no footage ({kind}): {error}",
    level="warning",
    outcome="unknown",
):
    path: str
    kind: str
    error: str


# -- segments ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SegmentListed(Event, action="segment.listed", text="{path} was found on camera {camera}: {bytes} bytes"):
    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class SegmentSame(
    Event,
    action="segment.same",
    text="{path} on camera {camera} was read again and is what it was",
    level="debug",
    custody=False,
):
    path: str


@dataclass(frozen=True, kw_only=True)
class SegmentReappeared(
    Event,
    action="segment.reappeared",
    text="{path} is on camera {camera} again",
    level="warning",
    outcome="unknown",
):
    path: str


@dataclass(frozen=True, kw_only=True)
class SegmentCopied(
    Event,
    action="segment.copied",
    text="{path} was pulled from camera {camera} and verified by a second read",
):
    path: str
    bytes: int
    sha256: str
    xxh3_128: str
    second_read: str


@dataclass(frozen=True, kw_only=True)
class SegmentConfirmed(
    Event, action="segment.confirmed", text="the store has proven that it holds {path} of camera {camera}"
):
    path: str
    bytes: int
    sha256: str
    store: str
    object: str
    method: str
    stored_at: str
    receipt_sha256: str


@dataclass(frozen=True, kw_only=True)
class SegmentAttested(
    Event, action="segment.attested", text="the store has proven again that it holds segment {segment}"
):
    store: str
    nonce: str
    receipt_sha256: str


@dataclass(frozen=True, kw_only=True)
class SegmentWiped(Event, action="segment.wiped", text="{path} was deleted from camera {camera} and seen gone"):
    path: str
    bytes: int
    sha256: str
    permit: int
    seen: str


@dataclass(frozen=True, kw_only=True)
class SegmentReleased(Event, action="segment.released", text="the spool's copy of segment {segment} was given up"):
    pass


@dataclass(frozen=True, kw_only=True)
class SegmentVanished(
    Event,
    action="segment.vanished",
    text="{path} is gone from camera {camera}, and not by dockd: {error}",
    level="warning",
    outcome="failure",
):
    path: str
    error: str


@dataclass(frozen=True, kw_only=True)
class SegmentRotted(
    Event,
    action="segment.rotted",
    text="the spool's copy of segment {segment} is no longer what was pulled: {error}",
    level="error",
    outcome="failure",
):
    error: str


@dataclass(frozen=True, kw_only=True)
class SegmentStoreLost(
    Event,
    action="segment.store_lost",
    text="the store no longer has segment {segment}: {error}",
    level="error",
    outcome="failure",
):
    store: str
    error: str


@dataclass(frozen=True, kw_only=True)
class SegmentLost(
    Event,
    action="segment.lost",
    text="SEGMENT LOST: no copy of {path} of camera {camera} is left anywhere",
    level="error",
    outcome="failure",
):
    path: str


@dataclass(frozen=True, kw_only=True)
class SegmentRecovered(
    Event,
    action="segment.recovered",
    text="segment {segment} was found in the spool and taken into the ledger",
    level="warning",
    outcome="unknown",
):
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SegmentHeld(
    Event,
    action="segment.held",
    text="{path} of camera {camera} is held: {error}",
    level="warning",
    outcome="failure",
):
    path: str
    reason: str
    error: str


@dataclass(frozen=True, kw_only=True)
class SegmentUnheld(Event, action="segment.unheld", text="segment {segment} is tried again"):
    pass


@dataclass(frozen=True, kw_only=True)
class SegmentDelayed(
    Event,
    action="segment.delayed",
    text="segment {segment}: {error}; next try in {seconds} s",
    level="warning",
    outcome="failure",
    custody=False,
):
    error: str
    seconds: int


# -- permits -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PermitIssued(
    Event, action="permit.issued", text="leave was given to delete {count} segments from camera {camera}"
):
    permit: int
    count: int
    segments: list[str]


@dataclass(frozen=True, kw_only=True)
class PermitClosed(
    Event, action="permit.closed", text="the leave to delete from camera {camera} ended: {wiped} deleted"
):
    permit: int
    wiped: int


# -- the store ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StorePinned(Event, action="store.pinned", text="the store {store} at {url} is pinned"):
    store: str
    url: str
    method: str
    keys: list[str]


@dataclass(frozen=True, kw_only=True)
class StoreKeyRotated(
    Event, action="store.key_rotated", text="the store {store} has a new key, signed by a pinned one"
):
    store: str
    keys: list[str]


@dataclass(frozen=True, kw_only=True)
class StoreHonest(Event, action="store.honest", text="the store {store} refused wrong bytes, as it must"):
    store: str


@dataclass(frozen=True, kw_only=True)
class StoreCaught(
    Event,
    action="store.dishonest",
    text="the store {store} is not to be believed: {error}. Nothing is deleted until a person pins it anew",
    level="error",
    outcome="failure",
):
    store: str
    error: str


@dataclass(frozen=True, kw_only=True)
class StoreChanged(Event, action="store.state", text="the store is {state}: {error}", outcome="unknown", custody=False):
    state: str
    error: str


# -- the dock's own room and workers -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SpoolWaits(
    Event,
    action="spool.full",
    text="dock room is full: {free_bytes} bytes are free and {keep_free} must stay so; cameras wait until the store has taken more",
    level="warning",
    outcome="failure",
    custody=False,
):
    free_bytes: int
    keep_free: int


@dataclass(frozen=True, kw_only=True)
class SpoolGoesOn(Event, action="spool.room", text="there is room on the dock again", custody=False):
    free_bytes: int


@dataclass(frozen=True, kw_only=True)
class WorkerLost(
    Event,
    action="worker.lost",
    text="the worker that read camera {camera} ended: {error}; it is replaced",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str
