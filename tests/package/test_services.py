"""The services of the package under a real systemd, in a virtual machine of the rig: what runs after an install, an upgrade, a removal.

Nothing here has a network: the guest installs from the bundle.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.rig import prerequisites
from tests.hil.rig.guest_build import guest_image
from tests.hil.rig.machine import Machine
from tests.hil.rig.places import scratch_folder
from tests.hil.rig.product import packages as libraries
from tests.hil.rig.shell import host
from tests.hil.rig.vm import Vm, restored, snapshot_of
from tests.package.dock import CONFIGURATION, STORE
from tests.package.packages import Packages

HERE = "/mnt/source"
LONG = 900.0
NEWER = "9.9.9"
# A clip takes minutes, so that an upgrade comes in the middle of it.
SLOW = '[bandwidth]\nlimit = "200 kbit/s"\n'
# Copies, descriptions and keys; not the file that names the record's head, which goes on with every entry.
KEPT = "cd /var/lib/dockd && find spool keys -type f ! -name '*.lock' ! -name 'head*' -exec sha256sum {} + | sort"


@pytest.fixture
def guest(packages: Packages, bundle: Path) -> Iterator[Vm]:
    """A booted Debian 12 with the unpacked bundle, and a package of a higher version, in HERE."""
    reason = prerequisites.missing()
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with scratch_folder("services") as folder:
        share = folder / "share"
        share.mkdir()
        subprocess.run(["tar", "-xf", str(bundle), "-C", str(share)], check=True)
        (share / bundle.stem).rename(share / "bundle")
        newer(packages.deb, share / "newer.deb", folder / "tree")
        with restored(snapshot_of(guest_image(), Machine(), packages=libraries()), shares={"source": share}) as vm:
            yield vm


def newer(deb: Path, made: Path, tree: Path) -> None:
    host("dpkg-deb", "--raw-extract", deb, tree)
    control = tree / "DEBIAN/control"
    lines = [f"Version: {NEWER}" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    host("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, made)
    shutil.rmtree(tree)


def states(vm: Vm) -> list[str]:
    """How the helper and the agent stand."""
    return vm.run("systemctl is-active dockd-mount dockd").stdout.split()


def shown(vm: Vm, unit: str, *names: str) -> dict[str, str]:
    lines = vm.check(f"systemctl show {unit} {' '.join(f'--property={name}' for name in names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def await_page(vm: Vm) -> None:
    """Until the agent answers."""
    vm.check(
        "timeout 600 bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/8099) 2>/dev/null; do sleep 0.5; done'", timeout=LONG
    )


def until(vm: Vm, holds: str) -> None:
    """Until a command of the guest's shell ends well."""
    vm.check(f"timeout 600 sh -c {shlex.quote(f'until {holds}; do sleep 1; done')}", timeout=LONG)


def handed_in(vm: Vm, camera: str) -> None:
    """A camera with one clip, copied into the spool."""
    vm.check(
        f"dd if=/dev/urandom of=/srv/clip.mp4 bs=1M count=4 2>/dev/null && install -d -o dockd -g dockd /srv/{camera}"
    )
    vm.check(f"install -o dockd -g dockd /srv/clip.mp4 /srv/{camera}/ && mv /srv/{camera} /srv/docks/")
    until(vm, "ls /var/lib/dockd/spool | grep -v -e json -e part")


def test_what_runs_when(guest: Vm) -> None:
    vm = guest
    # 1. Not configured: the helper runs, the agent does not, and nothing goes round in circles.
    said = vm.run(f"sh {HERE}/bundle/install.sh", timeout=LONG)
    assert said.status == 0, said.said
    assert "the agent is not started: it is not configured yet" in said.said
    assert states(vm) == ["active", "inactive"]
    assert vm.run("systemctl is-enabled dockd-mount dockd").stdout.split() == ["enabled", "enabled"]
    vm.run("systemctl start dockd")
    vm.run("timeout 100 sh -c 'until systemctl is-failed --quiet dockd; do sleep 0.2; done'")
    found = shown(vm, "dockd", "ExecMainStatus", "NRestarts", "ActiveState", "SubState")
    assert found == {"ExecMainStatus": "2", "NRestarts": "0", "ActiveState": "failed", "SubState": "failed"}
    # 2. Configured.
    vm.check(
        f"cat > /etc/dockd/dockd.toml <<'END'\n{CONFIGURATION}{SLOW}END\ninstall -d -o dockd -g dockd /srv/docks /srv/footage"
    )
    vm.check("runuser -u dockd -- dockd check-config && systemctl start dockd", timeout=LONG)
    await_page(vm)
    handed_in(vm, "CAM01")
    before = {unit: shown(vm, unit, "InvocationID") for unit in ("dockd", "dockd-mount")}
    copied = vm.check(KEPT)
    # 3. Upgrade in the middle of an upload: both end, and both run again, anew; the upload is gone on with.
    vm.check(f"systemd-run --unit=store --uid=dockd {' '.join(STORE)}")
    until(vm, "test $(du -s /srv/footage | cut -f1) -gt 300")
    copies = vm.check(KEPT)  # and the pin of the store that it has met by now
    assert set(copied.splitlines()) < set(copies.splitlines())
    upgraded = vm.run(f"dpkg --install {HERE}/newer.deb", timeout=LONG)
    assert upgraded.status == 0, upgraded.said
    assert states(vm) == ["active", "active"]
    for unit, old in before.items():
        assert shown(vm, unit, "InvocationID") != old
    assert vm.check(KEPT) == copies
    await_page(vm)
    assert vm.run("test -e /run/dockd.upgrading").status == 1
    vm.check("sed -i '/^limit/d' /etc/dockd/dockd.toml && systemctl reload dockd")
    until(vm, 'test -z "$(ls /srv/docks/CAM01)"')
    until(vm, "! ls /var/lib/dockd/spool | grep -q -v -e json -e part")
    vm.check("runuser -u dockd -- dockd reconcile", timeout=LONG)
    clip = vm.check("sha256sum < /srv/clip.mp4")
    stored = vm.check("find /srv/footage -type f -size +3M -exec sh -c 'sha256sum < \"$1\"' sh {} ';'")
    assert stored == clip  # once, and whole
    vm.check("systemctl stop store")
    handed_in(vm, "CAM02")
    copies = vm.check(KEPT)
    # 4. What was stopped stays stopped over an upgrade.
    vm.check("systemctl stop dockd", timeout=LONG)
    vm.check(f"dpkg --install {HERE}/newer.deb", timeout=LONG)
    assert states(vm) == ["active", "inactive"]
    # 5. systemd's own broom finds nothing of the dock's.
    vm.run("systemctl clean --what=all dockd dockd-mount")
    assert vm.check(KEPT) == copies
    # 6. Removed: nothing runs, nothing failed, the footage is there.
    vm.check("systemctl start dockd", timeout=LONG)
    await_page(vm)
    vm.check("dpkg --remove dockd", timeout=LONG)
    assert states(vm) == ["inactive", "inactive"]
    assert vm.check("systemctl --failed --no-legend --plain | grep dockd || true") == ""
    assert vm.check(KEPT) == copies
    # 7. Installed again it goes on; purged while it runs, the footage is there still.
    vm.check(f"dpkg --install {HERE}/newer.deb", timeout=LONG)
    await_page(vm)
    vm.check("dpkg --purge dockd", timeout=LONG)
    assert vm.check(KEPT) == copies
    assert vm.check("systemctl --failed --no-legend --plain | grep dockd || true") == ""
