"""The one door to udev: its events as hints on the event loop, and looks at its database, in a thread.

Rules kept here:
* the monitor is started before anything is enumerated, so that nothing falls between the two;
* events may be lost (a full buffer, a socket in error): then there is a new monitor, and whoever listens is told to look at everything;
* events are taken in small lots, so that a storm of them never keeps the loop from its other work;
* an event only says where to look: what is there is read from udev's database.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from dockd.docks.usb_facts import Fact, Hint, controller_name, lasting, port_of
from dockd.docks.usb_ports import Look
from ingest.errors import DockdError

_LOT_SECONDS = 0.002
_LOT = 64
_BUFFER = 16 << 20
_AGAIN = 1.0
_SECTOR = 512
_FRUITLESS = 500
_log = logging.getLogger(__name__)

Tell = Callable[[Hint | None], object]
"""Called on the event loop with each hint; None: some were lost."""


class NoUdev(DockdError):
    """This machine has no udev that runs (a container, or libudev is missing)."""

    reason = "no_udev"


class Udev:
    """udev's view of USB devices and of the disks below them. `open()`, then `listen()`, then `look()` as often as wished.

    `running`: a file that is there while udevd runs. `settled(device)`: whether udev has finished with a pyudev device (None: as libudev says).
    `buffer` bytes for events that nobody has read yet: the most that this process may have is taken.
    """

    def __init__(
        self, *, running: Path = Path("/run/udev/control"), buffer: int = _BUFFER, settled: Callable[[Any], bool] | None = None
    ) -> None:  # fmt: skip
        self._running = running
        self._buffer = buffer
        self._settled = settled or (lambda device: bool(device.is_initialized))
        self._pyudev: Any = None
        self._hearing: Any = None
        self._looking: Any = None
        self._monitor: Any = None
        self._fd = -1
        self._tell: Tell | None = None
        self._again: asyncio.TimerHandle | None = None
        self._fruitless = 0

    # -- hints ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Find libudev and see that udevd runs. Blocks. Raises NoUdev."""
        if self._pyudev is not None:
            return
        if not self._running.exists():
            raise NoUdev(f"udevd does not run here ({self._running} is not there)")
        try:
            import pyudev

            # One for the loop and one for the looks: a context is not to be shared between threads.
            self._hearing, self._looking = pyudev.Context(), pyudev.Context()
        except (ImportError, OSError) as error:
            raise NoUdev(f"libudev cannot be used: {error}") from error
        self._pyudev = pyudev

    def listen(self, tell: Tell) -> None:
        """Call `tell` from now on, until `close()`. On the loop. Raises NoUdev."""
        self._tell = tell
        try:
            self._start()
        except OSError as error:
            raise NoUdev(f"udev's events cannot be heard: {error}") from error

    def close(self) -> None:
        """Hear no more."""
        self._tell = None
        if self._again is not None:
            self._again.cancel()
        self._stop()

    def _start(self) -> None:
        monitor = self._pyudev.Monitor.from_netlink(self._hearing, source="udev")
        monitor.filter_by("usb", "usb_device")
        monitor.filter_by("block", "disk")
        monitor.filter_by("block", "partition")
        self._widen(monitor)
        monitor.start()
        self._monitor, self._fd = monitor, monitor.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._drain)

    def _widen(self, monitor: Any) -> None:
        try:
            monitor.set_receive_buffer_size(self._buffer)
        except OSError:  # more than anybody may have takes CAP_NET_ADMIN; what anybody may have is given without a word
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(monitor.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)

    def _stop(self) -> None:
        if self._monitor is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._monitor, self._fd = None, -1  # with its last reference its socket is closed

    def _drain(self) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + _LOT_SECONDS
        self._fruitless += 1
        try:
            if self._fruitless > _FRUITLESS:
                raise OSError(errno.EPIPE, "the socket is always readable, and nothing is in it")
            for _ in range(_LOT):
                device = self._monitor.poll(timeout=0)
                if device is None:
                    return
                self._fruitless = 0
                if self._tell is not None:
                    gone = device.action == "remove"
                    self._tell(Hint(path=device.device_path, kind=_kind(device), gone=gone))
                if clock() >= until:  # the descriptor is still readable: the loop comes back after its other work
                    return
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, str(error))
        _log.info("some of udev's events were lost (%s): they are heard anew, and everything is looked at", name)
        self._stop()
        if self._fruitless > _FRUITLESS:  # not at once: it may be so again
            self._fruitless = 0
            self._again = asyncio.get_running_loop().call_later(_AGAIN, self._renew)
        else:
            self._renew()

    def _renew(self) -> None:
        if self._tell is None:
            return
        try:
            self._start()
        except OSError as error:
            _log.warning("udev's events cannot be heard (%s): it is tried again", error)
            self._again = asyncio.get_running_loop().call_later(_AGAIN, self._renew)
            return
        self._tell(None)

    # -- looks ---------------------------------------------------------------------------------------------------------

    def look(self, ports: Collection[str] | None) -> Look:
        """What is at these ports (sysfs paths of USB devices; None: at all). Blocks. Raises OSError."""
        found: dict[str, list[Fact]] = {}
        for device in self._all() if ports is None else self._at(ports):
            fact = self._fact(device)
            port = port_of(fact.path) if fact is not None else None
            if fact is not None and port is not None:
                found.setdefault(port, []).append(fact)
        return {port: tuple(facts) for port, facts in found.items()}

    def _all(self) -> Iterator[Any]:
        yield from self._looking.list_devices(subsystem="usb", DEVTYPE="usb_device")
        yield from self._looking.list_devices(subsystem="block")

    def _at(self, ports: Collection[str]) -> Iterator[Any]:
        for port in ports:
            try:
                usb = self._pyudev.Devices.from_path(self._looking, port)
                yield usb
                if not str(usb.properties.get("TYPE", "")).startswith("9/"):
                    yield from self._looking.list_devices(subsystem="block", parent=usb)
            except self._pyudev.DeviceNotFoundError:  # it left
                continue

    def _fact(self, device: Any) -> Fact | None:
        """None for a device that left while it was looked at, and for none of ours."""
        path, kind = device.device_path, _kind(device)
        if port_of(path) is None or kind not in ("usb", "disk", "partition"):
            return None
        try:
            properties = lasting({str(name): str(device.properties[name]) for name in device.properties})
            if kind != "usb":
                return Fact(
                    path=path, kind=kind, properties=properties, settled=self._settled(device), size=_size(device),
                )  # fmt: skip
            root = _root_hub(device)
            return Fact(
                path=path, kind=kind, properties=properties, settled=self._settled(device), removable=_text(device, "removable"),
                revision=_revision(root), controller=controller_name((one.subsystem, one.sys_name) for one in root.ancestors),
            )  # fmt: skip
        except (KeyError, self._pyudev.DeviceNotFoundError):
            return None


def _kind(device: Any) -> Any:
    kind = device.device_type
    return "usb" if kind == "usb_device" else kind


def _root_hub(device: Any) -> Any:
    for one in (device, *device.ancestors):
        if one.subsystem == "usb" and one.sys_name.startswith("usb"):
            return one
    raise KeyError("no root hub")


def _text(device: Any, name: str) -> str:
    raw = device.attributes.get(name)
    return raw.decode("utf-8", "replace").strip() if raw else "unknown"


def _size(device: Any) -> int:
    sectors = _text(device, "size")
    return int(sectors) * _SECTOR if sectors.isdecimal() else 0


def _revision(root: Any) -> int:
    """Of the bus, as the kernel's root hubs number themselves: 1d6b:0001, 0002 and 0003."""
    last = _text(root, "idProduct")[-1:]
    return int(last) if last in "123" and last else 2
