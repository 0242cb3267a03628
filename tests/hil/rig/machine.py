"""The machine that QEMU makes: what it consists of, and QEMU's arguments for it.

A snapshot fits only the machine that it was taken of, so everything that is plugged later (cards, disks) is left out of
here, and everything that a plug needs (USB controllers, a SCSI bus, the shares) is in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.hil.rig.guest_build import GuestImage
from tests.hil.rig.shell import host

# Folders of the host that the guest sees, read-only, at /mnt/<name>.
SHARES = ("source",)
# What dockd needs, on a read-only disk that is part of the machine: so a snapshot has it in the guest's memory.
PACKAGES = "/mnt/packages"
# PCI address of the first USB controller.
FIRST_CONTROLLER = 0x10
PACKAGES_DEVICE = "/dev/disk/by-id/virtio-packages"


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """A disk on the SCSI bus, known in the guest by its name. `slot` keeps its address the same from one start to the next."""

    name: str
    slot: int
    image: Path
    read_only: bool = False

    @property
    def path(self) -> str:
        """Where the guest has it."""
        return f"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_{self.name}"

    def node(self) -> dict[str, Any]:
        """The image, for QEMU. What the guest flushes need not reach the host's own disk: the host stays up."""
        file = {"driver": "file", "filename": str(self.image), "locking": "off"}
        cache = {"direct": False, "no-flush": True}
        return {
            "driver": "raw",
            "node-name": self.name,
            "file": file,
            "cache": cache,
            "read-only": self.read_only,
        }

    def device(self) -> dict[str, Any]:
        """The disk, for QEMU."""
        where = {"bus": "disks.0", "channel": 0, "scsi-id": self.slot, "lun": 0}
        return {"driver": "scsi-hd", "id": f"disk-{self.name}", **where, "drive": self.name, "serial": self.name}

    def arguments(self) -> list[str]:
        """The same on QEMU's command line."""
        return ["-blockdev", json.dumps(self.node()), "-device", json.dumps(self.device())]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Sizes of the guest. Each controller has `ports` USB 2 and as many USB 3 ports: one bay a port."""

    cpus: int = 2
    memory_mib: int = 1024
    controllers: int = 2
    ports: int = 8

    def fingerprint(self) -> bytes:
        """What a snapshot depends on, beside the guest's image."""
        return f"{self!r} {SHARES} {accelerator()} {host('qemu-system-x86_64', '--version')}".encode()

    def bus(self, bay: int) -> tuple[str, str]:
        """Bus and port behind a bay of the rack, for QEMU. Bay 1 is the first port of the first controller."""
        controller, port = divmod(bay - 1, self.ports)
        if not 0 <= controller < self.controllers:
            raise ValueError(f"a machine with {self.controllers} × {self.ports} ports has no bay {bay}")
        return f"usb{controller}.0", str(port + 1)

    def places(self) -> list[str]:
        """The port behind each bay, in the bays' order, as udev names it (ID_PATH up to the port)."""
        return [
            f"pci-0000:00:{FIRST_CONTROLLER + controller:02x}.0-usb-0:{port}"
            for controller in range(self.controllers)
            for port in range(1, self.ports + 1)
        ]

    def arguments(self, *, guest: GuestImage, packages: Path, root: Path, keep_root: bool, run: Path) -> list[str]:
        """QEMU's command line, without shares and snapshot. Root writes last only with `keep_root`."""
        virtual_cpu = ["-accel", "kvm", "-cpu", "host"]
        if accelerator() == "tcg":
            virtual_cpu = ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max"]
        form = "qcow2" if root.suffix == ".qcow2" else "raw"
        discard = "off" if keep_root else "on"
        controllers = [
            f"qemu-xhci,id=usb{number},addr={FIRST_CONTROLLER + number:#x},p2={self.ports},p3={self.ports}"
            for number in range(self.controllers)
        ]
        devices = [
            "virtio-blk-pci,drive=root",
            "virtio-blk-pci,drive=packages,serial=packages",
            "virtio-scsi-pci,id=disks",
            "virtio-serial-pci",
            "virtserialport,chardev=channel,name=dockd-hil",
            "virtio-rng-pci",
            *controllers,
        ]
        return [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "q35", "-smp", str(self.cpus), "-m", str(self.memory_mib), *virtual_cpu),
            *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd)),
            "-append",
            "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off nokaslr systemd.show_status=0",
            *("-serial", f"file:{run / 'console.log'}"),
            *("-qmp", f"unix:{run / 'qmp'},server=on,wait=off"),
            *("-chardev", f"socket,id=channel,path={run / 'channel'},server=on,wait=off"),
            "-drive",
            f"file={root},format={form},if=none,id=root,cache=unsafe,snapshot={discard}",
            *("-drive", f"file={packages},format=raw,if=none,id=packages,readonly=on"),
            *(word for device in devices for word in ("-device", device)),
        ]


def share_arguments(shares: Mapping[str, Path]) -> list[str]:
    """QEMU's arguments for the read-only shares; `shares` has a folder for each name of SHARES."""
    words = []
    for name in SHARES:
        words += ["-fsdev", f"local,id={name},path={shares[name]},security_model=none,readonly=on"]
        words += ["-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]
    return words


@cache
def accelerator() -> str:
    """kvm where it works, else tcg (QEMU's own translation); DOCKD_HIL_ACCEL decides where it is set.

    A host that is itself a guest of the pvm kind offers /dev/kvm, but a stock kernel does not get past its
    decompressor there.
    """
    if named := os.environ.get("DOCKD_HIL_ACCEL"):
        return named
    usable = os.access("/dev/kvm", os.R_OK | os.W_OK) and not Path("/sys/module/kvm_pvm").exists()
    return "kvm" if usable else "tcg"
