"""Every alert fires in a real Prometheus with figures that dockd's own exporter writes, reaches a real Alertmanager, and reads as it is meant to.

The figures are staged, the time is hurried; that real faults lead to them is shown in test_planted_faults.py.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from dockd.ops.metrics import Gauges, Metrics
from dockd.page.problems import PROBLEMS
from ingest import events
from tests.monitoring.hurried import hurried_files
from tests.monitoring.tools import SHIPPED, Watching, alertmanager, prometheus
from tests.unit.test_monitoring import ALERTS, NAMES, dashboard_expressions

FASTER = 6000.0  # eight hours are 4.8 seconds
DOCS = "https://wiki.example.org/dockd/"
DAY = 86400.0
WELL = dict.fromkeys(PROBLEMS, 0)


class Stage:
    """What each dock's /metrics says: a fresh text at every scrape."""

    def __init__(self) -> None:
        self.turn = itertools.count(1)
        self.wrong = Metrics(version="1")
        self.waits = Metrics(version="1")
        self.docks: dict[str, Callable[[], bytes]] = {
            "/wrong": self._wrong, "/waits": self._waits, "/restarts": lambda: Metrics(version="1").render(Gauges(ended_before=False))[0],
            "/caught": lambda: self._of_store("dishonest"), "/another": lambda: self._of_store("wrong-store"),
        }  # fmt: skip

    def _wrong(self) -> bytes:
        """All that can be wrong at once with one dock."""
        turn = next(self.turn)
        for _ in range(20):
            self.wrong.lag(1.0)
        self.wrong.hear(events.SegmentRotted(error="x"), 0)
        now = time.time()
        return self.wrong.render(
            Gauges(
                bays={"bay_fault": 2, "ready": 6}, oldest_unconfirmed=now - 5 * DAY, unconfirmed_bytes=10**9, unconfirmed_segments=5, held={"copy_failed": 3},
                store_state="down", spool_free=5 * 10**11 - turn % 40 * 10**10, spool_size=4 * 10**12, clock_synchronised=False, log_lines_lost=7 * turn,
                problems=dict.fromkeys(PROBLEMS, 1),
                problems_since={"removed_early": now - 5 * 3600}, certificates={"client": now + 20, "page": now + 100},
            )
        )[0]  # fmt: skip

    def _waits(self) -> bytes:
        """Footage waits, and nothing moves."""
        return self.waits.render(
            Gauges(
                store_state="connected", store_last_success=time.time() - 60, bandwidth_limit=1e6, spool_days_left=2.0, backlog_segments=4, problems=WELL,
            )
        )[0]  # fmt: skip

    @staticmethod
    def _of_store(state: str) -> bytes:
        return Metrics(version="1").render(Gauges(store_state=state, problems=WELL))[0]


@contextmanager
def served(stage: Stage) -> Iterator[str]:
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = stage.docks[self.path]()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody wants it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def answered(watching: Watching, expression: str) -> bool:
    """Whether a question of the dashboard has an answer, for all docks. Raises HTTPError where it is none that can be answered."""
    return bool(watching.value(expression.replace("$instance", ".*")))


@pytest.mark.monitoring_short
@pytest.mark.timeout(200)
def test_every_alert_fires_and_says_in_words_what_is_wrong(tmp_path: Path) -> None:
    routes = yaml.safe_load((SHIPPED / "alertmanager.example.yml").read_text())
    routes["route"] |= {"group_wait": "100ms", "group_interval": "1s"}
    (tmp_path / "alertmanager.yml").write_text(json.dumps(routes))
    stage = Stage()
    jobs = [
        {
            "job_name": f"staged{path.replace('/', '-')}", "metrics_path": path,
            "static_configs": [{"targets": ["@"], "labels": {"job": "dockd", "instance": path[1:], "station": "North"}}],
        }
        for path in stage.docks
    ]  # fmt: skip
    dead = {
        "job_name": "dead",
        "static_configs": [{"targets": ["127.0.0.1:1"], "labels": {"job": "dockd", "instance": "dead"}}],
    }
    with served(stage) as address, alertmanager(tmp_path / "am", tmp_path / "alertmanager.yml") as manager:
        example = yaml.safe_load((SHIPPED / "prometheus.example.yml").read_text())
        for job in jobs:
            job["static_configs"][0]["targets"] = [address]  # type: ignore[index]
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "300ms", "external_labels": {"dockd_docs": DOCS}},
            "rule_files": hurried_files(tmp_path / "rules", by=FASTER, least_range=3.0, least_for=0.5),
            "alerting": example["alerting"] | {"alertmanagers": [{"static_configs": [{"targets": [manager.url.removeprefix("http://")]}]}]},
            "scrape_configs": [*jobs, dead],
        }  # fmt: skip
        with prometheus(tmp_path / "prometheus", config) as watching:
            wanted = {(one["alert"], one["labels"]["severity"]) for one in ALERTS} - {
                ("DockdNothingWatched", "critical")
            }
            seen: dict[tuple[str, str], dict[str, str]] = {}

            def all_seen() -> bool:
                for alert in watching.alerts():
                    if alert.firing:
                        seen[alert.name, alert.severity] = alert.said
                return wanted <= seen.keys()

            watching.until(all_seen, "every alert fires", timeout=90)
            watching.until(lambda: len({one["labels"]["alertname"] for one in manager.ask("/api/v2/alerts")}) > 20, "Alertmanager hears of it")  # fmt: skip
            silent = [one for one in dashboard_expressions() if not answered(watching, one)]
            # nothing is watched any more
            watching.config.write_text(json.dumps(config | {"scrape_configs": []}))
            watching.daemon.reload()
            wanted.add(("DockdNothingWatched", "critical"))
            watching.until(all_seen, "that nothing is watched is told", timeout=60)
            sent = manager.ask("/api/v2/alerts")
    assert silent == []  # what is asked for is there
    assert {name for name, _ in seen} == set(NAMES)
    for (name, _severity), said in seen.items():
        text = f"{said['summary']} {said['description']}"
        assert not re.search(r"error expanding|no value|%!|\{\{|NaN", text), text
        assert said["runbook_url"] == f"{DOCS}docs/runbooks/{name}.md"
    assert seen["DockdBayFault", "warning"]["description"].startswith("2 bays have been at fault")
    assert "captured 5d 0h" in seen["DockdOldestUnconfirmedTooOld", "critical"]["description"]
    assert seen["DockdCameraOverdue", "warning"]["description"].startswith("A camera left this dock 5h 0m")
    assert all("dockd_docs" not in one["labels"] for one in sent)
    silenced = {(one["labels"]["alertname"], one["labels"]["severity"]) for one in sent if one["status"]["inhibitedBy"]}
    assert ("DockdOldestUnconfirmedTooOld", "warning") in silenced  # the graver of the two is enough
    assert not {one for one in silenced if one[1] == "critical"}
