"""The machine that QEMU makes: what it consists of, and QEMU's arguments for it.

A snapshot fits only the machine that it was taken of, so everything that is plugged later (cards, disks) is left out of
here, and everything that a plug needs (USB controllers, a SCSI bus, the shares) is in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.hil.rig.guest_build import GuestImage
from tests.hil.rig.shell import host

# Folders of the host that the guest sees, read-only, at /mnt/<name>.
SHARES = ("source",)
# What dockd needs, on a read-only disk that is part of the machine: so a snapshot has it in the guest's memory.
PACKAGES = "/mnt/packages"
PACKAGES_DEVICE = "/dev/disk/by-id/virtio-packages"


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

    def arguments(self, *, guest: GuestImage, packages: Path, root: Path, keep_root: bool, run: Path) -> list[str]:
        """QEMU's command line, without shares and snapshot. Root writes last only with `keep_root`."""
        virtual_cpu = ["-accel", "kvm", "-cpu", "host"]
        if accelerator() == "tcg":
            virtual_cpu = ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max"]
        form = "qcow2" if root.suffix == ".qcow2" else "raw"
        discard = "off" if keep_root else "on"
        controllers = [
            f"qemu-xhci,id=usb{number},addr={0x10 + number:#x},p2={self.ports},p3={self.ports}"
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
