"""What a reload of a running agent does: to a pull and an upload that are under way, with a wrong file, with many wishes at once, and to wipes."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dockd.cli import cli
from tests.agent import Running, running
from tests.program import StoreProcess

FOOTAGE = {"DCIM/a.mp4": b"a" * 300_000, "DCIM/b.mp4": b"b" * 200_000}


def metric(agent: Running, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", agent.ask("/metrics").body.decode(), re.MULTILINE)
    assert found is not None, name
    return float(found.group(1))


def problems(agent: Running) -> dict[str, str]:
    return {one["problem"]: one["text"] for one in agent.api("/problems")["problems"]}


def reload(agent: Running, more: str, *, count: int) -> list[str]:
    """Have this followed; what was, by the `count`th word of it."""
    agent.configure(more=more)
    agent.send(signal.SIGHUP)
    return list(agent.until_logged("settings.reloaded", count=count)["dockd.applied"])


def workers(agent: Running) -> list[int]:
    assert agent.process is not None
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text().split()
    return [int(one) for one in children if b"ingest.worker" in Path(f"/proc/{one}/cmdline").read_bytes()]


def stopped_in_the_middle_of_a_copy(agent: Running) -> list[int]:
    """The workers, stopped while one of them writes a copy."""
    deadline = time.monotonic() + 30
    while True:
        if list((agent.folder / "state" / "spool").glob("*.part")):
            found = workers(agent)
            for pid in found:
                os.kill(pid, signal.SIGSTOP)
            if list((agent.folder / "state" / "spool").glob("*.part")):
                return found
            for pid in found:
                os.kill(pid, signal.SIGCONT)
        assert time.monotonic() < deadline, agent.said
        time.sleep(0.0005)


@pytest.mark.timeout(120)
def test_a_pull_and_an_upload_go_on_and_obey_the_new_limits(store: StoreProcess, tmp_path: Path) -> None:
    size = 20_000_000
    with running(tmp_path, store.url, more='[bandwidth]\nlimit = "1 Mbit/s"\n[wipe]\nenabled = false') as agent:
        agent.dock("SENDING", {"a.mp4": b"a" * size})
        agent.until_state("SENDING", "unconfirmed")
        agent.until(lambda: metric(agent, "dockd_uploaded_bytes_total") > 0, "it is being sent")
        agent.dock("PULLED", {"b.mp4": bytes(32 << 20)})
        stopped = stopped_in_the_middle_of_a_copy(agent)
        try:
            more = (
                '[bandwidth]\nlimit = "800 Mbit/s"\n[pull]\nparallel = 1\nper_controller = 1\n[log]\nlevel = "debug"\n'
            )
            more += "[wipe]\nenabled = false"
            agent.upload = 'parallel = 2\nchunk = "1 MiB"'
            applied = reload(agent, more, count=1)
            assert sorted(applied) == ["bandwidth.limit", "log.level", "pull.parallel", "pull.per_controller", "upload.chunk", "upload.parallel"]  # fmt: skip
            agent.until_state("SENDING", "ready", timeout=60)  # at 1 Mbit/s that would be almost three minutes
            assert metric(agent, "dockd_uploaded_bytes_total") == size, "nothing was sent twice"
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        agent.until_state("PULLED", "ready")
        assert set(stopped) <= set(workers(agent)), "whoever read it went on"
        told = [line["event.action"] for line in agent.log()]
        assert not {"camera.failed", "worker.lost", "segment.delayed", "camera.undocked"} & set(told)
        assert told.count("segment.copied") == 2


def whoever_asks_or_reads_gets_on(agent: Running, places: list[str]) -> None:
    """With a wrong file: what only asks the agent, or reads, tells the mistakes and goes on; what changes anything refuses."""
    config = ["--config", str(agent.config)]
    for command in (
        ["status"],
        ["bandwidth"],
        ["custody", "verify"],
        ["custody", "export"],
        ["reconcile"],
        ["user", "list"],
    ):
        said = CliRunner().invoke(cli, [*command, *config])
        assert said.exit_code == 0, (command, said.output)
        assert all(f"warning: {place}" in said.stderr for place in places), command
        assert said.stdout
    assert "mistakes" in CliRunner().invoke(cli, ["status", *config]).stdout
    for command in (["bandwidth", "limit", "1 Mbit/s", "--for", "1 h"], ["bandwidth", "lift"], ["user", "remove", "x"]):
        said = CliRunner().invoke(cli, [*command, *config])
        assert said.exit_code == 2, command
        assert all(place in said.stderr for place in places), command


def test_the_agent_is_asked_where_it_is_whatever_its_file_says_now(store: StoreProcess, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("dk_secret\n")
    with running(tmp_path, store.url) as agent:
        right = agent.config.read_text()
        asked = ["status", "--config", str(agent.config)]
        environ = {
            "DOCKD__LEDGER__PATH": str(agent.folder / "state" / "ledger.db")
        }  # of a file that is no TOML nobody knows it

        def said(*more: str) -> Result:
            return CliRunner().invoke(cli, [*asked, *more], env=environ)

        for wrong, told in (
            ('listen = "nowhere"', "page.listen"), ('listen = "127.0.0.1:1"', ""), ("lis ten", ""), ('lisen = "127.0.0.1:1"', "nearest known key: page.listen"),
        ):  # fmt: skip
            agent.config.write_text(right.replace('listen = "127.0.0.1:0"', wrong))
            found = said()
            assert (found.exit_code, "Test Street" in found.stdout, told in found.stderr) == (0, True, True), (
                found.output
            )
            found = said("--token-file", str(token))
            assert found.exit_code in (2, 3), "a token goes where it went before"
            assert f"--url {agent.url}" in found.stderr
        agent.stop()
        assert not (agent.folder / "state" / "page.address").exists()
        found = said()
        assert (found.exit_code, "nearest known key: page.listen" in found.stderr) == (2, True)


def test_with_a_wrong_file_the_running_one_stays_and_everybody_can_see_it(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        began = metric(agent, "dockd_config_last_reload_success_timestamp_seconds")
        assert metric(agent, "dockd_config_last_reload_successful") == 1
        agent.configure(more='[bandwidth]\nlimit = "much"\n[wipe]\nenabled = false\ngrace = "soon"')
        lines = agent.config.read_text().splitlines()
        agent.send(signal.SIGHUP)
        refused = agent.until_logged("settings.refused")
        assert (refused["dockd.what"], refused["log.level"]) == ("file", "error")
        places = [
            f"{agent.config}:{lines.index(one) + 1}: " for one in ('limit = "much"', 'grace = "soon"')
        ]  # every mistake, with its place
        assert [one.startswith(place) for one, place in zip(refused["dockd.mistakes"], places, strict=True)] == [
            True
        ] * 2
        assert all(one in refused["error.message"] for one in ("bandwidth.limit", "wipe.grace"))
        agent.until(lambda: "config_wrong" in problems(agent), "it is a problem")
        assert places[0] in problems(agent)["config_wrong"]
        whoever_asks_or_reads_gets_on(agent, places)
        assert metric(agent, "dockd_config_last_reload_successful") == 0
        assert metric(agent, "dockd_config_last_reload_success_timestamp_seconds") == began
        agent.dock("CAM", FOOTAGE)
        agent.until_state("CAM", "ready")
        assert not list((agent.docks / "CAM").rglob("*.mp4")), "nothing of a wrong file is followed"

        more = '[bandwidth]\nlimit = "5 Mbit/s"\n[log]\nformat = "console"'
        assert reload(agent, more, count=1) == ["bandwidth.limit"]
        assert agent.until_logged("settings.reloaded")["dockd.restart"] == ["log.format"]
        agent.until(lambda: list(problems(agent)) == ["restart_needed"], "what is left is a restart")
        assert "log.format" in problems(agent)["restart_needed"]
        assert metric(agent, "dockd_config_last_reload_successful") == 1
        assert metric(agent, "dockd_config_last_reload_success_timestamp_seconds") > began
        assert reload(agent, '[bandwidth]\nlimit = "6 Mbit/s"', count=2) == ["bandwidth.limit"]
        agent.until(lambda: not problems(agent), "what was put back wants no restart")


def test_after_the_last_of_many_wishes_the_file_of_then_is_followed(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url) as agent:
        for turn in range(1, 41):
            agent.configure(more=f'[bandwidth]\nlimit = "{turn} Mbit/s"')
            agent.send(signal.SIGHUP)
        last = 40 * 125_000
        agent.until(lambda: metric(agent, "dockd_bandwidth_limit_bytes_per_second") == last, "the last one is followed")
        told = [line for line in agent.log() if line["event.action"] == "settings.reloaded"]
        assert len(told) <= 40
        assert agent.stop().code == 0


def test_who_turns_wiping_off_is_obeyed_and_it_is_on_record(store: StoreProcess, tmp_path: Path) -> None:
    with running(tmp_path, store.url, more='[wipe]\ngrace = "1 h"') as agent:
        camera = agent.dock("CAM", FOOTAGE)
        agent.until(lambda: agent.bays().get("CAM", {}).get("segments", {}).get("confirmed") == 2, "it is confirmed")
        assert reload(agent, "[wipe]\nenabled = false", count=1) == ["wipe.enabled", "wipe.grace"]
        bay = agent.until_state("CAM", "ready")
        assert "Not emptied" in bay["why"]
        assert len([one for one in camera.rglob("*") if one.is_file()]) == 2
        assert reload(agent, "", count=2) == ["wipe.enabled"]
        agent.until(lambda: not [one for one in camera.rglob("*") if one.is_file()], "it is emptied")
        agent.until_state("CAM", "ready")
        wanted = {"settings.wiping_on", "settings.wiping_off", "permit.issued"}
        told = [line["event.action"] for line in agent.log() if line["event.action"] in wanted]
        assert told == ["settings.wiping_on", "settings.wiping_off", "settings.wiping_on", "permit.issued"]
        assert [line["dockd.seconds"] for line in agent.log() if line["event.action"] == "settings.wiping_on"] == [
            3600,
            0,
        ]


def test_camera_profiles_are_read_again_and_those_of_before_stay_where_one_is_wrong(
    store: StoreProcess, tmp_path: Path
) -> None:
    profiles, others = tmp_path / "cameras", tmp_path / "others"
    profiles.mkdir()
    others.mkdir()
    with running(tmp_path, store.url, usb=True, more=f'[cameras]\nprofiles = "{profiles}"') as agent:
        (profiles / "ours.toml").write_text('name = "ours"\ncolour = "blue"\n')
        agent.send(signal.SIGHUP)
        agent.until_logged("settings.reloaded")
        refused = agent.until_logged("settings.refused")
        assert refused["dockd.what"] == "profiles"
        assert any("ours.toml:2: colour" in one for one in refused["dockd.mistakes"])
        assert metric(agent, "dockd_config_last_reload_successful") == 0
        assert reload(agent, f'[cameras]\nprofiles = "{others}"', count=2) == ["cameras.profiles"]
        assert metric(agent, "dockd_config_last_reload_successful") == 1
        agent.until(lambda: "config_wrong" not in problems(agent), "all is right again")


def test_a_wrong_list_of_cameras_is_said_and_the_one_of_before_stays(store: StoreProcess, tmp_path: Path) -> None:
    listed = tmp_path / "cameras.csv"
    listed.write_text("camera,assigned_to\nCAM,PC 4711\n")
    with running(tmp_path, store.url, more=f'[registry]\nfile = "{listed}"') as agent:
        agent.dock("CAM", FOOTAGE)
        agent.until_state("CAM", "ready")
        listed.write_text("kamera;assigned_to\nCAM;PC 4711\n")
        agent.send(signal.SIGHUP)
        agent.until_logged("settings.reloaded")
        assert "separates its columns by semicolons" in agent.until_logged("settings.refused")["error.message"]
        (bay,) = agent.api("/bays")["bays"]
        assert bay["camera"]["assigned_to"] == "PC 4711"
        agent.until(lambda: list(problems(agent)) == ["config_wrong"], "it is a problem")


def test_a_list_that_was_cut_to_nothing_keeps_nothing_from_being_copied(store: StoreProcess, tmp_path: Path) -> None:
    """What a power cut leaves of an export that was under way."""
    listed = tmp_path / "cameras.csv"
    listed.touch()
    more = f'[registry]\nfile = "{listed}"\n[oidc]\nissuer = "https://127.0.0.1:9"\nclient_id = "d"\nroles = {{ s = "ops" }}\nca_file = "{tmp_path}/none"'
    with running(tmp_path, store.url, more=more) as agent:
        refused = agent.until_logged("settings.refused")
        assert refused["dockd.what"] == "start"
        authority, empty = refused["dockd.mistakes"]
        assert f"oidc.ca_file: {tmp_path}/none does not exist" in authority
        assert empty.startswith(f"{listed}: is empty")
        camera = agent.dock("C3441", FOOTAGE)
        agent.until(lambda: not [one for one in camera.rglob("*") if one.is_file()], "it is copied, and emptied")
        assert CliRunner().invoke(cli, ["check-config", str(agent.config)]).exit_code == 2


def test_a_list_that_check_config_refuses_names_nobody_from_the_start(store: StoreProcess, tmp_path: Path) -> None:
    listed = tmp_path / "cameras.csv"
    listed.write_text("camera,assigned_to\nC3441,PC 1204\nC3441,PC 7\n")
    with running(tmp_path, store.url, more=f'[registry]\nfile = "{listed}"') as agent:
        wrong = f'{listed}:3: "C3441" is already in line 2, expected each camera once'
        agent.until(lambda: list(problems(agent)) == ["registry_unread"], "it is a problem")
        assert problems(agent)["registry_unread"] == wrong
        refused = agent.until_logged("settings.refused")
        assert (refused["dockd.what"], refused["dockd.mistakes"]) == ("start", [wrong])
        agent.dock("C3441", FOOTAGE)
        agent.until_state("C3441", "ready")
        (bay,) = agent.api("/bays")["bays"]
        assert bay["camera"]["assigned_to"] is None
        listed.write_text("camera,assigned_to\nC3441,PC 1204\n")
        agent.send(signal.SIGHUP)
        agent.until(lambda: not problems(agent), "it is right again")
        (bay,) = agent.api("/bays")["bays"]
        assert bay["camera"]["assigned_to"] == "PC 1204"
