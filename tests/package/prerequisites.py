"""What a machine must have to build the packages and to install them in clean systems, said in one sentence."""

from __future__ import annotations

import os
import platform
import shutil

# The command that is looked for, and the Debian package that brings it.
TOOLS = {
    "dh": "debhelper",
    "dpkg-buildpackage": "dpkg-dev",
    "/usr/bin/python3.11": "python3.11",
    "lintian": "lintian",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
}


def missing() -> str | None:
    """Say what is missing and how to get it, or None where the packages can be tried."""
    reasons = []
    absent = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if absent:
        reasons.append(f"packages are missing: apt-get install --no-install-recommends {' '.join(absent)}")
    if os.geteuid() != 0:
        reasons.append("root is needed for clean systems (mmdebstrap, chroot): run it with sudo")
    if platform.machine() != "x86_64":
        reasons.append(f"the package is for amd64 and this machine is {platform.machine()}")
    return f"the packages cannot be tried here: {'; '.join(reasons)}" if reasons else None
