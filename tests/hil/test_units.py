"""The units as they are shipped, under systemd as PID 1 of the guest: everything that is taken from the agent is one that it does not need.

The rig's other tests run the agent under a unit of their own. Here it is packaging/dockd.service, with nothing changed but where the program lies.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.hil.rig import footage
from tests.hil.rig.agent import AGENT, HELPER, Agent
from tests.hil.rig.agent_log import LOGS
from tests.hil.rig.cards import Filesystem
from tests.hil.rig.evidence import hashes
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.odd_cards import filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.product import SOURCE, dockd
from tests.hil.rig.usb import Line, plug_mtp

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

PLACE = """[Service]
Environment=PYTHONPATH=/mnt/source:/mnt/packages PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
ExecStart=
ExecStart=/usr/bin/python3 -m dockd run --config /etc/dockd/dockd.toml
StandardOutput=append:/run/rig/agent.log
StandardError=append:/run/rig/agent.log
RestartSec=1
"""
SIZES = {"DCIM/100MEDIA/BWC00001.MP4": 5 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 4 * MEGABYTE}


def shipped(agent: Agent, *, more: str = "") -> None:
    """From here on the agent runs under its shipped unit. `systemctl start` comes back when it says that it is ready."""
    agent.stop(AGENT)
    agent.vm.check(
        f"mkdir -p /etc/systemd/system/{AGENT}.d && cp {SOURCE}/packaging/{AGENT} /etc/systemd/system/"
        f" && cp {SOURCE}/packaging/70-dockd.rules /etc/udev/rules.d/ && udevadm control --reload"
        f" && cat > /etc/systemd/system/{AGENT}.d/place.conf <<'END'\n{PLACE}{more}END\n"
        "systemctl daemon-reload"
    )
    agent.start(AGENT)
    agent.await_answer(timeout=5)


def shown(agent: Agent, name: str) -> str:
    return agent.vm.check(f"systemctl show --value -p {name} {AGENT}").strip()


def journal(agent: Agent) -> str:
    """What systemd says of the agent's unit."""
    return agent.vm.check(f"journalctl -u {AGENT} -o short-precise --no-pager | tail -60")


@pytest.mark.parametrize("filesystem", [Filesystem.FAT32, Filesystem.EXFAT], ids=lambda one: one.name.lower())
def test_a_card_is_emptied_under_the_shipped_units(
    agent: Agent, folder: Path, oracle: Oracle, filesystem: Filesystem
) -> None:
    shipped(agent)
    status = agent.vm.check(f"cat /proc/{agent.process(AGENT)}/status")
    assert {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} <= set(
        status.splitlines()
    )
    card = oracle.add(filled_card(folder / "card.img", SIZES, filesystem=filesystem), serial="C0001")
    agent.plug(card.card, bay=1, serial="C0001")
    agent.await_bay(1, "ready", timeout=120)
    assert agent.problems() == []
    agent.check_books()
    agent.vm.check(f"systemctl reload {AGENT}")
    agent.await_event("settings.reloaded")
    agent.wait_until(
        lambda: shown(agent, "ActiveState") == "active", what=lambda: shown(agent, "StatusText"), timeout=20
    )
    assert shown(agent, "NRestarts") == "0"
    agent.shut_down()
    assert card.card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_an_mtp_camera_is_emptied_under_the_shipped_units(agent: Agent, folder: Path) -> None:
    shipped(agent)
    tree = footage.write_tree(folder / "mtp", {"DCIM/100MEDIA/BWC1.MP4": 2_500_000, "NOTES.TXT": 300})
    originals = hashes(tree)
    bus, port = agent.machine.bus(3)
    plug_mtp(agent.vm, str(tree), bus=bus, port=port, serial="C0042")
    agent.await_bay(3, "ready", timeout=180)
    assert set(hashes(tree)) == {"NOTES.TXT"}
    assert {one["sha256"] for one in agent.segments()} == set(originals.values())


