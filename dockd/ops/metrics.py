"""Metrics: counters fed by the one event registry, gauges looked at when somebody scrapes. docs/monitoring.md lists every name.

Rules kept here: a registry of its own, nothing of the process's global one; no serial, name or path in a label; a label's values are
a closed set; what cannot be known now is NaN or absent, never a figure that would look like good news.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from ingest import events
from ingest.standing import StoreWord

_LAG = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"})
_OF_A_SHARE = frozenset(
    {"WHO", "BEGIN", "LOOK", "TAKE", "FINISH", "READ", "PART", "LAY"}
)  # what is asked of a store that is a folder
HELD_REASONS = (
    "copy_failed", "integrity_failed", "source_unstable", "not_deletable", "store_refused", "unproven", "dishonest", "spool_rotted", "spool_spoils",
    "spool_unread", "in_doubt", "store_lost", "other",
)  # fmt: skip
STORE_STATES: tuple[str, ...] = get_args(StoreWord)
CERTIFICATES = ("client", "page", "store", "store_ca")


@dataclass(frozen=True, kw_only=True)
class Gauges:
    """What is so at the moment of a scrape. None: not known. Times are seconds since the epoch; `uploaded_bytes` and `log_lines_lost` so far in this run.

    `known`: the ledger can be read; where it cannot, nothing of it is zero. `problems`: how many there are of every kind, `problems_since` the oldest of each
    that is there. `certificates`: when each ends. `ended_before`: whether the run before ended by itself.
    """

    known: bool = True
    bays: Mapping[str, int] = field(default_factory=dict)
    oldest_unconfirmed: float | None = None
    unconfirmed_bytes: int = 0
    unconfirmed_segments: int = 0
    backlog_bytes: int = 0
    backlog_segments: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    lost_segments: int = 0
    in_doubt_segments: int = 0
    cameras_away: int = 0
    needs_action: int = 0
    store_state: str = "unknown"
    store_last_success: float | None = None
    spool_free: int | None = None
    spool_size: int | None = None
    spool_days_left: float | None = None
    problems: Mapping[str, int] = field(default_factory=dict)
    problems_since: Mapping[str, float] = field(default_factory=dict)
    uploaded_bytes: int = 0
    bandwidth_limit: float | None = None
    clock_synchronised: bool | None = None
    custody_sequence: int | None = None
    log_lines_lost: int = 0
    ended_before: bool | None = None
    certificates: Mapping[str, float] = field(default_factory=dict)


class Metrics:
    """`hear` is a subscriber of the ledger; `render(gauges)` the exposition."""

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self._pulled = Counter("dockd_pulled_bytes_total", "Bytes copied from cameras and verified.", registry=own)
        self._uploaded = Counter(
            "dockd_uploaded_bytes_total", "Bytes sent to the store, resent ones too.", registry=own
        )
        self._confirmed = Counter("dockd_confirmed_segments_total", "Segments that the store has proven.", registry=own)
        self._wiped = Counter(
            "dockd_wiped_segments_total", "Segments deleted from cameras and seen gone.", registry=own
        )
        self._integrity = Counter(
            "dockd_integrity_failures_total",
            "Bytes that were not what they must be: two reads that differ, a rotted copy, a store that lost or misstated a segment.",
            registry=own,
        )
        self._request = Histogram(
            "dockd_store_request_duration_seconds", "Requests to the store, until its answer began.", ["method"],
            buckets=_REQUEST, registry=own,
        )  # fmt: skip
        for method in ("GET", "HEAD", "POST", "PATCH"):
            self._request.labels(method=method)  # there from the start, so that a rate has something to begin at
        self._lag = Histogram(
            "dockd_event_loop_lag_seconds", "By how much the event loop was late.", buckets=_LAG, registry=own
        )
        build = Gauge("dockd_build_info", "What runs here.", ["version", "python"], registry=own)
        build.labels(version=version, python=".".join(map(str, sys.version_info[:3]))).set(1)
        Gauge("dockd_start_time_seconds", "When this run began.", registry=own).set(time.time())
        self._reload_well = Gauge(
            "dockd_config_last_reload_successful",
            "Whether the configuration was right when it was last read.",
            registry=own,
        )
        self._reloaded_at = Gauge(
            "dockd_config_last_reload_success_timestamp_seconds", "When it was last read and right.", registry=own
        )
        self.reloaded(well=True)  # it was read to start with
        ProcessCollector(registry=own)
        self._now = _Now()
        own.register(self._now)
        self._sent = 0

    def hear(self, event: events.Event, _seq: int) -> None:
        """Count what happened."""
        match event:
            case events.SegmentCopied():
                self._pulled.inc(event.bytes)
            case events.SegmentConfirmed():
                self._confirmed.inc()
            case events.SegmentWiped():
                self._wiped.inc()
            case events.SegmentRotted() | events.SegmentStoreLost() | events.StoreCaught():
                self._integrity.inc()
            case events.SegmentHeld(reason="integrity_failed"):
                self._integrity.inc()
            case _:
                pass

    def request(self, method: str, seconds: float) -> None:
        """A request to the store took so long."""
        self._request.labels(method=method if method in _METHODS | _OF_A_SHARE else "other").observe(seconds)

    def reloaded(self, *, well: bool) -> None:
        """The configuration was read; `well`: all of it, and what it names, was right."""
        self._reload_well.set(int(well))
        if well:
            self._reloaded_at.set(time.time())

    def lag(self, seconds: float) -> None:
        """The event loop was late by so much."""
        self._lag.observe(seconds)

    def render(self, gauges: Gauges) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        self._uploaded.inc(max(0, gauges.uploaded_bytes - self._sent))
        self._sent = max(self._sent, gauges.uploaded_bytes)
        self._now.gauges = gauges
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _Now(Collector):
    """The gauges of one scrape."""

    def __init__(self) -> None:
        self.gauges = Gauges()

    def collect(self) -> Iterator[Metric]:
        """Every gauge."""
        now = self.gauges
        yield from self._of_bays(now)
        yield from self._of_the_ledger(now)
        yield from self._of_the_store(now)
        yield from self._of_the_dock(now)
        yield from self._of_problems(now)

    def _of_bays(self, now: Gauges) -> Iterator[Metric]:
        yield _by("dockd_bays", "Bays by state.", "state", now.bays)
        yield _one("dockd_cameras_ready", "Cameras that may be taken.", now.bays.get("ready", 0))
        yield _one("dockd_needs_action", "On how much of this rack somebody has to act.", now.needs_action)

    def _of_the_ledger(self, now: Gauges) -> Iterator[Metric]:
        def known(value: float | None) -> float | None:
            return value if now.known else None

        yield _one(
            "dockd_oldest_unconfirmed_capture_timestamp_seconds",
            "When the oldest footage that is not in the store was captured; NaN when there is none.", known(now.oldest_unconfirmed),
        )  # fmt: skip
        yield _one("dockd_unconfirmed_bytes", "Bytes that the store has not confirmed.", known(now.unconfirmed_bytes))
        yield _one("dockd_unconfirmed_segments", "Segments that the store has not confirmed.", known(now.unconfirmed_segments))  # fmt: skip
        yield _one("dockd_backlog_bytes", "Bytes that the store has not confirmed, that are here, and that go on by themselves.", known(now.backlog_bytes))  # fmt: skip
        yield _one("dockd_backlog_segments", "Segments that the store has not confirmed, that are here, and that go on by themselves.", known(now.backlog_segments))  # fmt: skip
        held = {reason: known(count) for reason, count in _closed(now.held).items()}
        yield _by("dockd_held_segments", "Segments kept until somebody acts, by reason.", "reason", held)
        yield _one("dockd_lost_segments", "Segments of which no copy is left anywhere.", known(now.lost_segments))
        yield _one("dockd_in_doubt_segments", "Segments for which the store is being asked, as no copy is known here.", known(now.in_doubt_segments))  # fmt: skip
        yield _one("dockd_cameras_away", "Cameras that are not here, with footage on them that is nowhere else.", known(now.cameras_away))  # fmt: skip
        yield _one("dockd_custody_sequence", "Number of the last entry of the custody record.", now.custody_sequence)

    def _of_the_store(self, now: Gauges) -> Iterator[Metric]:
        up = now.store_state in ("connected", "slow")
        yield _one("dockd_store_up", "Whether the store answers, is the pinned one, and is believed.", int(up))
        states = {state: int(state == now.store_state) for state in STORE_STATES}
        yield _by("dockd_store_state", "How the store stands: 1 for the state that is so.", "state", states)
        yield _one(
            "dockd_store_last_success_timestamp_seconds",
            "When the store last did what it was asked for; 0 before the first time in this run.", now.store_last_success or 0.0,
        )  # fmt: skip
        yield _one(
            "dockd_bandwidth_limit_bytes_per_second",
            "What may be sent to the store now; +Inf when there is no limit.",
            math.inf if now.bandwidth_limit is None else now.bandwidth_limit,
        )

    def _of_the_dock(self, now: Gauges) -> Iterator[Metric]:
        yield _one(
            "dockd_spool_free_bytes", "Bytes that the spool may still use, above spool.keep_free.", now.spool_free
        )
        yield _one("dockd_spool_size_bytes", "Bytes of the spool's disk.", now.spool_size)
        yield _one(
            "dockd_spool_days_left", "Days that the room lasts if the store takes nothing; NaN while that is not known.", now.spool_days_left,
        )  # fmt: skip
        if now.clock_synchronised is not None:
            yield _one(
                "dockd_clock_synchronised", "Whether the operating system holds its clock to be synchronised; absent where it does not say.",
                int(now.clock_synchronised),
            )  # fmt: skip
        lost = CounterMetricFamily("dockd_log_lines_lost", "Lines of the log that could not be written in this run.")
        lost.add_metric([], now.log_lines_lost)
        yield lost
        if now.ended_before is not None:
            yield _one(
                "dockd_last_run_ended_cleanly", "Whether the run before this one ended by itself, and was not killed; absent where that is not known.",
                int(now.ended_before),
            )  # fmt: skip
        ends = {name: ends for name, ends in now.certificates.items() if name in CERTIFICATES}
        yield _by("dockd_certificate_expiry_timestamp_seconds", "When a certificate ends that dockd works with.", "certificate", ends)  # fmt: skip

    def _of_problems(self, now: Gauges) -> Iterator[Metric]:
        """What is not there is not known to be so while the ledger cannot be read."""
        counts = {name: count if count or now.known else None for name, count in now.problems.items()}
        active = {name: None if count is None else int(count > 0) for name, count in counts.items()}
        yield _by("dockd_problem_active", "Whether a kind of problem is there.", "problem", active)
        yield _by("dockd_problems", "How many problems of a kind are there.", "problem", counts)
        yield _by(
            "dockd_problem_since_timestamp_seconds", "Since when the oldest problem of a kind is there; absent where there is none.", "problem",
            now.problems_since,
        )  # fmt: skip


def _closed(held: Mapping[str, int]) -> dict[str, int]:
    found = dict.fromkeys(HELD_REASONS, 0)
    for reason, count in held.items():
        found[reason if reason in found else "other"] += count
    return found


def _one(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=math.nan if value is None else value)


def _by(name: str, text: str, label: str, values: Mapping[str, float | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], math.nan if count is None else count)
    return family
