"""The very lines of docs/backup.md by which a dock is put back, pasted in order: for an enrolled dock, from a backup without its keys."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dockd.cli.store_docks import invite
from tests.agent import Running
from tests.e2e.test_enroll import as_lines, dockd, store_over_tls
from tests.program import REPOSITORY, environment, filled
from tests.simulators.authority import Authority

RESTORE = (
    (REPOSITORY / "docs" / "backup.md").read_text(encoding="utf-8").partition("\n## Restore\n")[2].partition("\n## ")[0]
)
# What the machine has, and a test has not: units, the agent's user, a terminal.
MACHINE = """
systemctl() { echo "systemctl $*"; }
dockd() {
    case "$1" in
        restore) "$PYTHON" -m dockd "$@" --config "$CONFIG";;
        enroll) "$PYTHON" -m dockd "$@" --config "$CONFIG" --invitation-file "$INVITED";;
        check-config) "$PYTHON" -m dockd "$@" "$CONFIG";;
        store) "$PYTHON" -m dockd "$@" --config "$CONFIG" --yes;;
        *) echo "what is $1?" >&2; return 9;;
    esac
}
"""


def blocks() -> list[str]:
    """What is there to paste, block by block."""
    found = re.findall(r"(?:^    .*\n)+", RESTORE, re.MULTILINE)
    return [re.sub(r"^    ", "", one, flags=re.MULTILINE) for one in found]


def pasted(lines: str, *, etc: Path, kept: Path, invited: Path) -> subprocess.CompletedProcess[str]:
    lines = lines.replace("/mnt/backup/dock1-2026-11-20", str(kept)).replace("/etc/dockd", str(etc))
    lines = lines.replace("-o root -g dockd ", "").replace("runuser -u dockd -- ", "")
    more = {
        "PYTHON": sys.executable, "CONFIG": str(etc / "dockd.toml"), "INVITED": str(invited), "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-e"],
        input=MACHINE + lines,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment() | more,
    )


@pytest.mark.parametrize("keys", [False, True])
def test_a_dock_comes_up_again_by_the_lines_of_its_manual(tmp_path: Path, keys: bool) -> None:
    root, authority, etc = tmp_path / "root", Authority(tmp_path / "authority", days=900), tmp_path / "etc"
    root.mkdir()
    (etc / "tls").mkdir(parents=True)
    shutil.copyfile(authority.certificate, etc / "tls" / "ca.pem")
    (etc / "cameras.csv").write_text("camera,assigned_to,note\nC3441,PC 1204,\n")
    _noted(tmp_path / "one", _invited(root))
    agent = Running(
        folder=etc,
        store="https://127.0.0.1:9",
        state=tmp_path / "state",
        more=f'[registry]\nfile = "{etc}/cameras.csv"',
    )
    agent.configure()
    with store_over_tls(root, authority) as url:
        done = dockd(
            "enroll",
            url,
            "--ca-file",
            etc / "tls" / "ca.pem",
            "--config",
            agent.config,
            "--invitation-file",
            tmp_path / "one",
            "--write",
            "--json",
        )
        assert done.code == 0, done.said
        agent.store, agent.store_more = url, as_lines(done.document["config"])
        agent.start()
        filled(agent.docks / "CAM1", {"A.MP4": os.urandom(1000)})
        agent.until_logged("segment.confirmed")
        agent.stop()
        kept = tmp_path / "kept"
        done = dockd("backup", "--to", kept, "--config", agent.config, *(["--with-keys"] if keys else []))
        assert done.code == 0, done.said
        assert (kept / "config" / "tls" / "ca.pem").read_bytes() == (etc / "tls" / "ca.pem").read_bytes()
        shutil.rmtree(tmp_path / "state")
        docks = agent.docks.rename(tmp_path / "docks")
        shutil.rmtree(etc)
        files, enrol, check, end = blocks()
        _noted(tmp_path / "two", "" if keys else _invited(root, "--again"))
        words = {"etc": etc, "kept": kept, "invited": tmp_path / "two"}
        ran = pasted(files, **words)
        assert ran.returncode == 0, ran.stderr
        assert (etc / "cameras.csv").stat().st_mode & 0o777 == 0o640
        said = pasted(check, **words)
        assert said.returncode == 2
        assert f"docks.folders: {etc}/docks does not exist" in said.stdout + said.stderr
        docks.rename(etc / "docks")
        if not keys:
            assert (
                f"store.client_cert_file: {tmp_path}/state/keys/store-client.pem does not exist"
                in said.stdout + said.stderr
            )
            assert (
                f"`dockd enroll {url}` gets from the store: this dock has to be enrolled" in said.stdout + said.stderr
            )
            ran = pasted(enrol, **words)
            assert ran.returncode == 0, ran.stderr
        ran = pasted(check, **words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        first, *_ = end.splitlines(keepends=True)
        assert first.startswith("systemctl start dockd")
        agent.store_more = as_lines(_store(agent.config))
        agent.start()
        filled(agent.docks / "CAM2", {"B.MP4": os.urandom(1000)})
        agent.until_logged("segment.confirmed")
        assert (agent.docks / "CAM2" / "B.MP4").exists()
        agent.stop()
        ran = pasted(end, **words)
        assert ran.returncode == 0, ran.stderr
        agent.start()
        agent.until(lambda: not (agent.docks / "CAM2" / "B.MP4").exists(), "it empties cameras from here on")
        agent.stop()


def _invited(root: Path, *more: str) -> str:
    done = CliRunner().invoke(invite, ["rack-1", "--root", str(root), *more])
    assert done.exit_code == 0, done.output
    return done.stdout


def _noted(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o600)
    return file


def _store(config: Path) -> dict[str, str | None]:
    import tomllib

    return dict(tomllib.loads(config.read_text())["store"])
