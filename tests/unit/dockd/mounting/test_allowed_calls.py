"""What the helper calls is what its unit lets it call: its system calls are traced through a card's whole visit, and held against SystemCallFilter=."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from dockd.mounting.client import MountHelper
from tests.unit.dockd.mounting.conftest import NewHelper
from tests.unit.dockd.mounting.machine import Card

UNIT = Path(__file__).parents[4] / "packaging/dockd-mount.service"
# execve of strace's child, and what the kernel gives back to a thread that was interrupted: systemd allows both to everybody.
ALWAYS = {"execve", "restart_syscall", "rt_sigreturn"}


def calls_of(name: str) -> set[str]:
    """A call, or all of a set's, and of the sets within it."""
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    found: set[str] = set()
    for line in said.splitlines()[1:]:
        if (word := line.strip()) and not word.startswith("#"):
            found |= calls_of(word)
    return found


def allowed() -> set[str]:
    """As systemd reads the lines: the first one begins a list of what is allowed, and ~ takes out of it."""
    found = calls_of("@default")
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
        named = set().union(*(calls_of(name) for name in line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace (Debian: strace)")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze (Debian: systemd)")
async def test_its_unit_allows_what_it_calls(new_helper: NewHelper, card: Card, tmp_path: Path) -> None:
    traced = tmp_path / "calls"
    helper = new_helper("--user", "root", prefix=("strace", "--follow-forks", "-qq", "--output", str(traced)))
    client = MountHelper(helper.socket)
    mount = await client.mount(**card.asked("bay-3"))
    await client.writable(mount)
    (mount / "DCIM/BWC00001.MP4").unlink()
    await client.fresh(mount)
    await client.unmount(mount)
    await client.close()
    (traced_one,) = Path(f"/proc/{helper.process.pid}/task/{helper.process.pid}/children").read_text().split()
    os.kill(int(traced_one), signal.SIGTERM)
    assert helper.process.wait(timeout=30) == 0
    called = set(re.findall(r"(?m)^\d+ +(\w+)\(", traced.read_text()))
    assert {
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "move_mount",
        "mount_setattr",
        "umount2",
        "unshare",
        "syncfs",
    } <= called
    assert called - allowed() - ALWAYS == set()
    assert {"mount", "chroot", "pivot_root", "setns", "mknodat", "ptrace", "bpf"} & allowed() == set()
