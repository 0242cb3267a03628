"""One real Prometheus with the shipped rules watches real agents, to each of which something real happens: the alert fires, and is over when that is.

The rules are the shipped ones with their durations divided (tests/monitoring/hurried.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from ingest.clock import Clock
from tests.monitoring import scenes
from tests.monitoring.hurried import hurried_files
from tests.monitoring.scene import Scene, Shown
from tests.monitoring.tools import Watching, prometheus
from tests.recovery.disks import needs_mounts, tmpfs
from tests.simulators.authority import Authority

FASTER = 600.0  # four hours are 24 seconds
EXPECTED = {
    "DockdStoreDown", "DockdOldestUnconfirmedTooOld", "DockdAgentNotLive", "DockdLedgerReplaced", "DockdStoreDishonest", "DockdIntegrityFailure",
    "DockdWrongStore", "DockdSpoolFilling", "DockdSpoolFull", "DockdLedgerUnusable", "DockdLogLinesLost", "DockdCameraOverdue",
    "DockdEvidenceNotMarked", "DockdSegmentsHeld", "DockdFootageLost", "DockdCertificateExpiring",
    "DockdStoreWentBack", "DockdPipelineStalled", "DockdAccessUnreadable", "DockdEndedUncleanly",
}  # fmt: skip


SHORT = {"DockdStoreDishonest", "DockdIntegrityFailure", "DockdWrongStore"}
Play = Callable[[Scene], None]


@contextmanager
def watched(tmp_path: Path, authority: Authority, shown_token: Path) -> Iterator[tuple[Watching, Path]]:
    """A Prometheus with the shipped rules, hurried, and the folder in which its targets are listed."""
    targets = tmp_path / "targets"
    targets.mkdir()
    shown_token.write_text("")
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "500ms"},
        "rule_files": hurried_files(tmp_path / "rules", by=FASTER, least_range=6.0),
        "scrape_configs": [
            {"job_name": "dockd", "file_sd_configs": [{"files": [f"{targets}/*.plain.json"], "refresh_interval": "1s"}]},
            {
                "job_name": "dockd-tls", "scheme": "https", "authorization": {"credentials_file": str(shown_token)},
                "tls_config": {"ca_file": str(authority.certificate)},
                "file_sd_configs": [{"files": [f"{targets}/ends.tls.json"], "refresh_interval": "1s"}],
            },
        ],
    }  # fmt: skip
    with prometheus(tmp_path / "prometheus", config) as watching:
        yield watching, targets


def played(tmp_path: Path, plays: Mapping[str, Play], *, watching: Watching, targets: Path) -> list[Shown]:
    """Each of them in a thread of its own; what they have shown."""

    def one(name: str) -> list[Shown]:
        folder = tmp_path / name
        folder.mkdir()
        scene = Scene(name=name, folder=folder, watching=watching, targets=targets)
        plays[name](scene)
        return scene.shown

    with ThreadPoolExecutor(len(plays)) as pool:
        found = sorted((one for shown in pool.map(one, plays) for one in shown), key=lambda shown: shown.alert)
    for shown in found:
        print(f"{shown.alert:30} {shown.fault:60} fired {shown.fired:5.1f} s, over {shown.over:5.1f} s")
    return found


@pytest.mark.monitoring_short
@pytest.mark.timeout(200)
def test_a_store_that_lies_is_told_of_and_that_it_is_over(tmp_path: Path) -> None:
    with watched(tmp_path, Authority(tmp_path / "authority"), tmp_path / "token") as (watching, targets):
        shown = played(tmp_path, {"lies": scenes.store_lies}, watching=watching, targets=targets)
    assert {one.alert for one in shown} == SHORT


@pytest.mark.timeout(280)
def test_a_real_fault_fires_its_alert_and_its_end_ends_it(tmp_path: Path) -> None:
    needs_mounts()
    authority, shown_token = Authority(tmp_path / "authority"), tmp_path / "prometheus.token"
    began = time.monotonic()
    with ExitStack() as stack:
        disk = stack.enter_context(tmpfs(tmp_path / "disk", size=64 << 20))
        watching, targets = stack.enter_context(watched(tmp_path, authority, shown_token))
        plays: dict[str, Play] = {
            "dies": scenes.store_and_agent_die, "lies": scenes.store_lies, "full": partial(scenes.disk_is_full, disk=disk),
            "back": scenes.store_is_put_back, "still": scenes.store_stands_still, "leaves": scenes.camera_leaves_and_copy_rots, "evidence": scenes.evidence_and_held, "lost": scenes.last_copy_goes,
            "ends": partial(scenes.certificate_ends, authority=authority, shown=shown_token),
        }  # fmt: skip
        shown = played(tmp_path, plays, watching=watching, targets=targets)
        for file in targets.iterdir():
            file.unlink()
        nothing = watching.until(
            lambda: "DockdNothingWatched" in {name for name, _ in watching.firing()}, "nothing is watched any more"
        )
        synchronised = Clock().synchronised()
        fired = watching.value('max_over_time(ALERTS{alertname="DockdClockUnsynchronised",alertstate="firing"}[10m])')
    print(f"{'DockdNothingWatched':30} {'the list of docks is emptied':60} fired {nothing:5.1f} s")
    print(f"in all {time.monotonic() - began:.0f} s")
    assert {one.alert for one in shown} == EXPECTED
    assert bool(fired) is (synchronised is False)  # of this machine: it is told where it is so, and only there
