"""docs/install.md and the units say the same, and what is to be pasted is right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dockd.profiles.registry_checks import mistakes_in
from dockd.settings import read_text

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "install.md").read_text()
UNITS = ("dockd-mount.service", "dockd.service")


def pasted(file: str) -> str:
    """All that is written into a file, one block after the other."""
    found = re.findall(rf"^cat >>? {re.escape(file)} <<'END'\n(.*?)^END$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return "".join(found)


def test_the_very_lines_of_part_2_pasted_into_a_shell(tmp_path: Path) -> None:
    part = TEXT.partition("\n## 2. ")[2].partition("\n### ")[0]
    blocks = [
        one for one in re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL) if "dockd enroll" not in one
    ]
    assert len(blocks) == 2
    lines = (
        "".join(blocks).replace("/etc/dockd", str(tmp_path)).replace("read -rs token;", "read -rs token <<< SECRET;")
    )
    # Nobody of that name has to be on the machine that tests.
    done = subprocess.run(
        ["bash", "-e"], input=f"chown() {{ :; }}\n{lines}", capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    reading = read_text((tmp_path / "dockd.toml").read_text(), file="dockd.toml", environ={})
    assert reading.mistakes == ()
    assert reading.settings.store.url == "https://store.example.org"
    assert mistakes_in((tmp_path / "cameras.csv").read_bytes(), file="F") == []
    token = tmp_path / "store.token"
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("SECRET\n", 0o600)


def test_the_configuration_and_the_list_are_right() -> None:
    reading = read_text(pasted("/etc/dockd/dockd.toml"), file="dockd.toml", environ={})
    assert reading.mistakes == ()
    assert str(reading.settings.registry.file) == "/etc/dockd/cameras.csv"
    assert mistakes_in(pasted("/etc/dockd/cameras.csv").encode(), file="F") == []


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"\b(?:packaging|config)/[\w./-]*\w|\brequirements[\w.-]*\.lock", TEXT))
    assert {f"packaging/{unit}" for unit in UNITS} | {"packaging/70-dockd.rules"} <= named
    assert all((ROOT / name).is_file() for name in named)
    assert "docs/install.md" in (ROOT / "README.md").read_text()


def test_the_units_start_what_is_linked() -> None:
    for unit in UNITS:
        text = (ROOT / "packaging" / unit).read_text()
        started = re.search(r"^ExecStart=/usr/bin/(\S+)", text, re.MULTILINE)
        assert started is not None
        assert f"/opt/dockd/bin/{started[1]}" in TEXT


def test_the_agent_s_unit() -> None:
    lines = (ROOT / "packaging" / "dockd.service").read_text().splitlines()
    for line in (
        "User=dockd",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillMode=mixed",
        "RestartPreventExitStatus=2",
        "LimitNOFILE=16384",
    ):
        assert line in lines
    for key in ("Wants", "After"):
        assert any(line.startswith(f"{key}=dockd-mount.service") for line in lines)
    # /run/dockd is dockd-mount's: with this the agent's end would take the socket away.
    assert not any(line.startswith("RuntimeDirectory") for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (ROOT / "packaging" / unit).read_text()
        (tmp_path / unit).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit for unit in UNITS)],
        capture_output=True, text=True, timeout=50, check=False, env=environ,
    )  # fmt: skip
    about_ours = [line for line in done.stderr.splitlines() if "dockd" in line]
    assert about_ours == []
