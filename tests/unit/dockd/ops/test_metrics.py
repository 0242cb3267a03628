"""Counters are fed by events; labels are closed sets."""

from __future__ import annotations

import asyncio
import time

from prometheus_client.parser import text_string_to_metric_families

from dockd.ops.lag import sample_lag
from dockd.ops.metrics import Gauges, Metrics
from ingest import events


def values(metrics: Metrics, gauges: Gauges | None = None) -> dict[str, float]:
    text = metrics.render(gauges or Gauges())[0].decode()
    return {
        sample.name + "".join(f"{{{k}={v}}}" for k, v in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_events_are_counted() -> None:
    metrics = Metrics(version="1")
    copied = events.SegmentCopied(path="p", bytes=7, sha256="", xxh3_128="", second_read="")
    happened: list[events.Event] = [
        copied, copied,
        events.SegmentConfirmed(path="p", bytes=7, sha256="", store="s", object="o", method="receipt", stored_at="", receipt_sha256=""),
        events.SegmentWiped(path="p", bytes=7, sha256="", permit=1, seen=""),
        events.SegmentRotted(error="x"), events.SegmentStoreLost(store="s", error="x"), events.StoreCaught(store="s", error="x"),
        events.SegmentHeld(path="p", reason="integrity_failed", error="x"), events.SegmentHeld(path="p", reason="copy_failed", error="x"),
    ]  # fmt: skip
    for event in happened:
        metrics.hear(event, 0)
    found = values(metrics)
    assert found["dockd_pulled_bytes_total"] == 14
    assert found["dockd_confirmed_segments_total"] == 1
    assert found["dockd_wiped_segments_total"] == 1
    assert found["dockd_integrity_failures_total"] == 4


def test_what_was_sent_only_grows() -> None:
    metrics = Metrics(version="1")
    assert values(metrics, Gauges(uploaded_bytes=10))["dockd_uploaded_bytes_total"] == 10
    assert values(metrics, Gauges(uploaded_bytes=25))["dockd_uploaded_bytes_total"] == 25
    assert values(metrics, Gauges(uploaded_bytes=25))["dockd_uploaded_bytes_total"] == 25


def test_a_label_is_one_of_a_closed_set() -> None:
    metrics = Metrics(version="1")
    metrics.request("GET", 0.1)
    metrics.request("CAM-1234", 0.1)
    found = values(metrics, Gauges(held={"copy_failed": 2, "something new": 3}))
    assert found["dockd_held_segments{reason=copy_failed}"] == 2
    assert found["dockd_held_segments{reason=other}"] == 3
    assert found["dockd_store_request_duration_seconds_count{method=other}"] == 1
    assert not [name for name in found if "CAM-1234" in name or "something new" in name]


def test_two_registries_do_not_meet() -> None:
    one, other = Metrics(version="1"), Metrics(version="2")
    one.request("GET", 1.0)
    assert values(other)["dockd_store_request_duration_seconds_count{method=GET}"] == 0


async def test_a_loop_that_is_held_up_is_seen() -> None:
    told: list[float] = []
    task = asyncio.create_task(sample_lag(told.append, every=0.01))
    await asyncio.sleep(0.03)
    time.sleep(0.1)
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert max(told) >= 0.05