def test_a_stop_at_any_moment_of_the_start_is_no_failure(agent: Agent) -> None:
    """Python reads its modules for seconds here; who stops it then, or reloads it too early, finds no failed unit and no rack that stays down."""
    shipped(agent)
    for seconds in (0.2, 1.5, 4.0, 8.0):
        agent.stop(AGENT)
        agent.vm.check(f"systemctl start --no-block {AGENT} && sleep {seconds} && systemctl stop {AGENT}")
        assert (shown(agent, "ActiveState"), shown(agent, "Result")) == ("inactive", "success"), seconds
    agent.vm.check(
        f"systemctl start --no-block {AGENT} && sleep 1.5 && systemctl kill --kill-who=main --signal=HUP {AGENT}"
    )
    agent.wait_until(lambda: shown(agent, "ActiveState") == "active", what=lambda: journal(agent), timeout=90)
    agent.await_answer(timeout=5)


def test_the_mount_helper_has_what_its_unit_leaves_it_and_gives_up_what_its_start_needed(agent: Agent) -> None:
    pid = agent.process(HELPER)
    status = dict(
        line.split(":\t", 1) for line in agent.vm.check(f"cat /proc/{pid}/status").splitlines() if ":\t" in line
    )
    held = {number for number in range(64) if int(status["CapEff"], 16) >> number & 1}
    assert held == {2, 21}  # DAC_READ_SEARCH, SYS_ADMIN
    assert (status["CapEff"], status["NoNewPrivs"], status["Seccomp"]) == (status["CapPrm"], "1", "2")
    spaces = agent.vm.check(f"readlink /proc/1/ns/mnt /proc/{pid}/ns/mnt /proc/1/ns/net /proc/{pid}/ns/net").split()
    assert spaces[0] == spaces[1]  # or the agent would never see what it mounts
    assert spaces[2] != spaces[3]
    assert agent.vm.check("stat --format=%U:%G:%a /run/dockd/mount.sock").strip() == "root:dockd:660"


def test_a_log_file_is_written_and_rotated_under_the_shipped_units(agent: Agent) -> None:
    """Only the file is the agent's, its folder is root's: as tmpfiles and logrotate leave it."""
    log = "/var/log/dockd/dockd.log"
    agent.vm.check(
        f"printf '[log]\nfile = \"{log}\"\n' >> /etc/dockd/dockd.toml && install -d -m 0755 /var/log/dockd"
        f" && install -o dockd -g adm -m 0640 /dev/null {log}"
    )
    shipped(agent)
    agent.vm.check(
        f"timeout 60 sh -c 'until grep -q page.opened {log} || grep -q log.opened {log}; do sleep 0.2; done'"
    )
    agent.vm.check(f"mv {log} {log}.1 && install -o dockd -g adm -m 0640 /dev/null {log}")
    agent.vm.check(f"systemctl reload {AGENT}")
    agent.vm.check(f"timeout 60 sh -c 'until grep -q settings.reloaded {log}; do sleep 0.2; done'")
    # The run before wrote to standard error; the first line in the file names it, so it is asked for, too.
    proof = agent.vm.run(dockd("logs", "verify", f"{LOGS}/agent.log", f"{log}.1", log))
    assert proof.status == 0, proof.said


def test_an_agent_that_stands_still_is_ended_and_started_anew(agent: Agent, folder: Path, oracle: Oracle) -> None:
    shipped(agent, more="WatchdogSec=15\n")
    card = oracle.add(filled_card(folder / "card.img", SIZES), serial="C0001")
    camera = agent.plug(card.card, bay=1, serial="C0001", line=Line(read_bytes_per_second=2 * MEGABYTE))
    agent.await_event("segment.copied", timeout=60)
    before = agent.process(AGENT)
    agent.vm.check(f"kill -STOP {before}")
    agent.wait_until(
        lambda: agent.process(AGENT) not in (0, before) and shown(agent, "ActiveState") == "active",
        what=lambda: f"{shown(agent, 'ActiveState')} {shown(agent, 'Result')}", timeout=300,
    )  # fmt: skip
    assert "watchdog" in journal(agent).lower()
    camera.throttle(Line())
    agent.await_bay(1, "ready", timeout=120)
    began = time.monotonic()
    while time.monotonic() - began < 20:  # longer than the watchdog's patience: what it does now is enough for it
        agent.await_answer(timeout=5)
        time.sleep(1)
    assert shown(agent, "NRestarts") == "1", f"{journal(agent)}\n{agent.log_end()}"
    agent.check_books()
    agent.shut_down()
    assert card.card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []
