"""`dockd run` as a service manager runs it: how it begins, what stops it, how it ends."""

from __future__ import annotations

import resource
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.agent import Events, Running, running
from tests.oracle import Witness
from tests.program import StoreProcess, store_at

FOOTAGE = {"DCIM/a.mp4": b"a" * 300_000, "DCIM/b.mp4": b"b" * 200_000}


def test_a_docked_camera_becomes_ready_and_one_that_was_there_before_too(store: StoreProcess, tmp_path: Path) -> None:
    before = Running(folder=tmp_path, store=store.url)
    before.configure()
    early = before.dock("EARLY", FOOTAGE)
    with running(tmp_path, store.url) as agent:
        agent.until_state("EARLY", "ready")
        late = agent.dock("LATE", {"x.mp4": b"late" * 1000})
        bay = agent.until_state("LATE", "ready")
        assert bay["segments"] == {"listed": 1, "copied": 1, "confirmed": 1, "wiped": 1, "held": 0}
        assert not [path for root in (early, late) for path in root.rglob("*") if path.is_file()]
        assert agent.stop().code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_time_in_the_middle_of_work_with_viewers_and_goes_on_next_time(
    store: StoreProcess, tmp_path: Path, number: signal.Signals
) -> None:
    before = Running(folder=tmp_path, store=store.url)
    before.configure()
    witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
    witness.remember(before.dock("CAM", {f"{n}.mp4": bytes([n]) * 700_000 for n in range(6)}))
    with running(tmp_path, store.url, more='[bandwidth]\nlimit = "4 Mbit/s"') as agent:
        viewers = [Events(agent.url) for _ in range(10)]
        agent.until_state("CAM", "unconfirmed")
        began = time.monotonic()
        ended = agent.stop(number)
        took = time.monotonic() - began
        assert (ended.code, ended.out) == (0, ""), ended.said
        assert took < 20.0, "the service file gives it a minute"
        for viewer in viewers:
            with pytest.raises((EOFError, ConnectionError)):
                viewer.until(lambda _event, _document: False)
            viewer.close()
        actions = [line["event.action"] for line in agent.log()]
        assert actions[-2:] == ["agent.stopped", "log.closed"]
        assert "camera.removed_early" not in actions
        assert witness.faults() == []
        agent.configure(more="")
        agent.start()
        agent.until_state("CAM", "ready")
        agent.stop()
        assert witness.faults() == []


def test_every_mistake_of_the_configuration_is_printed(tmp_path: Path) -> None:
    agent = Running(folder=tmp_path, store="ftp://x", more='[wipe]\ngrace = "soon"\n[nonsense]\nx = 1')
    ended = agent.fails()
    assert (ended.code, ended.out) == (2, "")
    assert len([line for line in ended.err.splitlines() if line.startswith(f"{agent.config}:")]) == 3
    assert "Traceback" not in ended.err


