"""libudev on the event loop, against a machine that umockdev makes: real pyudev, real libudev, real sockets."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

from dockd.docks.udev import NoUdev, Udev

REPOSITORY = Path(__file__).parents[4]
SCENES = "tests.unit.dockd.docks.udev_scenes"

no_umockdev = pytest.mark.skipif(
    shutil.which("umockdev-wrapper") is None, reason="umockdev is missing: apt-get install umockdev"
)
not_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, and unshare")
pytestmark = pytest.mark.skipif(find_library("udev") is None, reason="libudev is missing: apt-get install libudev1")

# As where udevd runs: without this file libudev listens to nobody.
UDEVD = "mount -t tmpfs none /run && mkdir /run/udev && touch /run/udev/control"


def run(*command: str) -> None:
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@no_umockdev
@pytest.mark.parametrize("scene", ["hears_and_sees", "hub", "hung_up"])
def test_scene(scene: str) -> None:
    run("umockdev-wrapper", sys.executable, "-W", "error", "-m", SCENES, scene)


@not_root
@pytest.mark.parametrize("scene", ["storm", "overflow"])
def test_scene_on_the_kernels_own_socket(scene: str) -> None:
    command = shlex.join([sys.executable, "-W", "error", "-m", SCENES, scene])
    run("unshare", "--mount", "--net", "sh", "-c", f"{UDEVD} && exec {command}")


def test_no_udevd_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoUdev, match="udevd does not run here"):
        Udev(running=tmp_path / "control").open()
