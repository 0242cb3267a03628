"""`dockd status`: the sergeant's page as text, for people, for programs, and when nobody answers."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Running, running
from tests.browsing import add_user, token
from tests.program import DOCKD, REPOSITORY, StoreProcess, environment


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("status")
    before = Running(folder=folder, store=store.url)
    before.configure()
    before.dock("CAM01", {"a.mp4": b"a" * 1000})
    before.dock("[red]x[bold]", {"a.mp4": b"a" * 1000})
    with running(folder, store.url) as found:
        found.until_state("CAM01", "ready")
        found.until_state("[red]x[bold]", "ready")
        yield found


def status(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DOCKD, "status", *words],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=REPOSITORY,
        timeout=30,
        check=False,
    )


def test_plain_where_there_is_no_terminal(agent: Running) -> None:
    done = status("--url", agent.url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Test Street rack 7: 2 ready"
    assert lines[1] == "store: connected"
    assert "oldest not confirmed: none" in lines
    assert "on its way to the store: 0 segments, 0 bytes" in lines
    assert "not in the store, and not on its way: nothing of what was listed" in lines
    assert sorted(line.split()[2:4] for line in lines if line.startswith("bay ")) == [
        ["Take", "CAM01"],
        ["Take", "[red]x[bold]"],
    ]
    assert "\x1b" not in done.stdout


def test_json_is_one_document_on_one_line(agent: Running) -> None:
    done = status("--url", agent.url + "/", "--json")
    assert done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    assert found["status"]["ready"] == 2
    assert found["bays"] == agent.api("/bays")["bays"]


def test_nobody_answers() -> None:
    done = status("--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (3, "")
    assert "the agent is not reachable at http://127.0.0.1:9: " in done.stderr
    assert "Traceback" not in done.stderr


def test_somebody_else_answers(store: StoreProcess) -> None:
    done = status("--url", store.url)
    assert (done.returncode, done.stdout) == (3, "")
    assert "it answers 404" in done.stderr


def test_no_address() -> None:
    assert status("--url", "localhost").returncode == 2


def test_watching_tells_what_changes_and_silence(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        watching = subprocess.Popen(
            [*DOCKD, "status", "--watch", "--url", agent.url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
            cwd=REPOSITORY,
        )  # fmt: skip
        try:
            assert watching.stdout is not None
            assert watching.stdout.readline() == "Test Street rack 7: 0 ready\n"
            agent.dock("CAM01", {"a.mp4": b"a" * 1000})
            until(watching, "Take")
            agent.stop()
            until(watching, "NOT LIVE")
            watching.send_signal(signal.SIGTERM)
            assert (watching.stdout.read(), watching.wait(30)) == ("", 130)
        finally:
            watching.kill()
            watching.wait()
            if watching.stdout is not None:
                watching.stdout.close()


def until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words}")


def test_a_table_on_a_terminal(agent: Running) -> None:
    here, there = pty.openpty()
    variables = environment(TERM="xterm", COLUMNS="120")
    variables.pop("NO_COLOR")
    with subprocess.Popen(
        [*DOCKD, "status", "--url", agent.url], stdout=there, stderr=there, env=variables, cwd=REPOSITORY
    ) as process:
        os.close(there)
        seen = b""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and select.select([here], [], [], 20)[0]:
            try:
                block = os.read(here, 65536)
            except OSError:  # the other side has ended
                break
            seen += block
        os.close(here)
    text = seen.decode()
    assert process.returncode == 0
    for words in ("2 ready", "Bay", "Take", "CAM01", "[red]x[bold]", "●", "\x1b["):
        assert words in text


def test_where_there_are_users_it_needs_a_token(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        add_user(agent, "olga", "ops")
        done = status("--url", agent.url)
        assert (done.returncode, done.stdout) == (3, "")
        assert "dockd token create --role viewer" in done.stderr
        assert "--token-file" in done.stderr
        file = tmp_path / "token"
        file.write_text(token(agent, "viewer") + "\n")
        done = status("--url", agent.url, "--token-file", str(file))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Test Street rack 7: ")
        file.write_text("dk_wrong")
        done = status("--url", agent.url, "--token-file", str(file))
        assert (done.returncode, done.stdout) == (3, "")
        assert "does not know this token" in done.stderr
        file.write_text(token(agent, "wall"))
        done = status("--url", agent.url, "--token-file", str(file))
        assert done.returncode == 3
        assert "of another role" in done.stderr
