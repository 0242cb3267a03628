"""What systemd itself says of the units: that it takes them, and how much is left to them. docs/security-units.md says the same, and why."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNITS = ("dockd.service", "dockd-mount.service")
MOST = {"dockd.service": 1.7, "dockd-mount.service": 4.1}
TEXT = (ROOT / "docs" / "security-units.md").read_text().replace("\\|", "|")  # a bar in a cell

_VERSION = (
    subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=False).stdout
    if shutil.which("systemd-analyze")
    else ""
)

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze (Debian: systemd)"
)


def unit(name: str) -> str:
    return (ROOT / "packaging" / name).read_text()


def settings(name: str) -> dict[str, list[str]]:
    """What a unit says, comments left out: each key with its values in their order."""
    found: dict[str, list[str]] = {}
    for line in unit(name).splitlines():
        if re.match(r"[A-Za-z]+=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def analyzed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    for name in UNITS:
        (folder / name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit(name), flags=re.MULTILINE))
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=50, check=False, cwd=folder,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_PAGER": "", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


@pytest.mark.skipif(
    "systemd 252 " not in _VERSION, reason="the figures and lists are those of Debian 12's systemd, 252"
)
@pytest.mark.parametrize("name", UNITS)
def test_no_more_is_left_than_is_said(tmp_path: Path, name: str) -> None:
    threshold = f"--threshold={MOST[name] * 10:.0f}"
    done = analyzed(tmp_path, "security", "--offline=true", "--no-pager", threshold, name)
    assert done.returncode == 0, done.stdout
    figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert figure is not None, done.stdout
    assert f"`{name}`: {figure[1]}" in TEXT
    left = set(re.findall(r"^✗ (\S+)", done.stdout, re.MULTILINE))
    section = TEXT[TEXT.index(f"## What is left to {name.removesuffix('.service')}\n") :][3:].split("\n## ")[0]
    told = {one for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for one in re.findall(r"`([^`]+)`", row)}
    assert left == told  # what is no longer left is no longer told of, either


@pytest.mark.skipif("systemd 252 " not in _VERSION, reason="the figure is that of Debian 12's systemd, 252")
def test_the_example_for_a_store_is_as_hard_as_is_said(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "examples" / "dockd-store.service").read_text()
    (tmp_path / "dockd-store.service").write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
    )
    done = analyzed(tmp_path, "security", "--offline=true", "--no-pager", "--threshold=17", "dockd-store.service")
    figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert (done.returncode, figure is not None) == (0, True), done.stdout
    assert figure is not None
    assert f"`dockd-store.service`: {figure[1]}" in TEXT
    verified = analyzed(tmp_path, "verify", "--man=no", str(tmp_path / "dockd-store.service"))
    assert [line for line in verified.stderr.splitlines() if "dockd" in line] == []
    started = re.search(r"^ExecStart=/usr/bin/dockd (.*)$", text, re.MULTILINE)
    assert started is not None
    assert started[1] == "store serve --root /srv/footage --config /etc/dockd/store.toml"


def test_the_check_fails_where_more_is_left(tmp_path: Path) -> None:
    done = analyzed(tmp_path, "security", "--offline=true", "--no-pager", "--threshold=10", "dockd.service")
    assert done.returncode != 0


def test_the_mount_helper_has_no_namespace_in_which_its_mounts_would_stay() -> None:
    said = settings("dockd-mount.service")
    for key in (
        "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers", "ProtectKernelTunables", "ProtectKernelModules",
        "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "ProcSubset", "ReadWritePaths", "MountFlags", "RootDirectory", "BindPaths", "LoadCredential",
    ):  # fmt: skip
        assert key not in said, key
    # A network of its own brings one along from systemd 254 on, where this does not stand beside it.
    assert (said["PrivateNetwork"], said["PrivateMounts"]) == (["yes"], ["no"])


def test_the_agent_sees_what_is_mounted_later_and_may_empty_it() -> None:
    said = settings("dockd.service")
    assert said["ProtectSystem"] == ["strict"]
    assert "-/run/dockd" in " ".join(said["ReadWritePaths"]).split()
    assert "MountFlags" not in said  # slave, which is what a namespace of a unit's own begins with
    assert "PrivateUsers" not in said  # udev's news are believed from root alone, who would be nobody there


def test_who_starts_it_is_told_and_who_watches_it_waits_long_enough() -> None:
    said = settings("dockd.service")
    assert said["Type"] == ["notify"]
    assert said["Restart"] == ["on-failure"]  # the watchdog's end is a failure
    assert int(said["WatchdogSec"][0]) == 120


def test_no_command_of_systemd_deletes_footage() -> None:
    """`systemctl clean` deletes the folders that such keys name."""
    for name in UNITS:
        assert not {key for key in settings(name) if key.endswith("Directory")}
    said = settings("dockd.service")
    assert said["ReadWritePaths"][0] == "/var/lib/dockd"  # where it is missing, nothing starts and nothing is made anew
    assert said["RequiresMountsFor"] == ["/var/lib/dockd"]


def test_its_numbered_log_is_not_thinned_out() -> None:
    """journald drops lines of whoever writes many, where the unit does not say otherwise."""
    assert [settings(name)["LogRateLimitIntervalSec"] for name in UNITS] == [["0"], ["0"]]


def test_an_end_before_it_serves_is_no_failure_and_keeps_no_rack_down() -> None:
    said = settings("dockd.service")
    assert said["SuccessExitStatus"] == ["130"]  # SIGTERM while Python still imports: tests/hil/test_units.py
    assert said["RestartForceExitStatus"] == ["SIGHUP"]  # a reload in that moment
