"""Cards behind emulated USB readers: plugged, throttled and torn out while the guest runs.

`device_del` on USB asks nobody: for the guest it is a cable that is pulled, in the middle of whatever goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.hil.rig.cards import Card
from tests.hil.rig.traffic import Traffic, await_traffic
from tests.hil.rig.vm import Vm

# As sites mount a camera's card: nothing on it may act, names are UTF-8, times are UTC.
MOUNT_OPTIONS = "nodev,nosuid,noexec,noatime,utf8,tz=UTC"


@dataclass(frozen=True, kw_only=True)
class Line:
    """How fast a camera is; 0 is as fast as it goes. Keep each request well under 30 s: then QEMU itself blocks."""

    read_bytes_per_second: int = 0
    write_requests_per_second: int = 0

    def limits(self) -> dict[str, int]:
        """The same in QEMU's words."""
        return {"bps-read": self.read_bytes_per_second, "iops-write": self.write_requests_per_second}


class Camera:
    """A plugged card. `device` is its partition in the guest, there once `plug` has returned."""

    def __init__(self, vm: Vm, *, name: str, serial: str) -> None:
        self._vm = vm
        self._name = name
        self.device = f"/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_{serial}-0:0-part1"

    def await_device(self) -> None:
        """Wait until udev has made the partition known. Raises GuestCommandFailed."""
        self._vm.check(f"udevadm wait --timeout=30 --initialized=true {self.device}")

    def mount(self, where: str, *, mode: str = "rw") -> None:
        """Mount the FAT32 partition as a site would. Raises GuestCommandFailed."""
        options = f"{mode},{MOUNT_OPTIONS}"
        self._vm.check(f"mkdir -p {where} && mount -t vfat -o {options} {self.device} {where}")

    def pull_cable(self) -> None:
        """The cable is pulled. What the guest had not written yet is not on the card."""
        self._vm.qmp.execute("device_del", {"id": self._name})
        self._vm.qmp.wait_event("DEVICE_DELETED", where=lambda data: data.get("device") == self._name)
        self._vm.qmp.execute("blockdev-del", {"node-name": f"{self._name}-line"})
        self._vm.qmp.execute("blockdev-del", {"node-name": f"{self._name}-card"})
        self._vm.qmp.execute("object-del", {"id": f"{self._name}-speed"})

    def throttle(self, line: Line) -> None:
        """Change the line while it is in use."""
        speed = f"/objects/{self._name}-speed"
        self._vm.qmp.execute("qom-set", {"path": speed, "property": "limits", "value": line.limits()})

    def await_traffic(self, *, read: int = 0, written: int = 0, timeout: float = 120) -> None:
        """Wait until this many bytes more than now went over the cable. Raises TimeoutError."""
        await_traffic(self._vm.qmp, self._name, more=Traffic(read=read, written=written), timeout=timeout)


def plug(vm: Vm, card: Card, *, serial: str, port: str = "1", bus: str = "usb0.0", line: Line | None = None) -> Camera:
    """Plug a card into a port and wait for its partition.

    `port` "3" is the third port of the controller, "1.2" the second of the hub in port 1.
    """
    line = line or Line()
    name = f"camera-{serial}"
    speed = {"qom-type": "throttle-group", "id": f"{name}-speed", "limits": line.limits()}
    vm.qmp.execute("object-add", speed)
    # Unlocked: the host looks at the image after the cable is out, and QEMU may let go of it a moment later.
    file = {"driver": "file", "filename": str(card.image), "locking": "off"}
    vm.qmp.execute("blockdev-add", {"driver": "raw", "node-name": f"{name}-card", "file": file})
    slowed = {"driver": "throttle", "node-name": f"{name}-line", "throttle-group": f"{name}-speed"}
    vm.qmp.execute("blockdev-add", {**slowed, "file": f"{name}-card"})
    reader = {"driver": "usb-storage", "id": name, "bus": bus, "port": port, "removable": True}
    vm.qmp.execute("device_add", {**reader, "drive": f"{name}-line", "serial": serial})
    camera = Camera(vm, name=name, serial=serial)
    camera.await_device()
    return camera
