"""Metrics: counters fed by the one event registry, gauges looked at when somebody scrapes. The names are those of docs/api.md.

Rules kept here: a registry of its own, nothing of the process's global one; no serial, name or path in a label; a label's values are
a closed set.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ingest import events

_LAG = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"})
_OF_A_SHARE = frozenset(
    {"WHO", "BEGIN", "LOOK", "TAKE", "FINISH", "READ", "PART", "LAY"}
)  # what is asked of a store that is a folder
HELD_REASONS = (
    "copy_failed", "integrity_failed", "source_unstable", "not_deletable", "store_refused", "unproven", "dishonest", "spool_rotted", "spool_spoils", "other",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Gauges:
    """What is so at the moment of a scrape. None: not known. `uploaded_bytes` so far in this run."""

    bays: Mapping[str, int] = field(default_factory=dict)
    oldest_unconfirmed: float | None = None
    unconfirmed_bytes: int = 0
    unconfirmed_segments: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    store_up: bool = False
    store_last_success: float | None = None
    spool_free: int | None = None
    spool_size: int | None = None
    problems: Mapping[str, bool] = field(default_factory=dict)
    uploaded_bytes: int = 0
    bandwidth_limit: float | None = None


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

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge."""
        now = self.gauges
        yield _by("dockd_bays", "Bays by state.", "state", now.bays)
        yield _one("dockd_cameras_ready", "Cameras that may be taken.", now.bays.get("ready", 0))
        yield _one(
            "dockd_oldest_unconfirmed_capture_timestamp_seconds",
            "When the oldest footage that is not in the store was captured; NaN when there is none.", now.oldest_unconfirmed,
        )  # fmt: skip
        yield _one("dockd_unconfirmed_bytes", "Bytes that the store has not confirmed.", now.unconfirmed_bytes)
        yield _one("dockd_unconfirmed_segments", "Segments that the store has not confirmed.", now.unconfirmed_segments)
        yield _by("dockd_held_segments", "Segments kept until somebody acts, by reason.", "reason", _closed(now.held))
        yield _one(
            "dockd_store_up", "Whether the store answers, is the pinned one, and is believed.", int(now.store_up)
        )
        yield _one(
            "dockd_store_last_success_timestamp_seconds",
            "When the store last did what it was asked for; 0 before the first time in this run.", now.store_last_success or 0.0,
        )  # fmt: skip
        yield _one(
            "dockd_spool_free_bytes", "Bytes that the spool may still use, above spool.keep_free.", now.spool_free
        )
        yield _one("dockd_spool_size_bytes", "Bytes of the spool's disk.", now.spool_size)
        yield _one(
            "dockd_bandwidth_limit_bytes_per_second",
            "What may be sent to the store now; +Inf when there is no limit.",
            math.inf if now.bandwidth_limit is None else now.bandwidth_limit,
        )
        yield _by("dockd_problem_active", "Whether a kind of problem is there.", "problem", {k: int(v) for k, v in now.problems.items()})  # fmt: skip


def _closed(held: Mapping[str, int]) -> dict[str, int]:
    found = dict.fromkeys(HELD_REASONS, 0)
    for reason, count in held.items():
        found[reason if reason in found else "other"] += count
    return found


def _one(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=math.nan if value is None else value)


def _by(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
