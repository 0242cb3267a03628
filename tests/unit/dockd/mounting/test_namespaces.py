"""The agent's unit has a mount namespace of its own: what is made there must be what dockd-mount makes, and as writable."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dockd.mounting import kernel
from tests.unit.dockd.mounting.conftest import NewCard
from tests.unit.dockd.mounting.machine import FOOTAGE, host

FIRST = next(iter(FOOTAGE))
# Read-only is said in words, whatever the folder's owner is.
LOOK = 'echo there; while read -r what; do if rm "$1" 2>/dev/null; then echo gone; else echo kept; fi; done'


def test_a_remount_reaches_the_mount_that_another_namespace_sees(base: Path, new_card: NewCard) -> None:
    place = base / "mnt"
    place.mkdir()
    host("mount", "--bind", base, base)
    host("mount", "--make-shared", base)
    card = new_card()
    words = ("unshare", "--mount", "--propagation", "slave", "sh", "-c", LOOK, "sh", str(place / FIRST))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        try:
            assert agent.stdout.readline() == "there\n"  # the namespace was made before the camera came
            mount = kernel.new_mount("ext4", card.device, options=(), writable=False)
            bare = os.open(place, os.O_PATH)
            kernel.attach(mount, bare)
            os.close(bare)
            told = []
            for read_only in (True, False):
                if not read_only:
                    kernel.set_filesystem_read_only(mount, read_only=False)
                agent.stdin.write("now\n")
                told.append(agent.stdout.readline().strip())
            os.close(mount)
            assert told == ["kept", "gone"]
            assert not (place / FIRST).exists()
        finally:
            agent.stdin.close()
