"""The log of the real program: ECS lines that a shipper can follow, in a gapless order, without secrets, whatever its disk does."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from dockd.ops.happenings import LogClosed, LogOpened
from ingest.events import REGISTRY
from tests.agent import running
from tests.program import DOCKD, REPOSITORY, StoreProcess, environment, store_at

ALWAYS = {
    "@timestamp", "log.level", "message", "event.action", "event.outcome", "event.sequence", "service.name", "service.version",
    "service.ephemeral_id", "host.name",
}  # fmt: skip


def in_order(lines: list[dict[str, Any]]) -> None:
    assert [line["event.sequence"] for line in lines] == list(range(1, len(lines) + 1))


def test_every_line_is_an_event_of_the_registry_in_a_gapless_order(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        agent.dock("CAM01", {"a\nb.mp4": b"a" * 1000})
        agent.until_state("CAM01", "ready")
        agent.stop()
        lines = agent.log()
    in_order(lines)
    for line in lines:
        assert line.keys() >= ALWAYS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["@timestamp"])
        assert line["log.level"] in ("debug", "info", "warning", "error")
        assert line["event.action"] in REGISTRY
        assert line["service.name"] == "dockd"
    actions = [line["event.action"] for line in lines]
    assert (actions[0], actions[-1]) == (LogOpened.action, LogClosed.action)
    assert len({line["service.ephemeral_id"] for line in lines}) == 1
    for action in (
        "agent.started",
        "page.listening",
        "camera.docked",
        "segment.copied",
        "segment.confirmed",
        "segment.wiped",
        "agent.stopped",
    ):
        assert action in actions
    confirmed = next(line for line in lines if line["event.action"] == "segment.confirmed")
    assert (confirmed["dockd.camera"], confirmed["dockd.bytes"], confirmed["event.outcome"]) == (
        "CAM01",
        1000,
        "success",
    )
    assert re.fullmatch("[0-9a-f]{64}", confirmed["dockd.sha256"])
    assert confirmed["dockd.custody"] > 0
    assert confirmed["dockd.path"] == r"a\nb.mp4"


def test_no_token_is_ever_written(tmp_path: Path) -> None:
    right, wrong = "Zf9-very-secret-token-0815", "Qq7-another-secret-that-is-wrong"
    known, own = tmp_path / "known", tmp_path / "own"
    for file in (known, own):
        file.write_text(f"{right}\n")
        file.chmod(0o600)
    with (
        store_at(tmp_path / "central", "--token-file", str(known)) as store,
        running(
            tmp_path / "dock", store.url, store_more=f'token_file = "{own}"', more='[log]\nlevel = "debug"'
        ) as agent,
    ):
        agent.dock("CAM", {"a.mp4": b"a" * 1000})
        agent.until_state("CAM", "ready")
        own.write_text(f"{wrong}\n")
        agent.dock("CAM2", {"a.mp4": b"a" * 1000})
        agent.until(lambda: agent.api("/status")["store"]["state"] == "down", "the store refuses the token")
        assert agent.bays()["CAM2"]["state"] == "unconfirmed"
        answers = [agent.ask(path).body.decode() for path in ("/", "/api/v1/status", "/api/v1/problems", "/metrics")]
        own.write_text(f"{right}\n")
        agent.until_state("CAM2", "ready")
        agent.stop()
        answers.append(agent.said)
    for secret in (right, wrong):
        assert not [text for text in answers if secret in text]


def test_a_file_is_appended_to_and_opened_anew_on_sighup(store: StoreProcess, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    file = logs / "dockd.log"
    file.write_text("before\n")
    with running(tmp_path, store.url, more=f'[log]\nfile = "{file}"') as agent:
        agent.until(lambda: "page.listening" in file.read_text(), "the log has begun")
        moved = file.rename(logs / "dockd.log.1")
        agent.send(signal.SIGHUP)
        agent.until(lambda: file.exists() and "settings.reloaded" in file.read_text(), "the log goes on in a new file")
        agent.dock("CAM", {"a.mp4": b"a"})
        agent.until_state("CAM", "ready")
        agent.stop()
        assert agent.said == ""
    old = moved.read_text().splitlines()
    assert old[0] == "before"
    in_order([json.loads(line) for line in (*old[1:], *file.read_text().splitlines())])


def test_a_full_log_disk_stops_nothing(store: StoreProcess, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with running(tmp_path, store.url, more=f'[log]\nfile = "{tmp_path}/full"') as agent:
        agent.dock("CAM", {"a.mp4": b"a"})
        agent.until_state("CAM", "ready")
        assert agent.stop().code == 0
        assert "the log cannot be written (No space left on device); dockd goes on" in agent.said


def test_for_people(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url, more='[log]\nformat = "console"') as agent:
        agent.dock("CAM", {"a\x1b[31m.mp4": b"a"})
        agent.until_state("CAM", "ready")
        agent.stop()
        said = agent.said
    assert re.search(r"^\d\d:\d\d:\d\d info    a\\x1b\[31m\.mp4 was deleted from camera CAM and seen gone$", said, re.M)
    assert "\x1b" not in said


def test_a_level_leaves_out_lines_and_no_numbers(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, "http://127.0.0.1:9", more='[log]\nlevel = "warning"') as agent:
        agent.dock("CAM", {"a.mp4": b"a"})
        number = agent.until_state("CAM", "unconfirmed")["number"]
        (agent.docks / "CAM").rename(tmp_path / "gone")
        agent.until(lambda: agent.api(f"/bays/{number}")["state"] == "removed_early", "it is missed")
        line = agent.until_logged("camera.removed_early")
        assert line["dockd.bay"] == number
        agent.stop()
        lines = agent.log()
    in_order(lines)
    assert {line["log.level"] for line in lines} <= {"warning", "error"}


def test_without_a_journal_it_says_so_and_logs_all_the_same(store: StoreProcess, tmp_path: Path) -> None:
    if Path("/run/systemd/journal/socket").exists():
        return
    with running(tmp_path, store.url, more='[log]\nformat = "journald"') as agent:
        agent.until_logged("page.listening")
        opened, first, *_ = agent.log()
    assert opened["event.action"] == "log.opened"
    assert (first["event.action"], first["log.level"]) == ("agent.trouble", "error")
    assert "the journal cannot be reached" in first["message"]


def verify(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DOCKD, "logs", "verify", *words], capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=60)  # fmt: skip


def test_a_log_is_proven_whole_over_a_kill_and_a_loss_is_named(store: StoreProcess, tmp_path: Path) -> None:
    file = tmp_path / "dockd.log"
    with running(tmp_path, store.url, more=f'[log]\nfile = "{file}"') as agent:
        agent.dock("CAM", {"a.mp4": b"a"})
        agent.until_state("CAM", "ready")
        agent.kill()
        agent.start()
        agent.stop()
    found = verify(str(file))
    assert (found.returncode, found.stderr) == (0, ""), found
    assert "was killed, as the next run says" in found.stdout
    assert found.stdout.splitlines()[-1].startswith("whole: ")

    lines = file.read_text().splitlines(keepends=True)
    run = json.loads(lines[0])["service.ephemeral_id"]
    killed = sum(json.loads(line)["service.ephemeral_id"] == run for line in lines)
    (tmp_path / "cut").write_text("".join(lines[: killed - 1] + lines[killed:] + lines[-1:]))
    found = verify("--json", str(tmp_path / "cut"))
    document = json.loads(found.stdout)
    assert (found.returncode, document["whole"], document["missing"], document["twice"]) == (1, False, 1, 1)
    assert document["runs"][0]["missing"]["ranges"] == [[killed, killed]]
    once = subprocess.run([*DOCKD, "logs", "unique", str(tmp_path / "cut"), str(file)], capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=60)  # fmt: skip
    assert (once.returncode, sorted(once.stdout.splitlines(keepends=True))) == (0, sorted(lines))
    assert (verify().returncode, verify("--until", "soon", str(file)).returncode, verify(str(tmp_path / "none")).returncode) == (2, 2, 3)  # fmt: skip
