"""Cards behind emulated USB readers: plugged, throttled and torn out while the guest runs.

`device_del` on USB asks nobody: for the guest it is a cable that is pulled, in the middle of whatever goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tests.hil.rig.cards import Card
from tests.hil.rig.traffic import Traffic, await_traffic, traffic
from tests.hil.rig.vm import Vm

# As sites mount a camera's card: nothing on it may act, names are UTF-8, times are UTC.
MOUNT_OPTIONS = "nodev,nosuid,noexec,noatime,utf8,tz=UTC"


@dataclass(frozen=True, kw_only=True)
class Line:
    """How fast a camera is; 0 is as fast as it goes. Keep each request well under 30 s: then QEMU itself blocks."""

    read_bytes_per_second: int = 0
    read_requests_per_second: int = 0
    write_requests_per_second: int = 0

    def limits(self) -> dict[str, int]:
        """The same in QEMU's words."""
        return {
            "bps-read": self.read_bytes_per_second,
            "iops-read": self.read_requests_per_second,
            "iops-write": self.write_requests_per_second,
        }


FULL_SPEED = Line()


class Camera:
    """A plugged card. `device` is its volume in the guest; `await_device` says when it is there."""

    def __init__(self, vm: Vm, *, name: str, serial: str, partition: int = 1) -> None:
        self._vm = vm
        self._name = name
        part = f"-part{partition}" if partition else ""
        self.device = f"/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_{serial}-0:0{part}"

    def await_device(self) -> None:
        """Wait until udev has made the volume known. Raises GuestCommandFailed."""
        self._vm.check(f"udevadm wait --timeout=30 --initialized=true {self.device}")

    def mount(self, where: str, *, mode: str = "rw") -> None:
        """Mount the FAT32 partition as a site would. Raises GuestCommandFailed."""
        options = f"{mode},{MOUNT_OPTIONS}"
        self._vm.check(f"mkdir -p {where} && mount -t vfat -o {options} {self.device} {where}")

    def pull_cable(self) -> None:
        """The cable is pulled. What the guest had not written yet is not on the card."""
        self._vm.qmp.execute("device_del", {"id": self._name})
        self.await_pulled()

    def await_pulled(self) -> None:
        """Wait until it is out, and let go of its image. For who pulled the hub that it is behind."""
        self._vm.qmp.wait_event("DEVICE_DELETED", where=lambda data: data.get("device") == self._name)
        self._vm.qmp.execute("blockdev-del", {"node-name": f"{self._name}-line"})
        self._vm.qmp.execute("blockdev-del", {"node-name": f"{self._name}-card"})
        self._vm.qmp.execute("object-del", {"id": f"{self._name}-speed"})

    def throttle(self, line: Line) -> None:
        """Change the line while it is in use."""
        speed = f"/objects/{self._name}-speed"
        self._vm.qmp.execute("qom-set", {"path": speed, "property": "limits", "value": line.limits()})

    def traffic(self) -> Traffic:
        """What went over the cable since it was plugged. Raises LookupError where it is out."""
        return traffic(self._vm.qmp, self._name)

    def await_traffic(self, *, read: int = 0, written: int = 0, timeout: float = 120) -> None:
        """Wait until this many bytes more than now went over the cable. Raises TimeoutError."""
        await_traffic(self._vm.qmp, self._name, more=Traffic(read=read, written=written), timeout=timeout)


def plug(
    vm: Vm,
    card: Card,
    *,
    serial: str,
    port: str = "1",
    bus: str = "usb0.0",
    line: Line = FULL_SPEED,
    read_only: bool = False,
    bad_sectors: Collection[int] = (),
    wait: bool = True,
) -> Camera:
    """Plug a card into a port and, with `wait`, wait for its volume.

    `port` "3" is the third port of the controller, "1.2" the second of the hub in port 1. `read_only`: the card's lock is
    on. `bad_sectors` of the card cannot be read.
    """
    # The port is part of the name: two cameras may have one serial.
    name = f"camera-{serial}-{bus}-{port}".replace(".", "_")
    vm.qmp.execute("object-add", {"qom-type": "throttle-group", "id": f"{name}-speed", "limits": line.limits()})
    # Unlocked: the host looks at the image after the cable is out, and QEMU may let go of it a moment later.
    file: dict[str, Any] = {"driver": "file", "filename": str(card.image), "locking": "off"}
    if bad_sectors:
        errors = [{"event": "none", "iotype": "read", "errno": 5, "sector": sector} for sector in sorted(bad_sectors)]
        file = {"driver": "blkdebug", "image": file, "inject-error": errors}
    node = {"driver": "raw", "node-name": f"{name}-card", "file": file, "read-only": read_only}
    vm.qmp.execute("blockdev-add", node)
    slowed = {"driver": "throttle", "node-name": f"{name}-line", "throttle-group": f"{name}-speed"}
    vm.qmp.execute("blockdev-add", {**slowed, "file": f"{name}-card", "read-only": read_only})
    reader = {"driver": "usb-storage", "id": name, "bus": bus, "port": port, "removable": True}
    vm.qmp.execute("device_add", {**reader, "drive": f"{name}-line", "serial": serial})
    camera = Camera(vm, name=name, serial=serial, partition=card.partition)
    if wait:
        camera.await_device()
    return camera


class Thing:
    """Something in a port that is no card: a hub, a keyboard, a camera over MTP."""

    def __init__(self, vm: Vm, *, name: str) -> None:
        self._vm = vm
        self._name = name

    def pull_cable(self, *behind: Camera) -> None:
        """It is pulled, with the cameras behind it."""
        self._vm.qmp.execute("device_del", {"id": self._name})
        self._vm.qmp.wait_event("DEVICE_DELETED", where=lambda data: data.get("device") == self._name)
        for camera in behind:
            camera.await_pulled()


def plug_thing(vm: Vm, driver: str, *, port: str, bus: str = "usb0.0", **properties: str | int | bool) -> Thing:
    """Plug a device of QEMU's: "usb-hub" (eight ports), "usb-kbd", "usb-mouse", "usb-mtp" and so on, with its properties."""
    name = f"{driver}-{bus}-{port}".replace(".", "_")
    words = {key.replace("_", "-"): value for key, value in properties.items()}
    vm.qmp.execute("device_add", {"driver": driver, "id": name, "bus": bus, "port": port, **words})
    return Thing(vm, name=name)


def plug_network(vm: Vm, *, port: str, bus: str = "usb0.0") -> Thing:
    """A network adapter that leads nowhere."""
    name = f"net-{bus}-{port}".replace(".", "_")
    vm.qmp.execute("netdev_add", {"type": "hubport", "id": name, "hubid": 1})
    return plug_thing(vm, "usb-net", port=port, bus=bus, netdev=name)


def plug_mtp(
    vm: Vm,
    rootdir: str,
    *,
    port: str,
    bus: str = "usb0.0",
    read_only: bool = False,
    desc: str = "BWC",
    serial: str = "",
) -> Thing:
    """A camera that speaks MTP and shows a folder of the host. Without `serial` all of them have one serial number."""
    own = {"serial": serial} if serial else {}
    return plug_thing(vm, "usb-mtp", port=port, bus=bus, rootdir=rootdir, readonly=read_only, desc=desc, **own)
