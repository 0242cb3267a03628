"""The dock's own disks as image files: what lies on them is read on the host, after the guest is gone.

QEMU hands each write of the guest to the image at once, and the host stays up: what a power cut takes is what the guest
still had in its memory, which is what an fsync that somebody forgot leaves there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.machine import BuiltIn
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import copy_image
from tests.hil.rig.traffic import Traffic, await_traffic
from tests.hil.rig.vm import Vm

# One address for each disk that a guest may have.
SLOTS = {"source": 1, "state": 2, "store": 3}


@dataclass(frozen=True, kw_only=True)
class Disk:
    """An ext4 disk."""

    image: Path

    def plug(self, vm: Vm, *, name: str, where: str) -> None:
        """Plug it into the guest and mount it at `where`."""
        disk = BuiltIn(name=name, slot=SLOTS[name], image=self.image)
        attach(vm, disk)
        mount(vm, disk, where=where)

    @staticmethod
    def await_written(vm: Vm, *, name: str, size: int) -> None:
        """Wait until the guest has written `size` bytes more to the disk plugged as `name`."""
        await_traffic(vm.qmp, f"disk-{name}", more=Traffic(read=0, written=size))

    def copy_out(self, folder: Path) -> Path:
        """Copy what the disk holds into `folder`, which must not exist, and return it.

        The journal is replayed on a copy, as the next boot would; the image itself stays as the cut left it.
        """
        copy = folder.with_suffix(".ext4")
        copy_image(self.image, copy)
        host("e2fsck", "-f", "-y", copy, accept=(0, 1))
        folder.mkdir()
        host("debugfs", "-R", f"rdump / {folder}", copy)
        copy.unlink()
        return folder


def attach(vm: Vm, disk: BuiltIn) -> None:
    """Plug a disk into a running guest and wait until udev knows it."""
    vm.qmp.execute("blockdev-add", disk.node())
    vm.qmp.execute("device_add", disk.device())
    vm.check(f"udevadm wait --timeout=30 --initialized=true {disk.path}")


def detach(vm: Vm, disk: BuiltIn) -> None:
    """Take an unmounted disk away. Raises TimeoutError where the guest does not let go of it."""
    vm.qmp.execute("device_del", {"id": f"disk-{disk.name}"})
    vm.qmp.wait_event("DEVICE_DELETED", where=lambda data: data.get("device") == f"disk-{disk.name}")
    vm.qmp.execute("blockdev-del", {"node-name": disk.name})


def mount(vm: Vm, disk: BuiltIn, *, where: str) -> None:
    """Mount an attached disk in the guest. Nothing is written to it but what somebody writes."""
    options = "ro,nodev,nosuid" if disk.read_only else "nodev,nosuid,noatime,noinit_itable"
    vm.check(f"mkdir -p {where} && mount -t ext4 -o {options} {disk.path} {where}")


def make_disk(image: Path, *, size: int = 8 << 30) -> Disk:
    """A freshly formatted disk; `size` in bytes, sparse. Room enough that nobody's reserve is touched."""
    with image.open("wb") as file:
        file.truncate(size)
    host("mkfs.ext4", "-q", "-F", "-N", "65536", image)
    return Disk(image=image)
