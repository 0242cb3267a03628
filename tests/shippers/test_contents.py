"""What arrives is what was said, letter by letter; and what the journal of a dock itself says of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockd.ops.journald import legible
from dockd.ops.logproof import Said, read_lines, what_it_says
from ingest.clock import from_rfc3339
from tests.agent import Running
from tests.program import DOCKD, REPOSITORY, environment
from tests.shippers.machine import Machine, until
from tests.shippers.packages import unpacked
from tests.shippers.routes import ROUTES
from tests.shippers.scene import scene, settled
from tests.shippers.talker import event


def text_of(found: Said) -> str:
    """The message."""
    return str(found.fields.get("message", found.fields.get("MESSAGE")))


@pytest.mark.shippers
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ROUTES)
def test_what_arrives_is_what_was_said(folder: Path, name: str) -> None:
    kept: dict[int, Said] = {}
    with scene(name, folder) as stage:
        with (folder / "talker.log").open("wb") as log:
            talker = stage.dock.popen(
                sys.executable, "-m", "tests.shippers.talker", "--to", stage.route.talk_to, "--lines", "130", "--rate", "1000", "--mark", "/var/lib/log.mark",
                log=log, environment={"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
            assert talker.wait(timeout=60) == 0
        verdict = settled(stage, patience=20)
        assert (verdict["whole"], verdict["lines"]) == (True, 132), verdict
        with stage.route.arrived().open("rb") as stream:
            for line in read_lines(stream):
                found = what_it_says(line or b"")
                if isinstance(found, Said):
                    kept[found.sequence] = found
        through_journal = stage.route.talk_to == "journal"
    for number in range(130):
        expected = event(number).message()
        there = kept[number + 2]
        assert there.action == event(number).action
        assert text_of(there) == (legible(expected) if through_journal else expected)


@pytest.mark.shippers_short
def test_the_journal_explains_and_proves_a_real_agent_over_a_kill(folder: Path) -> None:
    with Machine("dock", folder / "dock", unpacked()) as dock:
        dock.journald()
        (folder / "catalog").mkdir()
        (folder / "catalog/dockd.catalog").write_bytes((REPOSITORY / "packaging/dockd.catalog").read_bytes())
        dock.run("mount", "--bind", str(folder / "catalog"), "/usr/lib/systemd/catalog")
        dock.run("sh", "-c", "mkdir -p /var/lib/systemd/catalog && journalctl --update-catalog")
        (folder / "docks").mkdir()
        config = folder / "dockd.toml"
        config.write_text(
            f'[station]\nname = "T"\n[docks]\nusb = false\nfolders = "{folder}/docks"\n[spool]\npath = "{folder}/spool"\nkeep_free = "1 MB"\n'
            f'[ledger]\npath = "{folder}/ledger.db"\n[store]\nurl = "http://127.0.0.1:9"\n[page]\nlisten = "127.0.0.1:0"\n[log]\nformat = "journald"\n'
        )  # fmt: skip
        journal = ("journalctl", "-o", "json", "--all", "SYSLOG_IDENTIFIER=dockd")

        def lines(action: str) -> int:
            return dock.run(*journal).count(f'"DOCKD_EVENT_ACTION":"{action}"')

        agent = dock.program(*DOCKD, "run", "--config", str(config), environment=environment())
        for kill in (True, False):
            agent.start()
            count = 1 if kill else 2
            until(lambda count=count: lines("page.listening") == count, "it has begun", told=agent.said)  # type: ignore[misc]
            (agent.kill if kill else agent.stop)()
        until(lambda: lines("log.closed") == 1, "it has ended", told=agent.said)
        explained = dock.run("journalctl", "-x", "SYSLOG_IDENTIFIER=dockd")
        exported = dock.run(*journal)
    assert "-- Subject: page.listening: the page is at http://127.0.0.1:" in explained.replace("░░ ", "-- ")
    assert "To do: Nothing." in explained
    found = subprocess.run([*DOCKD, "logs", "verify", "-"], input=exported, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=60, check=False)  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert "was killed, as the next run says" in found.stdout


@pytest.mark.shippers_short
def test_a_full_disk_costs_lines_that_the_dock_tells_itself(folder: Path) -> None:
    with Machine("dock", folder / "dock", unpacked()) as dock:
        dock.run("mount", "-t", "tmpfs", "-o", "size=512k", "small", "/var/log/dockd")
        dock.run("dd", "if=/dev/zero", "of=/var/log/dockd/filler", "bs=1k", "count=384", "status=none")
        with (folder / "talker.log").open("wb") as log:
            talker = dock.popen(
                sys.executable, "-m", "tests.shippers.talker", "--to", "/var/log/dockd/dockd.log", "--lines", "400", "--rate", "100", "--mark", "/var/lib/log.mark",
                log=log, environment={"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
            until(lambda: b"No space left on device" in (folder / "talker.log").read_bytes(), "the disk is full")
            time.sleep(0.3)
            dock.run("rm", "/var/log/dockd/filler")
            assert talker.wait(timeout=60) == 0
        log_text = dock.run("cat", "/var/log/dockd/dockd.log")
    lost = int((folder / "talker.log").read_text().split()[-1])
    found = subprocess.run([*DOCKD, "logs", "verify", "--json", "-"], input=log_text, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=60, check=False)  # fmt: skip
    (run,) = json.loads(found.stdout)["runs"]
    assert found.returncode == 1
    assert lost > 0
    assert (run["missing"]["count"], run["missing"]["told_by_the_dock"], run["end"]) == (lost, lost, "closed")


@pytest.mark.shippers
@pytest.mark.timeout(240)
def test_an_agent_says_each_minute_how_it_is(folder: Path) -> None:
    agent = Running(folder=folder, store="http://127.0.0.1:9", more=f'[log]\nfile = "{folder}/log"')
    agent.start()
    try:
        until(lambda: (folder / "log").read_text().count('"agent.heartbeat"') == 2, "it has said so twice", within=180)
    finally:
        agent.kill()
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    opened, *_ = lines
    first, second = (line for line in lines if line["event.action"] == "agent.heartbeat")
    assert 50 <= from_rfc3339(second["@timestamp"]) - from_rfc3339(first["@timestamp"]) <= 75
    assert (second["dockd.boot"], second["dockd.log_lines_lost"]) == (opened["dockd.boot"], 0)
    assert second["service.ephemeral_id"] == opened["dockd.run"]
