"""What Prometheus scrapes: every name of the contract, what is counted, and that no name of a camera or a file is in a label."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dockd.ops.metrics import HELD_REASONS
from tests.agent import Running, running
from tests.program import StoreProcess

CONTRACT = {
    "dockd_bays", "dockd_cameras_ready", "dockd_oldest_unconfirmed_capture_timestamp_seconds", "dockd_unconfirmed_bytes",
    "dockd_unconfirmed_segments", "dockd_pulled_bytes_total", "dockd_uploaded_bytes_total", "dockd_confirmed_segments_total",
    "dockd_wiped_segments_total", "dockd_held_segments", "dockd_store_up", "dockd_store_last_success_timestamp_seconds",
    "dockd_store_request_duration_seconds_bucket", "dockd_spool_free_bytes", "dockd_spool_size_bytes", "dockd_integrity_failures_total",
    "dockd_problem_active", "dockd_event_loop_lag_seconds_bucket", "dockd_build_info",
}  # fmt: skip
# What alerts and the dashboard need beside: docs/monitoring.md.
MORE = {
    "dockd_needs_action", "dockd_backlog_bytes", "dockd_backlog_segments", "dockd_lost_segments", "dockd_in_doubt_segments", "dockd_cameras_away",
    "dockd_custody_sequence", "dockd_store_state", "dockd_bandwidth_limit_bytes_per_second", "dockd_spool_days_left", "dockd_log_lines_lost_total",
    "dockd_problems", "dockd_start_time_seconds", "process_resident_memory_bytes",
}  # fmt: skip
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(agent: Running, path: str = "/api/v1/metrics") -> Samples:
    answer = agent.ask(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found: Samples = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[(sample.name, tuple(sorted(sample.labels.items())))] = sample.value
    return found


def test_metrics(store: StoreProcess, tmp_path: Path) -> None:
    before = Running(folder=tmp_path, store=store.url)
    before.configure()
    with running(tmp_path, store.url) as agent:
        first = scraped(agent)
        assert {name for name, _ in first} >= CONTRACT | MORE
        assert math.isnan(first[("dockd_oldest_unconfirmed_capture_timestamp_seconds", ())])
        agent.dock("SECRET-SERIAL", {"secret-name.mp4": b"a" * 300_000, "b.mp4": b"b" * 5000})
        agent.until_state("SECRET-SERIAL", "ready")
        found = scraped(agent, "/metrics")
        expected = {
            "dockd_cameras_ready": 1, "dockd_unconfirmed_bytes": 0, "dockd_unconfirmed_segments": 0, "dockd_pulled_bytes_total": 305_000,
            "dockd_uploaded_bytes_total": 305_000, "dockd_confirmed_segments_total": 2, "dockd_wiped_segments_total": 2,
            "dockd_store_up": 1, "dockd_integrity_failures_total": 0,
        }  # fmt: skip
        assert {name: found[(name, ())] for name in expected} == expected
        bays = {dict(labels)["state"]: value for (name, labels), value in found.items() if name == "dockd_bays"}
        assert len(bays) == 19
        assert {state for state, count in bays.items() if count} == {"ready"}
        assert found[("dockd_store_last_success_timestamp_seconds", ())] > 1e9
        disk = os.statvfs(tmp_path)
        assert found[("dockd_spool_size_bytes", ())] == disk.f_blocks * disk.f_frsize
        assert 0 < found[("dockd_spool_free_bytes", ())] <= found[("dockd_spool_size_bytes", ())]
        assert {
            reason: found[("dockd_held_segments", (("reason", reason),))] for reason in HELD_REASONS
        } == dict.fromkeys(HELD_REASONS, 0)
        until = time.monotonic() + 20  # it is sampled four times a second
        while not scraped(agent)[("dockd_event_loop_lag_seconds_count", ())]:
            assert time.monotonic() < until
            time.sleep(0.05)
        requests = sum(
            value for (name, _), value in found.items() if name == "dockd_store_request_duration_seconds_count"
        )
        assert requests >= 8  # who it is, its honesty, and for each segment: announced, sent, proven, attested
        problems = {
            dict(labels)["problem"]: value for (name, labels), value in found.items() if name == "dockd_problem_active"
        }
        assert problems["store_down"] == 0
        labels = {name for _, pairs in found for name, _ in pairs}
        assert labels <= {"state", "reason", "problem", "method", "le", "version", "python", "certificate"}
        assert found[("dockd_custody_sequence", ())] > first[("dockd_custody_sequence", ())] > 0
        assert found[("dockd_store_state", (("state", "connected"),))] == 1
        assert {
            found[(name, ())] for name in ("dockd_backlog_bytes", "dockd_needs_action", "dockd_log_lines_lost_total")
        } == {0}
        assert time.time() - 60 < found[("dockd_start_time_seconds", ())] <= time.time()
        assert "secret" not in agent.ask("/metrics").body.decode().lower()
        store.stop()
        agent.dock("ANOTHER", {"a.mp4": b"x" * 1000})
        agent.until(lambda: scraped(agent)[("dockd_store_up", ())] == 0, "the store is down")
        agent.until(lambda: scraped(agent)[("dockd_unconfirmed_bytes", ())] == 1000, "what waits is counted")
        down = ("dockd_problem_active", (("problem", "store_down"),))
        agent.until(lambda: scraped(agent)[down] == 1, "a problem is made of it")
        later = scraped(agent)
        assert later[("dockd_store_state", (("state", "down"),))] == 1
        assert later[("dockd_backlog_bytes", ())] == 1000
        assert later[("dockd_problems", (("problem", "store_down"),))] == 1
        assert later[("dockd_problem_since_timestamp_seconds", (("problem", "store_down"),))] > 1e9
        assert later[("dockd_problem_active", (("problem", "store_down"),))] == 1
        captured = (agent.docks / "ANOTHER" / "a.mp4").stat().st_mtime
        assert abs(later[("dockd_oldest_unconfirmed_capture_timestamp_seconds", ())] - captured) < 0.01
        store.start()
        agent.until_state("ANOTHER", "ready")
