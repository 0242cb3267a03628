"""Whether the agent runs, as whom and in which unit; and what it runs on."""

from __future__ import annotations

import pwd
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from dockd import __version__
from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine, NotSeen
from dockd.settings import Settings

_LOWEST_KERNEL = (5, 15)  # diskseq, by which a camera is known to be the same one, came with it
_UNIT = re.compile(r"([A-Za-z0-9:_.@\\-]+\.(?:service|scope))(?:/|$)", re.M)
_UID = re.compile(r"^Uid:\s+(\d+)\s+(\d+)", re.M)
USER = "dockd"


def process(machine: Machine, settings: Settings) -> int | None:
    """The agent that holds this state's lock; None where none does. Raises NotSeen."""
    said = machine.text(settings.ledger.path.with_name("lock"), most=64)
    if said is None or not said.isascii() or not said.isdigit() or len(said) > 9:
        return None
    command = machine.text(f"/proc/{said}/cmdline")  # the number of one that has ended may be another's
    return int(said) if command is not None and "dockd" in command else None


def running(machine: Machine, settings: Settings) -> Iterable[Finding]:
    """Does it run, and with no more rights than it needs?"""
    number = process(machine, settings)
    if number is None:
        yield warned(
            "agent", "no agent works with this state", "systemctl start dockd; why it ended: journalctl -u dockd -e"
        )
        return
    found = _UID.search(machine.text(f"/proc/{number}/status") or "")
    units = _UNIT.findall(machine.text(f"/proc/{number}/cgroup") or "")
    where = f" in {units[-1]}" if units else ""
    if found is None:
        yield skipped("agent", f"the agent (process {number}) does not show as whom it runs")
    elif found[2] == "0":
        yield failed(
            "agent",
            f"the agent (process {number}{where}) runs as root",
            "It needs no rights of its own: User=dockd, as the shipped unit has it.",
        )
    else:
        yield passed("agent", f"the agent runs (process {number}) as {name_of(int(found[2]))}{where}")
    if found is not None and units and units[-1].endswith(".scope"):
        yield warned(
            "agent: unit",
            f"it was started by hand ({units[-1]}): nobody starts it again",
            "systemctl start dockd, once this one has ended",
        )


def versions(machine: Machine, *, systemd: str | None) -> Iterable[Finding]:
    """`systemd`: what `systemctl --version` says first; None: there is none."""
    kernel = machine.text("/proc/sys/kernel/osrelease") or ""
    said = re.match(r"(\d+)\.(\d+)", kernel)
    if said is None:
        yield skipped("kernel", "the kernel does not say its version")
    elif (int(said[1]), int(said[2])) < _LOWEST_KERNEL:
        do = "Debian 12 has 6.1."
        yield failed(
            "kernel", f"kernel {kernel} is older than 5.15: two cameras in one bay cannot be told apart safely", do
        )
    else:
        yield passed("kernel", f"kernel {kernel}")
    if systemd is None:
        yield skipped("systemd", "there is no systemd here: what starts dockd again is this machine's own affair")
    else:
        yield passed("systemd", systemd)
    yield passed("Python and dockd", f"Python {'.'.join(map(str, sys.version_info[:3]))}, dockd {__version__}")


def user_of(machine: Machine, settings: Settings) -> pwd.struct_passwd | None:
    """The user that the agent has: as it runs, else the ledger's owner, else `dockd`; None where that is root or nobody known."""
    uid = _uid(machine, settings)
    try:
        return pwd.getpwuid(uid) if uid else pwd.getpwnam(USER)
    except KeyError:
        return None


def _uid(machine: Machine, settings: Settings) -> int | None:
    try:
        number = process(machine, settings)
        found = _UID.search(machine.text(f"/proc/{number}/status") or "") if number is not None else None
        if found is not None:
            return int(found[2])
        for path in (settings.ledger.path, Path(settings.ledger.path.parent)):
            status = machine.status(path)
            if status is not None:
                return status.st_uid
    except NotSeen:
        pass
    return None


def name_of(uid: int) -> str:
    """A user's name, or the number of one without."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
