"""Where what is in memory may come to lie: swap, and the core of a program that crashed. Both may hold footage, tokens and keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dockd.doctor import blocks
from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine

_CORE = re.compile(r"^Max core file size +(\S+)", re.M)
_NO_CORES = "In the agent's unit: LimitCORE=0 (systemctl edit dockd)."


def swap(machine: Machine) -> Iterable[Finding]:
    """Off, in memory, or encrypted."""
    areas = [line.split()[0] for line in (machine.text("/proc/swaps") or "").splitlines()[1:] if line.strip()]
    if not areas:
        yield passed("swap", "there is no swap")
    for area in areas:
        name = area.rpartition("/")[2]
        if name.startswith("zram"):
            yield passed("swap", f"{area} is in memory")
            continue
        number = machine.device_number(area)
        if number is None:  # a file: on whatever it lies
            mount = machine.mount_of(Path(area))
            number = mount.number if mount is not None else None
        known = blocks.encrypted(machine, number) if number is not None else None
        if known:
            yield passed("swap", f"{area} is encrypted")
        elif known is None:
            yield skipped("swap", f"whether {area} is encrypted cannot be seen")
        else:
            says = f"{area} is swap in clear: footage, tokens and keys may be written there"
            yield warned(
                "swap",
                says,
                "Turn it off (swapoff -a, and out of /etc/fstab), or encrypt it (crypttab: swap with /dev/urandom).",
            )


def core_dumps(machine: Machine, *, agent: int | None) -> Iterable[Finding]:
    """Whether a crash writes the agent's memory to a disk. `agent`: its process, None: it does not run."""
    pattern = machine.text("/proc/sys/kernel/core_pattern")
    if pattern is None:
        yield skipped("core dumps", "the kernel does not say what becomes of cores")
        return
    if agent is None:
        yield skipped("core dumps", "the agent does not run: its limits cannot be seen", "Ask again when it does.")
        return
    found = _CORE.search(machine.text(f"/proc/{agent}/limits") or "")
    if found is None:
        yield skipped("core dumps", f"the limits of process {agent} cannot be seen")
    elif found[1] == "0" and (not pattern.startswith("|") or "systemd-coredump" in pattern):
        yield passed("core dumps", "the agent's memory is written nowhere when it crashes")
    elif pattern.startswith("|"):
        says = (
            f"a crash of the agent hands its memory to {pattern[1:].split()[0] if pattern[1:].split() else 'a program'}"
        )
        yield warned("core dumps", says, f"{_NO_CORES} systemd-coredump keeps to that; others have to be told.")
    elif not pattern:
        yield passed("core dumps", "the kernel writes no cores")
    else:
        yield warned("core dumps", f"a crash of the agent writes its memory to {pattern}", _NO_CORES)


def dumpable(machine: Machine) -> Iterable[Finding]:
    """Cores of programs that changed their user."""
    if machine.text("/proc/sys/fs/suid_dumpable") == "1":
        yield failed(
            "core dumps of privileged programs",
            "fs.suid_dumpable is 1: anybody's cores may hold root's memory",
            "sysctl -w fs.suid_dumpable=0",
        )
