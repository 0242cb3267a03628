"""What happens to a segment."""

from __future__ import annotations

from ingest.events.base import Event, event


@event
class SegmentListed(Event, action="segment.listed", text="{path} was found on camera {camera}: {bytes} bytes"):
    path: str
    bytes: int
    mtime_ns: int


@event
class SegmentSame(
    Event,
    action="segment.same",
    text="{path} on camera {camera} was read again and is what it was",
    level="debug",
    custody=False,
):
    path: str


@event
class SegmentReappeared(
    Event,
    action="segment.reappeared",
    text="{path} is on camera {camera} again",
    level="warning",
    outcome="unknown",
):
    path: str
    mtime_ns: int | None = None


@event
class SegmentCopied(
    Event,
    action="segment.copied",
    text="{path} was pulled from camera {camera} and verified by a second read",
):
    """`captured_at` by the camera's clock, RFC 3339; `clock_offset_ms` camera minus station, where it is known. None in older entries."""

    path: str
    bytes: int
    sha256: str
    xxh3_128: str
    second_read: str
    mtime_ns: int | None = None
    captured_at: str | None = None
    clock_offset_ms: int | None = None


@event
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


@event
class SegmentAttested(
    Event, action="segment.attested", text="the store has proven again that it holds segment {segment}"
):
    store: str
    nonce: str
    receipt_sha256: str


@event
class SegmentWiped(Event, action="segment.wiped", text="{path} was deleted from camera {camera} and seen gone"):
    path: str
    bytes: int
    sha256: str
    permit: int
    seen: str


@event
class SegmentReleased(Event, action="segment.released", text="the spool's copy of segment {segment} was given up"):
    pass


@event
class SegmentVanished(
    Event,
    action="segment.vanished",
    text="{path} is gone from camera {camera}, and not by dockd: {error}",
    level="warning",
    outcome="failure",
):
    path: str
    error: str


@event
class SegmentRotted(
    Event,
    action="segment.rotted",
    text="the spool's copy of segment {segment} is no longer what was pulled: {error}",
    level="error",
    outcome="failure",
):
    error: str


@event
class SegmentStoreLost(
    Event,
    action="segment.store_lost",
    text="the store no longer has segment {segment}: {error}",
    level="error",
    outcome="failure",
):
    store: str
    error: str


@event
class SegmentLost(
    Event,
    action="segment.lost",
    text="SEGMENT LOST: no copy of {path} of camera {camera} is left anywhere",
    level="error",
    outcome="failure",
):
    path: str


@event
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
    xxh3_128: str | None = None
    mtime_ns: int | None = None
    captured_at: str | None = None


@event
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


@event
class SegmentUnheld(Event, action="segment.unheld", text="segment {segment} is tried again"):
    pass


@event
class SegmentEvidential(
    Event,
    action="segment.evidential",
    text="{path} of camera {camera} is evidence: it goes before all that is not (marked by {by})",
):
    """`by`: who marked it; None in entries from before dockd recorded it."""

    path: str
    by: str | None = None


@event
class SegmentMarkedAtStore(
    Event,
    action="segment.marked_at_store",
    text="the store {store} knows that {path} of camera {camera} is evidence",
):
    path: str
    store: str
    object: str


@event
class SegmentNotMarkable(
    Event,
    action="segment.not_markable",
    text="{path} of camera {camera} is evidence, and the store {store} has no way of its own to mark it: its operator has to be told",
    level="warning",
    outcome="failure",
):
    path: str
    store: str
    object: str


@event
class SegmentMovedUp(
    Event,
    action="segment.moved_up",
    text="{path} of camera {camera} was moved to the top of the queue by hand (by {by})",
):
    """`by`: who moved it; None in entries from before dockd recorded it."""

    path: str
    by: str | None = None


@event
class SegmentTriedAgain(
    Event,
    action="segment.tried_again",
    text="{by} had {path} of camera {camera} tried again, which was held ({reason})",
):
    path: str
    reason: str
    by: str


@event
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


@event
class SegmentFoundInStore(
    Event,
    action="segment.found_in_store",
    text="the store has proven that it holds {path} of camera {camera}, of which this ledger did not know",
    level="warning",
    outcome="unknown",
):
    path: str
    bytes: int
    sha256: str
    store: str
    object: str
    method: str
    stored_at: str
    receipt_sha256: str
