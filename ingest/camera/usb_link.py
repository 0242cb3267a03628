"""Bulk endpoints of a real USB device, by pyusb: the one door to it. pyusb is imported when a line is opened, and not before.

Rules: only the one interface that is asked for is claimed; no kernel driver is taken from a device, and no configuration is set.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from typing import Any

from ingest.camera.bulk import PACKET, BulkLine, Silence
from ingest.errors import CameraGone, Unreadable

_ADDRESS = re.compile(rb"usb:(\d{3}),(\d{3})")
_STILL_IMAGE, _VENDOR = 6, 0xFF
_BULK, _INTERRUPT = 2, 3


def address_of(root: bytes) -> tuple[int, int]:
    """Bus and device number of "usb:001,004". Raises Unreadable."""
    found = _ADDRESS.fullmatch(root)
    if found is None:
        raise Unreadable(f"{root!r} names no USB device: it is written as usb:001,004")
    return int(found[1]), int(found[2])


class UsbLine:
    """One claimed interface."""

    def __init__(self, device: Any, *, bus: int, number: int, interface: int, into: int, out: int) -> None:
        self._device = device
        self._name = f"the camera at usb:{bus:03},{number:03}"
        self._node = f"/dev/bus/usb/{bus:03}/{number:03}"
        self._interface, self._in, self._out = interface, into, out
        self._is = _node(self._node)

    def write(self, data: bytes, *, timeout: float) -> None:
        """Send one transfer. Raises Silence, CameraGone."""
        sent = self._asked("write", self._out, data, timeout=timeout)
        if sent != len(data):
            raise CameraGone(f"{self._name} took {sent} of {len(data)} bytes")

    def read(self, size: int, *, timeout: float) -> bytes:
        """One transfer of at most `size` bytes. Raises Silence, CameraGone."""
        if size <= 0 or size % PACKET:
            raise ValueError(f"a read of {size} bytes could cut a packet")
        return bytes(self._asked("read", self._in, size, timeout=timeout))

    def _asked(self, verb: str, endpoint: int, what: bytes | int, *, timeout: float) -> Any:
        try:
            return getattr(self._device, verb)(endpoint, what, timeout=max(1, int(timeout * 1000)))
        except OSError as error:  # pyusb's errors are OSErrors
            if error.errno == errno.ETIMEDOUT and self.there():
                raise Silence(f"{self._name} did not answer within {timeout:.1f} s") from error
            raise CameraGone(f"{self._name} has left, or its line fails: {error.strerror or error}") from error

    def there(self) -> bool:
        """Whether its node is still the one that was opened."""
        return self._is is not None and _node(self._node) == self._is

    def close(self) -> None:
        """Release the interface. A device that has left cannot be asked to, and its interface is free all the same."""
        from usb import util

        with contextlib.suppress(OSError):
            util.release_interface(self._device, self._interface)
        util.dispose_resources(self._device)


def open_line(*, bus: int, device: int, interface: int | None, extra: str) -> BulkLine:
    """Claim an interface's bulk endpoints; `interface` None: the one that speaks PTP. `extra` names what installs pyusb.

    Raises CameraGone (no such device), Unreadable (no pyusb, no right to it, another program has it, no such interface).
    """
    found = _find(bus, device, extra=extra)
    name = f"the camera at usb:{bus:03},{device:03}"
    try:
        number, into, out = _endpoints(found, interface=interface, name=name)
        if found.is_kernel_driver_active(number):
            raise Unreadable(f"the kernel has a driver of its own for {name}: its profile names the wrong interface")
        from usb import util

        util.claim_interface(found, number)
    except OSError as error:
        raise _explained(error, name) from error
    return UsbLine(found, bus=bus, number=device, interface=number, into=into, out=out)


def _find(bus: int, device: int, *, extra: str) -> Any:
    try:
        import usb.core
    except ImportError as missing:
        raise Unreadable(f"this kind of camera needs pyusb: install dockd[{extra}]") from missing
    try:
        found = usb.core.find(custom_match=lambda one: (one.bus, one.address) == (bus, device))
    except usb.core.NoBackendError as missing:
        raise Unreadable("this kind of camera needs libusb 1.0: install libusb-1.0-0") from missing
    except OSError as error:
        raise _explained(error, f"the camera at usb:{bus:03},{device:03}") from error
    if found is None:
        raise CameraGone(f"no device is at usb:{bus:03},{device:03} any more")
    return found


def _endpoints(device: Any, *, interface: int | None, name: str) -> tuple[int, int, int]:
    """Interface number, bulk in, bulk out. Raises Unreadable."""
    fitting: list[tuple[int, int, int, int]] = []
    for one in device.get_active_configuration():
        if one.bAlternateSetting != 0 or (interface is not None and one.bInterfaceNumber != interface):
            continue
        bulk = [point.bEndpointAddress for point in one if point.bmAttributes & 3 == _BULK]
        into, out = [point for point in bulk if point & 0x80], [point for point in bulk if not point & 0x80]
        if not into or not out:
            continue
        rank = _rank(one) if interface is None else 0
        if rank is not None:
            fitting.append((rank, int(one.bInterfaceNumber), int(into[0]), int(out[0])))
    if not fitting:
        wanted = "that speaks PTP" if interface is None else f"{interface} with bulk endpoints"
        raise Unreadable(f"{name} has no interface {wanted}")
    return min(fitting)[1:]


def _rank(interface: Any) -> int | None:
    """Still image first; a vendor's own interface with the three endpoints of PTP is how some phones and recorders show it."""
    if interface.bInterfaceClass == _STILL_IMAGE:
        return 0
    events = [point for point in interface if point.bmAttributes & 3 == _INTERRUPT]
    return 1 if interface.bInterfaceClass == _VENDOR and events else None


def _explained(error: OSError, name: str) -> CameraGone | Unreadable:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable(f"dockd may not use {name}: the udev rules that come with dockd give it the right")
    if error.errno == errno.EBUSY:
        return Unreadable(
            f"another program holds {name}: a desktop's own camera helper (gvfs) is to be taken off the dock"
        )
    return CameraGone(f"{name} has left, or its line fails: {error.strerror or error}")


def _node(path: str) -> tuple[int, int] | None:
    """The device node's own numbers: a number that was given to another device is another node."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns
