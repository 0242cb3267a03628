"""Builds the guest: Debian 12 with its own kernel, systemd-udevd and Python 3.11, as one ext4 image.

Built on first use, about a minute, and again whenever what it is built from changes: the state folder holds one folder
for each set of inputs. The guest carries no part of dockd: that is shared into it, so a change of dockd builds nothing.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.places import GUEST_FILES, built_once, key_of, state_folder
from tests.hil.rig.shell import host

SUITE = "bookworm"
PACKAGES = (
    "systemd-sysv",
    "udev",
    "kmod",
    "dbus",
    "linux-image-amd64",
    "initramfs-tools",
    "python3",
    "util-linux",
    "mount",
    "dosfstools",
    "exfatprogs",
    "e2fsprogs",
    # What tests damage, lock and look at devices with.
    "fdisk",
    "cryptsetup-bin",
    "dmsetup",
    "usbutils",
    "procps",
    # A line with delay.
    "iproute2",
)
# Only what is needed to find the root disk; everything else is loaded by udev, as on a real machine.
INITRD_MODULES = ("virtio_pci", "virtio_blk", "ext4")
ROOT_SIZE = 3 << 30


@dataclass(frozen=True, kw_only=True)
class GuestImage:
    """A built guest. `key` names what it was built from."""

    folder: Path
    key: str

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def root(self) -> Path:
        return self.folder / "root.ext4"


def guest_image() -> GuestImage:
    """The guest, built if it is not there. Raises HostCommandFailed (no network, no disk, no root)."""
    inputs = [" ".join((SUITE, *PACKAGES, *INITRD_MODULES, str(ROOT_SIZE))).encode()]
    inputs += [path.read_bytes() for path in sorted(GUEST_FILES.iterdir()) if path.is_file()]
    key = key_of(inputs)
    folder = state_folder() / f"guest-{key}"
    with built_once(folder) as building:
        if building is not None:
            _build(building)
    return GuestImage(folder=folder, key=key)


def _build(folder: Path) -> None:
    tree = folder / "tree"
    modules = "".join(f"{module}\n" for module in INITRD_MODULES)
    initramfs = '"$1/etc/initramfs-tools'
    prepare = (
        f'mkdir -p {initramfs}/conf.d" && '
        f'printf "MODULES=list\\nCOMPRESS=zstd\\n" > {initramfs}/conf.d/rig" && '
        f'printf %s {shlex.quote(modules)} > {initramfs}/modules"'
    )
    mirror = [os.environ["DOCKD_HIL_MIRROR"]] if "DOCKD_HIL_MIRROR" in os.environ else []
    host(
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")),
        "--aptopt=APT::Install-Recommends false",
        f"--essential-hook={prepare}",
        f'--customize-hook={shlex.quote(str(GUEST_FILES / "setup.sh"))} "$1"',
        SUITE,
        tree,
        *mirror,
        environment={name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ},
        timeout=900,
    )
    next(tree.glob("boot/vmlinuz-*")).rename(folder / "vmlinuz")
    next(tree.glob("boot/initrd.img-*")).rename(folder / "initrd.img")
    image = folder / "root.ext4"
    with image.open("wb") as file:
        file.truncate(ROOT_SIZE)
    host("mkfs.ext4", "-q", "-F", "-L", "dockd-rig", "-d", tree, image)
    host("rm", "-rf", "--one-file-system", tree)
