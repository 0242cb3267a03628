"""The agent, its ledger and clock, its own room and workers."""

from __future__ import annotations

from ingest.events.base import Event, event


@event
class AgentStarted(Event, action="agent.started", text="dockd {version} started"):
    version: str


@event
class AgentStopped(Event, action="agent.stopped", text="dockd stopped"):
    pass


@event
class WipingOff(Event, action="settings.wiping_off", text="cameras are not emptied from now on"):
    """The site does not want it: said where a reload changes it, and at a start where the record says otherwise. No permit is written after it."""


@event
class WipingOn(
    Event,
    action="settings.wiping_on",
    text="cameras are emptied from now on, what was confirmed {seconds} s ago or earlier",
):
    """The site wants it: said where a reload changes it, and at a start where the record says otherwise."""

    seconds: int


@event
class CustodyOpened(Event, action="custody.opened", text="a new custody chain was opened, signed by key {key}"):
    key: str
    public: str
    dock: str | None = None


@event
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


@event
class CustodyKeyRotated(
    Event,
    action="custody.key_rotated",
    text="from here on the dock signs with the key {key}, which the key {before} has signed for",
):
    key: str
    public: str
    before: str
    proof: str


@event
class LedgerRebuilt(
    Event,
    action="ledger.rebuilt",
    text="the ledger could not be used ({reason}): a new one was made, and what is in the spool taken in; what was left of the old one is kept as: {aside}",
    level="error",
    outcome="failure",
):
    reason: str
    aside: str


@event
class DockDecommissioned(
    Event,
    action="dock.decommissioned",
    text="this dock was taken out of service: what it copied is proven in the store; {left} segments stay on cameras alone",
):
    left: int
    older: list[str] | None = None


@event
class DockDecommissionCancelled(
    Event,
    action="dock.decommission_cancelled",
    text="this dock is not out of service: that was begun, and not done to its end ({reason})",
    level="warning",
):
    reason: str


@event
class LedgerUpgraded(
    Event,
    action="ledger.upgraded",
    text="the ledger of an older dockd ({before}) was brought up to this one ({after}); as it was, it is kept as: {kept}",
):
    before: str
    after: str
    kept: str


@event
class LedgerWentBack(
    Event,
    action="ledger.went_back",
    text="the ledger ends with entry {own_seq}, but its record had ended with entry {lost_seq} before: it went back in time, and what came after is not in it",
    level="error",
    outcome="failure",
):
    lost_seq: int
    lost_head: str
    own_seq: int
    own_head: str


@event
class ClockJumped(
    Event,
    action="clock.jumped",
    text="the station's clock was set by {seconds} s (synchronised: {synchronised}): times before and after this entry are not of one clock",
    level="warning",
    outcome="unknown",
):
    seconds: int
    synchronised: bool
    boot: str | None = None
    boottime_ms: int | None = None


@event
class ClockTrust(
    Event,
    action="clock.trust",
    text="the station's clock is synchronised: {synchronised} ({error})",
    outcome="unknown",
):
    synchronised: bool
    error: str
    boot: str | None = None
    boottime_ms: int | None = None


@event
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


@event
class SpoolGoesOn(Event, action="spool.room", text="there is room on the dock again", custody=False):
    free_bytes: int


@event
class LedgerFails(
    Event,
    action="ledger.failed",
    text="{error}; cameras are not touched meanwhile",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str


@event
class LedgerWorks(Event, action="ledger.works", text="the ledger can be written again", custody=False):
    pass


@event
class SpoolFails(
    Event,
    action="spool.failed",
    text="{error}; cameras keep their footage, and wait",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str


@event
class SpoolWorks(Event, action="spool.works", text="the dock's own disk takes footage again", custody=False):
    pass


@event
class WorkerLost(
    Event,
    action="worker.lost",
    text="the worker that read camera {camera} ended: {error}; it is replaced",
    level="error",
    outcome="failure",
    custody=False,
):
    error: str


@event
class BandwidthChanged(
    Event, action="bandwidth.changed", text="what dockd may send is now: {limit} (by: {source})", custody=False
):
    limit: str
    source: str


@event
class BandwidthOverridden(
    Event,
    action="bandwidth.overridden",
    text="what dockd may send was set by hand: {limit}, until {until} (by {by})",
):
    """`by`: who set it; None in entries from before dockd recorded it."""

    limit: str
    until: str
    by: str | None = None


@event
class BandwidthLifted(
    Event, action="bandwidth.lifted", text="the limit that was set by hand holds no longer: {reason}"
):
    """`by`: who lifted it; None where its time was over."""

    reason: str
    by: str | None = None
