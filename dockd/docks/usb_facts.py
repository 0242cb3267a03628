"""What udev says of USB devices and of the disks below them, as values. Pure.

Rules kept here: a place is the port's ID_PATH up to the chain of ports ("pci-0000:00:14.0-usb-0:1.2"): bus numbers and sdX change with every
boot, the wiring of a rack does not. What changes with every event and says nothing of the device is no part of a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

FactKind = Literal["usb", "disk", "partition"]

_PORT = re.compile(r"(.*/usb\d+(?:/\d+-\d+(?:\.\d+)*)+)(?=/|$)")
_LUN = re.compile(r"/\d+:\d+:\d+:(\d+)/")
_BUSES = ("pci", "platform", "acpi", "amba", "virtio", "xen")
# In what udev sends, and of no meaning for what a device is: numbers of events, and links that another device may take over.
_PASSING = (
    "ACTION", "SEQNUM", "USEC_INITIALIZED", "TAGS", "CURRENT_TAGS", "DEVLINKS", "SYNTH_UUID", "DISK_MEDIA_CHANGE", "DISK_EJECT_REQUEST",
    "UDEV_DATABASE_VERSION",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One device of udev's: a USB device, a disk, or a partition. `path` is its sysfs path, without /sys.

    `settled`: udev has finished with it. `size` bytes (0: no medium). Of USB devices: `controller` as ID_PATH begins, `revision` of the bus
    that it is on (1, 2 or 3; a USB 3 port is a port of two buses), `removable` as the kernel says ("fixed": soldered in).
    """

    path: str
    kind: FactKind
    properties: Mapping[str, str] = field(default_factory=dict)
    settled: bool = True
    size: int = 0
    controller: str = ""
    revision: int = 2
    removable: str = "unknown"

    def get(self, name: str) -> str:
        """A udev property, or nothing."""
        return self.properties.get(name, "")

    @property
    def hub(self) -> bool:
        """Whether it is a hub, whose ports are places of their own."""
        return self.get("TYPE").startswith("9/")

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Class, subclass and protocol of each interface, six hex digits: ("080650",) is a disk."""
        return tuple(word for word in self.get("ID_USB_INTERFACES").lower().split(":") if word)

    @property
    def address(self) -> str:
        """Bus and device number; another after each time it was plugged in."""
        return f"{self.get('BUSNUM')},{self.get('DEVNUM')}"

    @property
    def diskseq(self) -> int:
        """The disk's sequence number: another for each disk and each medium. 0: the kernel does not tell."""
        text = self.get("DISKSEQ")
        return int(text) if text.isdecimal() else 0

    @property
    def lun(self) -> int:
        """Which of a reader's slots a disk is."""
        found = _LUN.search(self.path)
        return int(found[1]) if found else 0

    @property
    def number(self) -> int:
        """Which partition it is; 0 for a whole disk."""
        text = self.get("PARTN") or self.get("ID_PART_ENTRY_NUMBER")
        return int(text) if text.isdecimal() else 0


@dataclass(frozen=True, kw_only=True)
class Hint:
    """Something happened to the device at `path`; what, a look tells. `gone`: it left."""

    path: str
    kind: str
    gone: bool = False


def port_of(path: str) -> str | None:
    """The sysfs path of the USB device that the device at `path` is or belongs to; None where there is none, and for root hubs.

    >>> port_of("/devices/pci0000:00/0000:00:10.0/usb1/1-1/1-1.2/1-1.2:1.0/host3/target3:0:0/3:0:0:0/block/sdb/sdb1")
    '/devices/pci0000:00/0000:00:10.0/usb1/1-1/1-1.2'
    """
    found = _PORT.match(path)
    return found[1] if found else None


def place_of(usb: Fact, *, exact: bool = False) -> str:
    """The place that a USB device is in. `exact`: with the bus's revision, where both buses of one port are taken.

    >>> place_of(Fact(path="/devices/x/usb1/1-1/1-1.2", kind="usb", controller="pci-0000:00:10.0"))
    'pci-0000:00:10.0-usb-0:1.2'
    """
    chain = usb.path.rpartition("-")[2]
    return f"{usb.controller}-usb{f'v{usb.revision}' if exact else ''}-0:{chain}"


def controller_of(place: str) -> str:
    """The part of a place that all ports of one USB controller share."""
    return re.split(r"-usb(?:v\d)?-", place)[0]


def controller_name(ancestors: Iterable[tuple[str | None, str]]) -> str:
    """How ID_PATH begins, from subsystem and name of each device above a root hub, the nearest first.

    >>> controller_name([("pci", "0000:01:00.0"), ("pci", "0000:00:1c.0"), (None, "pci0000:00"), ("platform", "fd500000.pcie")])
    'platform-fd500000.pcie-pci-0000:01:00.0'
    """
    parts: list[str] = []
    last: str | None = None
    for subsystem, name in ancestors:
        if subsystem in _BUSES and subsystem != last:
            parts.insert(0, f"{subsystem}-{name}")
        last = subsystem
    return "-".join(parts) or "unknown"


def lasting(properties: Mapping[str, str]) -> dict[str, str]:
    """Properties without what changes from event to event."""
    return {
        name: text for name, text in properties.items() if name not in _PASSING and not name.startswith("SYNTH_ARG_")
    }
