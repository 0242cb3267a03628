"""How cameras get to the agent: udev, its rules, and the mount helper."""

from __future__ import annotations

import grp
import os
import socket
from collections.abc import Iterable

from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine
from dockd.mounting.wire import PROTOCOL, Garbage, Inbox
from dockd.settings import Settings
from dockd.settings.mistakes import shown

RULES = "70-dockd.rules"
_FOLDERS = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
_PATIENCE = 5.0
_MOST = 64 << 10
_START = "systemctl status dockd-mount; systemctl start dockd-mount"


def udev(machine: Machine, settings: Settings) -> Iterable[Finding]:
    """Whether udev runs, and knows dockd's rules."""
    if not settings.docks.usb:
        yield skipped("udev", "docks.usb is false: no camera is looked for on USB")
        return
    if machine.there("/run/udev/control"):
        yield passed("udev", "udev runs")
    else:
        yield failed(
            "udev",
            "udev does not run: no camera is seen",
            "systemctl start systemd-udevd; in a container there is none",
        )
    found = [folder for folder in _FOLDERS if machine.there(f"{folder}/{RULES}")]
    if not found:
        do = f"Install the package again, or copy packaging/{RULES} to /etc/udev/rules.d, then: udevadm control --reload && udevadm trigger"
        yield warned(
            "udev rules", f"{RULES} is not installed: cameras that are no disks (MTP, unlocking) cannot be opened", do
        )
    elif machine.status(f"{found[0]}/{RULES}") and not machine.text(f"{found[0]}/{RULES}"):
        yield warned(
            "udev rules",
            f"{found[0]}/{RULES} is empty or leads nowhere: it switches dockd's own rules off",
            "Remove it, then: udevadm control --reload",
        )
    else:
        yield passed("udev rules", f"{found[0]}/{RULES} is there")


def helper(settings: Settings) -> Iterable[Finding]:
    """Whether the mount helper answers whoever asks, and in words that this version knows. Blocks."""
    if not settings.docks.usb:
        yield skipped("mount helper", "docks.usb is false: nothing is mounted")
        return
    where = settings.docks.mount_helper
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE)
            line.connect(str(where))
            said = _greeting(line)
    except PermissionError:
        yield failed(
            "mount helper",
            f"{where} may not be opened by user {os.geteuid()}: it is not in the socket's group",
            f"ls -l {where}; is this the agent's user?",
        )
    except TimeoutError:
        yield failed("mount helper", f"what listens at {where} does not answer within {_PATIENCE:.0f} s", _START)
    except (OSError, Garbage) as error:
        yield failed("mount helper", f"no mount helper answers at {where} ({error})", _START)
    else:
        yield _judged(said)


def _greeting(line: socket.socket) -> dict[str, object] | None:
    inbox, read = Inbox(), 0
    while read < _MOST and (some := line.recv(8192)):
        read += len(some)
        for message in inbox.feed(some):
            return message
    return None


def _judged(said: dict[str, object] | None) -> Finding:
    if said is None:
        return failed("mount helper", "it ends the connection without a word", _START)
    if said.get("ok") == {"protocol": PROTOCOL}:
        return passed("mount helper", f"it answers, and speaks this version's protocol ({PROTOCOL})")
    if "error" in said:
        return failed(
            "mount helper",
            f"it refuses: {shown(said.get('message'))}",
            "Does the agent run as the user that dockd-mount.service names (--user)?",
        )
    return failed(
        "mount helper",
        f"it speaks another protocol than {PROTOCOL}",
        "Agent and helper have to be of one version: systemctl restart dockd-mount dockd",
    )


def groups_of(name: str, gid: int) -> tuple[int, ...]:
    """Every group that a user is in."""
    return tuple(sorted({gid, *(one.gr_gid for one in grp.getgrall() if name in one.gr_mem)}))
