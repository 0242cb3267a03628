"""What a figure was measured on, read from the machine at run time and said without its name."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path


def description(scratch: Path) -> str:
    """One paragraph: processor, memory, kernel, filesystem of `scratch`, Python."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, Linux {_kernel()}, "
        f"{_filesystem(scratch)}, Python {platform.python_version()}."
    )


def load() -> float:
    """How many processes wanted to run, over the last minute: others' too, and those spoil a measurement."""
    return os.getloadavg()[0]


def version(command: str, *arguments: str) -> str | None:
    """The first line that a program says of itself; None where it is not installed."""
    if shutil.which(command) is None:
        return None
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def _processor() -> str:
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts[name.strip()] = value.strip()
    extensions = " with SHA extensions" if "sha_ni" in facts.get("flags", "").split() else ""
    return facts.get("model name", platform.machine()) + extensions


def _kernel() -> str:
    return ".".join(platform.release().split("-")[0].split(".")[:2])


def _filesystem(folder: Path) -> str:
    """Type of the filesystem, and whether its device is a virtual one."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[2] == wanted:
            kind, source = right.split()[:2]
            virtual = " on a virtual disk" if Path(source).name.startswith(("vd", "xvd")) else ""
            return kind + virtual
    return "an unknown filesystem"
