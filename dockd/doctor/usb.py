"""USB as sysfs shows it: devices that are not let in, ports that sleep, and ports that drew too much."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine

_DEVICES = "/sys/bus/usb/devices"
_DEVICE = re.compile(r"\d+-\d+(\.\d+)*")
_HUB = "09"
_SHOWN = 8


def authorised(machine: Machine) -> Iterable[Finding]:
    """Whether cameras that are plugged in are let in by the kernel."""
    names = machine.names(_DEVICES)
    if not names:
        yield warned(
            "USB", "this machine has no USB", "Is its controller turned off in the firmware, or is this a container?"
        )
        return
    shut = [name for name in names if _DEVICE.fullmatch(name) and machine.text(f"{_DEVICES}/{name}/authorized") == "0"]
    closed = [
        name
        for name in names
        if name.startswith("usb") and machine.text(f"{_DEVICES}/{name}/authorized_default") == "0"
    ]
    if shut:
        do = "USBGuard, or a rule of udev, keeps them out: allow the cameras there (usbguard allow-device, or authorized=1 for their ids)."
        yield failed("USB: let in", f"{len(shut)} devices are plugged in and not authorised: {_few(shut)}", do)
    elif closed:
        yield warned(
            "USB: let in",
            f"what is plugged in at {_few(closed)} is not authorised by itself",
            "See that something (USBGuard) lets the cameras in.",
        )
    else:
        devices = sum(bool(_DEVICE.fullmatch(name)) for name in names)
        yield passed("USB: let in", f"what is plugged in is authorised ({devices} devices there now)")


def asleep(machine: Machine) -> Iterable[Finding]:
    """Whether the kernel puts hubs or cameras to sleep while they are not read: some hubs cut the charge then, some cameras never wake up."""
    sleepy = []
    for name in machine.names(_DEVICES):
        if not _DEVICE.fullmatch(name):
            continue
        at = f"{_DEVICES}/{name}"
        delay = machine.text(f"{at}/power/autosuspend_delay_ms") or "-1"
        if (
            machine.text(f"{at}/power/control") == "auto"
            and not delay.startswith("-")
            and machine.text(f"{at}/bDeviceClass") != _HUB
        ):
            sleepy.append(name)
    if sleepy:
        do = "If cameras charge badly or vanish: usbcore.autosuspend=-1 on the kernel's command line, or a udev rule with power/control=on."
        yield warned("USB: awake", f"the kernel may put {len(sleepy)} devices to sleep: {_few(sleepy)}", do)
    else:
        yield passed("USB: awake", "no device that is plugged in is put to sleep")


def over_current(machine: Machine) -> Iterable[Finding]:
    """Ports that were shut because they drew too much: a bent contact, a broken cable, or a rack without a supply of its own."""
    found, looked = [], 0
    for interface in machine.names(_DEVICES):
        if ":" not in interface:
            continue
        for port in machine.names(f"{_DEVICES}/{interface}"):
            if "-port" not in port:
                continue
            count = machine.text(f"{_DEVICES}/{interface}/{port}/over_current_count")
            looked += count is not None
            if count not in (None, "0"):
                found.append(f"{port} ({count} times)")
    if found:
        yield warned(
            "USB: over-current",
            f"too much was drawn at {_few(found)} since the start",
            "Look at that bay's contacts and cable, and at the hub's supply.",
        )
    elif looked:
        yield passed("USB: over-current", f"none of {looked} ports has drawn too much")
    else:
        yield skipped("USB: over-current", "no hub here counts it")


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
