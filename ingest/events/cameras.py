"""What happens to a camera as a whole, and leave to delete from it."""

from __future__ import annotations

from ingest.events.base import Event, event


@event
class CameraDocked(Event, action="camera.docked", text="camera {camera} was docked in bay {bay}"):
    docking: int
    profile: str
    serial: str
    card: str
    source: str


@event
class CameraUndocked(Event, action="camera.undocked", text="the docking of camera {camera} in bay {bay} is over"):
    docking: int


@event
class CameraRemovedEarly(
    Event,
    action="camera.removed_early",
    text="camera {camera} left bay {bay} before its footage was proven in the store: put it back",
    level="warning",
    outcome="failure",
):
    docking: int
    left: int


@event
class CameraWentOut(
    Event,
    action="camera.went_out",
    text="camera {camera} left bay {bay} with {left} segments on it that are safe on the dock: it is emptied when it comes back",
):
    docking: int
    left: int


@event
class CameraListed(Event, action="camera.listed", text="camera {camera}: {files} files, {bytes} bytes listed"):
    docking: int
    listing: int
    files: int
    bytes: int
    skipped: int


@event
class CameraOtherCard(
    Event,
    action="camera.other_card",
    text="camera {camera}: none of its {expected} unfinished segments are there: this is another card, nothing is concluded of them",
    level="warning",
    outcome="unknown",
):
    expected: int


@event
class CameraEmptied(
    Event, action="camera.emptied", text="camera {camera}: all its footage is in the store and gone from it"
):
    docking: int
    wiped: int


@event
class CameraFailed(
    Event,
    action="camera.failed",
    text="camera {camera}: {error}",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str


@event
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


@event
class ClockMeasured(
    Event, action="camera.clock_measured", text="camera {camera}: its clock is {offset_seconds} s off the station's"
):
    docking: int
    offset_seconds: int


@event
class ClockSet(
    Event, action="camera.clock_set", text="camera {camera}: its clock was {offset_seconds} s off and was set"
):
    offset_seconds: int


@event
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


@event
class PermitIssued(
    Event, action="permit.issued", text="leave was given to delete {count} segments from camera {camera}"
):
    permit: int
    count: int
    segments: list[str]


@event
class PermitClosed(
    Event, action="permit.closed", text="the leave to delete from camera {camera} ended: {wiped} deleted"
):
    permit: int
    wiped: int
