"""What a machine must have for the rig, asked before anything is built, and said in one sentence."""

from __future__ import annotations

import os
import platform
import shutil

from tests.hil.rig.places import state_folder

# The command that is looked for, and the Debian package that brings it.
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mkfs.vfat": "dosfstools",
    "fsck.vfat": "dosfstools",
    "mkfs.exfat": "exfatprogs",
    "mcopy": "mtools",
    "mkfs.ext4": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "sfdisk": "fdisk",
    "zstd": "zstd",
}
# mkfs and debugfs live where a plain user's PATH does not look.
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
FREE_BYTES = 4 << 30


def missing() -> str | None:
    """Say what is missing and how to get it, or None where the rig can run."""
    reasons = []
    absent = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=SYSTEM_PATH)})
    if absent:
        packages = " ".join(absent)
        reasons.append(f"packages are missing: apt-get install --no-install-recommends {packages}")
    if os.geteuid() != 0:
        reasons.append("root is needed to build the guest (mmdebstrap): run it with sudo")
    if platform.machine() != "x86_64":
        reasons.append(f"the guest is x86_64 and this machine is {platform.machine()}")
    free = shutil.disk_usage(state_folder()).free
    if free < FREE_BYTES:
        reasons.append(f"{state_folder()} has {free >> 20} MiB free and {FREE_BYTES >> 20} MiB are needed")
    return f"the rig cannot run here: {'; '.join(reasons)}" if reasons else None