def test_a_page_that_others_can_reach_is_refused(store: StoreProcess, tmp_path: Path) -> None:
    for name in ("page.pem", "page.key"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    tls = f'tls_cert_file = "{tmp_path}/page.pem"\ntls_key_file = "{tmp_path}/page.key"'
    agent = Running(folder=tmp_path, store=store.url, listen="0.0.0.0:0", page=tls)
    ended = agent.fails()
    assert ended.code == 2
    assert "page.listen = 0.0.0.0:0" in ended.err
    assert "127.0.0.1" in ended.err


def test_an_address_that_is_taken(store: StoreProcess, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        agent = Running(folder=tmp_path, store=store.url, listen=f"127.0.0.1:{port}")
        ended = agent.fails()
    assert ended.code == 3
    assert f"the page cannot have 127.0.0.1:{port}: Address already in use" in ended.err
    assert "Traceback" not in ended.err


def test_a_second_agent_on_one_state_refuses(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as first:
        second = Running(folder=tmp_path / "second", store=store.url, state=tmp_path / "state")
        ended = second.fails()
        assert ended.code == 3
        assert first.process is not None
        assert f"another dockd (process {first.process.pid}) works with {tmp_path}/state" in ended.err
        assert first.api("/healthz") == {"alive": True}


def test_a_ledger_that_is_no_ledger(store: StoreProcess, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ledger.db").write_bytes(b"no database" * 1000)
    ended = Running(folder=tmp_path, store=store.url).fails()
    assert ended.code == 3
    assert "ledger.db" in ended.err
    assert "Traceback" not in ended.err


def test_a_ledger_whose_disk_is_full_is_said_and_waited_for(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url, more='[bandwidth]\nlimit = "4 Mbit/s"') as agent:
        agent.dock("SENDING", {"a.mp4": b"a" * 1_500_000})
        agent.until_state("SENDING", "unconfirmed")
        assert agent.process is not None
        whole = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (1, whole[1]))  # no file may grow any more
        agent.dock("CAM", FOOTAGE)
        bay = agent.until_state("CAM", "unknown")
        assert "ledger" in bay["why"]
        assert bay["word"] == "Not known"
        agent.until(
            lambda: agent.ask("/readyz").status == 503, "the delivery says that it cannot write down what it does"
        )
        assert "ledger_unusable" in [one["problem"] for one in agent.api("/problems")["problems"]]
        assert agent.ask("/healthz").status == 200
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, whole)
        agent.until_state("CAM", "ready")
        agent.until_state("SENDING", "ready")
        agent.until(lambda: agent.ask("/readyz").status == 200, "it is over")
        agent.until_logged("ledger.works")
        assert agent.stop().code == 0


def test_a_store_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with store_at(tmp_path / "central") as store:
        store.stop()
        with running(tmp_path / "dock", store.url) as agent:
            agent.dock("CAM", FOOTAGE)
            bay = agent.until_state("CAM", "unconfirmed")
            assert "cannot be reached" in agent.until(
                lambda: (bay := agent.bays()["CAM"]) and "cannot be reached" in bay["why"] and bay["why"], "why says so"
            )
            assert bay["segments"]["copied"] == 2
            assert agent.api("/status")["store"]["state"] == "down"
            assert [one["problem"] for one in agent.api("/problems")["problems"]] == ["store_down"]
            store.start()
            agent.until_state("CAM", "ready")
            assert agent.api("/problems")["problems"] == []


def test_taken_out_early_said_also_after_a_restart_and_over_when_it_is_back(tmp_path: Path) -> None:
    with store_at(tmp_path / "central") as store:
        store.stop()
        with running(tmp_path / "dock", store.url) as agent:
            agent.dock("OTHER", {})
            agent.until_state("OTHER", "ready")
            camera = agent.dock("CAM", FOOTAGE)
            number = agent.until_state("CAM", "unconfirmed")["number"]
            gone = camera.rename(tmp_path / "in-a-pocket")

            def early() -> object:
                bay = agent.api(f"/bays/{number}")
                return bay if bay["state"] == "removed_early" else None

            bay = agent.until(early, "it is missed")
            assert (bay["word"], bay["camera"]) == ("Put back", None)
            assert "in the store by now" not in bay["why"]

            def known() -> object:
                return "is looked up now" not in agent.api(f"/bays/{number}")["why"]

            agent.until(known, "it is known where its footage is")
            why = agent.api(f"/bays/{number}")["why"]
            assert "before the store had its footage: 2 segments are safe on the dock, and still on it" in why
            assert agent.api("/status")["needs_action"] == 1
            agent.stop()
            agent.start()
            assert "CAM" in agent.until(early, "it is still missed")["why"]
            store.start()
            gone.rename(agent.docks / "CAM")
            assert agent.until_state("CAM", "ready")["number"] == number
            assert agent.api("/status")["needs_action"] == 0


@pytest.mark.skipif(Path("/run/udev/control").exists(), reason="this machine has a udev, which is what is missing here")
def test_a_machine_that_sees_no_usb_says_so_on_its_page(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url, usb=True) as agent:
        agent.until(lambda: agent.api("/problems")["problems"], "it is a problem")
        (problem,) = agent.api("/problems")["problems"]
        assert problem["problem"] == "usb_trouble"
        assert "cameras on USB are not seen" in problem["text"]


def test_a_camera_that_is_put_back_with_its_footage_proven_is_not_told_as_empty(
    store: StoreProcess, tmp_path: Path
) -> None:
    """Everything on it is read again and is what it was: it counts in this docking, though nothing happened to it."""
    with running(tmp_path, store.url, more="[wipe]\nenabled = false") as agent:
        agent.dock("CAM", FOOTAGE)
        agent.until_state("CAM", "ready")
        (agent.docks / "CAM").rename(tmp_path / "away")
        agent.until(lambda: agent.api("/bays")["bays"][0]["state"] == "empty", "it has left")
        # Other inodes and change times, as on a FAT mounted anew; and whole when it appears.
        shutil.copytree(tmp_path / "away", tmp_path / "back")
        (tmp_path / "back").rename(agent.docks / "CAM")
        agent.until_state("CAM", "ready")
        (bay,) = agent.api("/bays")["bays"]
        assert bay["segments"]["confirmed"] == bay["segments"]["listed"] == len(FOOTAGE)
        assert "Not emptied" in bay["why"]


def test_a_rack_folder_that_goes_away_is_said_and_comes_back(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        agent.dock("CAM", FOOTAGE)
        agent.until_state("CAM", "ready")
        agent.docks.rename(tmp_path / "elsewhere")
        agent.until(lambda: not agent.bays(), "no camera is docked")
        assert agent.api("/healthz") == {"alive": True}
        (tmp_path / "elsewhere").rename(agent.docks)
        agent.until_state("CAM", "ready")
