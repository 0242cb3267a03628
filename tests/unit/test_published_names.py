"""What others were promised is there, by the names that they were given: scripts, dashboards and shippers are written against these.

More may be added; none of these goes. docs/reference.md is held equal to the code elsewhere, so what stands in it is so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from dockd.cli import cli
from dockd.page.looks import LOOKS
from dockd.page.openapi import document
from dockd.settings.schema import KEYS

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
DESCRIBED: dict[str, Any] = document(version="test")

COMMANDS = {
    "run": "--config", "demo": "--bays --port --dir --cameras --exit-when-done", "ingest": "--store --camera --wipe --state --token-file --wait --json",
    "status": "--watch --json --url", "check-config": "--json", "doctor": "--json", "custody verify": "--head --config --state",
    "custody show": "--config --state", "custody export": "--format --out --camera --segment --since --until --config --state",
    "reconcile": "--camera --json --config --state", "store serve": "--root --listen --token-file --config", "bays learn": "--config",
    "user add": "--role --config --state", "user passwd": "--role --config --state", "user list": "--config --state",
    "user remove": "--config --state", "token create": "--role --expires --config --state", "plan": "--config", "store pin": "--config --state", "bandwidth": "--config", "bandwidth limit": "--config", "bandwidth lift": "--config",
}  # fmt: skip
SETTINGS = {
    "station": "name rack", "docks": "usb folders", "bays": "number usb_path", "cameras": "profiles", "pull": "parallel",
    "spool": "path keep_free keep_confirmed", "ledger": "path", "store": "kind url token_file ca_file client_cert_file client_key_file pin",
    "upload": "parallel chunk retry_max", "bandwidth": "limit timetable evidential", "wipe": "enabled grace",
    "ready": "min_battery max_clock_offset", "page": "listen tls_cert_file tls_key_file allowed_hosts", "log": "format level file", "registry": "file",
}  # fmt: skip
CALLS = (
    "GET /status", "GET /bays", "GET /bays/{n}", "GET /cameras", "GET /cameras/{id}", "GET /segments", "GET /segments/{id}", "GET /segments/{id}/custody",
    "GET /problems", "GET /activity", "GET /events", "GET /healthz", "GET /readyz", "GET /metrics", "POST /segments/{id}/first",
    "POST /segments/{id}/evidential", "POST /segments/{id}/retry", "POST /bays/{n}/out-of-use", "POST /cameras/{id}/issue", "POST /problems/{id}/seen",
    "POST /problems/{id}/close", "POST /bandwidth/override",
)  # fmt: skip
ANSWERS = {
    "Status": "station time sequence bays_total ready needs_action oldest_unconfirmed backlog store spool",
    "Bay": "number state word why since camera segments bytes battery_percent clock_offset_seconds ready_at",
    "Segment": "id camera path size sha256 xxh3_128 copies held captured_at listed_at pulled_at verified_at confirmed_at wiped_at receipt",
    "Tally": "listed copied confirmed wiped held",
}  # fmt: skip
WITHIN = {
    "oldest_unconfirmed": "captured_at age_seconds camera bay", "backlog": "segments bytes eta_seconds", "store": "state since id",
    "spool": "free_bytes size_bytes days_left",
}  # fmt: skip
BAY_STATES = (
    "empty reading queued copying unconfirmed usable wiping charging ready removed_early copy_failed integrity_failed store_refused clock_wrong not_ours "
    "will_not_charge bay_fault out_of_use unknown"
)
PAGES = "/ /wall /bays /bays/{n} /problems /footage /footage/{id} /cameras /cameras/{id} /handover /activity /system /help /login"
METRICS = (
    "dockd_bays{state} dockd_cameras_ready dockd_oldest_unconfirmed_capture_timestamp_seconds dockd_unconfirmed_bytes dockd_unconfirmed_segments "
    "dockd_pulled_bytes_total dockd_uploaded_bytes_total dockd_confirmed_segments_total dockd_wiped_segments_total dockd_held_segments{reason} dockd_store_up "
    "dockd_store_last_success_timestamp_seconds dockd_store_request_duration_seconds{ dockd_spool_free_bytes dockd_spool_size_bytes dockd_integrity_failures_total "
    "dockd_problem_active{problem} dockd_event_loop_lag_seconds dockd_build_info{"
)
LOG_FIELDS = "@timestamp log.level message event.action event.outcome event.sequence service.name service.version host.name dockd.camera dockd.segment dockd.bay"
STORE_CALLS = (
    "POST /files/", "HEAD /files/{id}", "PATCH /files/{id}", "DELETE /files/{id}", "GET /files/{id}", "GET /files/{id}/receipt",
    "GET /.well-known/dockd-store", "GET /api/v1/segments", "POST /api/v1/segments/{id}/evidential",
)  # fmt: skip
FILES = (
    "/etc/dockd/dockd.toml", "/var/lib/dockd/ledger.db", "/var/lib/dockd/spool/", "/var/lib/dockd/keys/", "/var/lib/dockd/access.db", "/usr/share/dockd/", "/run/dockd/",
)  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS)
def test_commands(words: str) -> None:
    command: click.Command | None = cli
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    assert set(COMMANDS[words].split()) <= {name for one in command.params for name in one.opts}
    assert f"### `dockd {words}`" in REFERENCE


def test_settings() -> None:
    for section, keys in SETTINGS.items():
        assert set(keys.split()) <= KEYS[section].keys()
        assert all(f"* **`{key}`**" in REFERENCE.partition(f"[{section}]")[2] for key in keys.split())


def test_api_and_pages() -> None:
    assert [call for call in CALLS if f"| `{call}` |" not in REFERENCE] == []
    assert [page for page in PAGES.split() if f"| `{page}` |" not in REFERENCE] == []
    schemas = DESCRIBED["components"]["schemas"]
    for name, fields in ANSWERS.items():
        assert set(fields.split()) <= schemas[name]["properties"].keys(), name
    for name, fields in WITHIN.items():
        assert set(fields.split()) <= schemas["Status"]["properties"][name]["properties"].keys(), name
    assert set(LOOKS) == set(BAY_STATES.split())


def test_metrics_and_log() -> None:
    assert [name for name in METRICS.split() if f"| `{name}" not in REFERENCE] == []
    assert [name for name in LOG_FIELDS.split() if f"`{name}`" not in EVENTS] == []


def test_the_embedded_store_and_files() -> None:
    assert [call for call in STORE_CALLS if f"`{call}`" not in REFERENCE] == []
    assert [file for file in FILES if f"`{file}`" not in REFERENCE] == []


def test_exit_codes() -> None:
    table = REFERENCE.partition("## Exit codes")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| (\d+) \|", table) == ["0", "1", "2", "3", "130"]
