"""A machine as libudev sees it, made by umockdev: sysfs, and udev's events over the socket that libudev opens. Run under `umockdev-wrapper`."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Mapping

PCI = "0000:00:10.0"
_NETLINK_KOBJECT_UEVENT = 15
_UDEV_GROUP = 2
_MAGIC = 0xFEEDCAFE


class Testbed:
    """An empty machine with one USB controller and its root hub."""

    __test__ = False

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libumockdev.so.0")
        self._lib.umockdev_testbed_new.restype = ctypes.c_void_p
        self._lib.umockdev_testbed_add_devicev.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._lib.umockdev_testbed_new())
        self.controller = self.add("pci", PCI)
        self.root = self.add(
            "usb", "usb1", self.controller, {"idProduct": "0002"}, {"DEVTYPE": "usb_device", "TYPE": "9/0/1"}
        )

    def add(
        self, subsystem: str, name: str, parent: str | None = None, attributes: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Add a device, with an event; its sysfs path."""
        path = self._lib.umockdev_testbed_add_devicev(
            self._bed, subsystem.encode(), name.encode(), parent.encode() if parent else None, _list(attributes or {}), _list(properties or {})
        )  # fmt: skip
        return ctypes.string_at(path).decode()

    def event(self, path: str, action: str) -> None:
        """An event about a device. Nobody may have more than some dozens unread: this end of the socket does not wait."""
        self._lib.umockdev_testbed_uevent(self._bed, path.encode(), action.encode())

    def set(self, path: str, **properties: str) -> None:
        for name, text in properties.items():
            self._lib.umockdev_testbed_set_property(self._bed, path.encode(), name.encode(), text.encode())

    def remove(self, path: str) -> None:
        """A device leaves, with an event, and what is below it without one."""
        self.event(path, "remove")
        self._lib.umockdev_testbed_remove_device(self._bed, path.encode())

    def camera(self, port: str = "1-1", *, number: int = 2, parent: str | None = None) -> tuple[str, str, str]:
        """A camera with a disk and a partition; the paths of the three."""
        usb = self.add(
            "usb", port, parent or self.root, {"removable": "removable"},
            {"DEVTYPE": "usb_device", "TYPE": "0/0/0", "BUSNUM": "001", "DEVNUM": f"{number:03}", "ID_USB_INTERFACES": ":080650:", "ID_MODEL": "Cam"},
        )  # fmt: skip
        host = self.add("usb", f"{port}:1.0", usb, {}, {"DEVTYPE": "usb_interface"})
        name = f"sd{chr(ord('a') + number)}"
        disk = self.add(
            "block",
            name,
            host,
            {"size": "2048"},
            {"DEVTYPE": "disk", "DEVNAME": f"/dev/{name}", "DISKSEQ": str(number)},
        )
        part = self.add(
            "block",
            f"{name}1",
            disk,
            {"size": "1024"},
            {"DEVTYPE": "partition", "DEVNAME": f"/dev/{name}1", "PARTN": "1", "ID_FS_TYPE": "vfat"},
        )
        return usb, disk, part


def _list(words: Mapping[str, str]) -> ctypes.Array[ctypes.c_char_p]:
    flat = [word.encode() for pair in words.items() for word in pair]
    return (ctypes.c_char_p * (len(flat) + 1))(*flat, None)


class Broadcast:
    """Sends what udevd sends, to whoever listens on this machine (in this network namespace). Root's alone."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_KOBJECT_UEVENT)
        self._number = 0

    def close(self) -> None:
        self._socket.close()

    def tell(self, action: str, path: str, *, subsystem: str, devtype: str) -> None:
        self._number += 1
        words = {
            "ACTION": action,
            "DEVPATH": path,
            "SUBSYSTEM": subsystem,
            "DEVTYPE": devtype,
            "SEQNUM": str(self._number),
        }
        body = b"".join(f"{name}={text}\0".encode() for name, text in words.items())
        head = struct.Struct("=8s8I")
        sizes = (socket.htonl(_MAGIC), head.size, head.size, len(body))
        hashes = (socket.htonl(_hash(subsystem)), socket.htonl(_hash(devtype)), 0, 0)
        self._socket.sendto(head.pack(b"libudev", *sizes, *hashes) + body, (0, _UDEV_GROUP))


def _hash(text: str) -> int:
    """MurmurHash2 of 32 bits, by which the kernel's filter tells subsystems apart."""
    data, factor = text.encode(), 0x5BD1E995
    value = len(data)
    while len(data) >= 4:
        word = int.from_bytes(data[:4], "little") * factor & 0xFFFFFFFF
        word = (word ^ word >> 24) * factor & 0xFFFFFFFF
        value = (value * factor & 0xFFFFFFFF) ^ word
        data = data[4:]
    if data:
        value = (value ^ int.from_bytes(data, "little")) * factor & 0xFFFFFFFF
    value = (value ^ value >> 13) * factor & 0xFFFFFFFF
    return value ^ value >> 15
