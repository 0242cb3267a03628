"""What a USB device is called in a root, and what its refusals mean; the line itself is tried on a real bus (tests/hil)."""

from __future__ import annotations

import errno
import os

import pytest

from ingest.camera.bulk import PACKET, Silence
from ingest.camera.usb_link import UsbLine, address_of, open_line
from ingest.errors import CameraGone, Unreadable


def test_an_address() -> None:
    assert address_of(b"usb:001,004") == (1, 4)


@pytest.mark.parametrize(
    "root", [b"", b"usb:", b"usb:1,4", b"usb:001,004x", b"ptpip:10.0.0.1", b"usb:001,\xd9\xa0\xd9\xa0\xd9\xa4"]
)
def test_what_is_no_address(root: bytes) -> None:
    with pytest.raises(Unreadable, match="usb:001,004"):
        address_of(root)


class Device:
    """A device as pyusb gives one, that answers everything with one error or one word."""

    def __init__(self, error: int | None = None, word: bytes = b"") -> None:
        self.error, self.word = error, word

    def write(self, _endpoint: int, data: bytes, timeout: int) -> int:
        return len(self._tell(data, timeout)) or len(data)

    def read(self, _endpoint: int, _size: int, timeout: int) -> bytes:
        return self._tell(b"", timeout)

    def _tell(self, _data: bytes, timeout: int) -> bytes:
        assert timeout >= 1
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        return self.word


def line(device: Device) -> UsbLine:
    return UsbLine(device, bus=99, number=99, interface=0, into=0x81, out=2)


@pytest.mark.parametrize("code", [errno.ENODEV, errno.EIO, errno.EPIPE, errno.ETIMEDOUT])
def test_a_line_that_fails_is_a_camera_that_left(code: int) -> None:
    """A wait that ran out is silence only while the device is still there; here it is not."""
    with pytest.raises(CameraGone) as writing:
        line(Device(code)).write(b"x", timeout=1.0)
    with pytest.raises(CameraGone) as reading:
        line(Device(code)).read(PACKET, timeout=1.0)
    assert not isinstance(writing.value, Silence)
    assert not isinstance(reading.value, Silence)


def test_half_a_command_is_no_command() -> None:
    with pytest.raises(CameraGone, match="took 1 of 2 bytes"):
        line(Device(word=b"?")).write(b"xx", timeout=1.0)


@pytest.mark.parametrize("size", [0, -PACKET, 1, PACKET - 1, PACKET + 64])
def test_no_packet_is_ever_cut(size: int) -> None:
    with pytest.raises(ValueError, match="cut a packet"):
        line(Device()).read(size, timeout=1.0)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises((CameraGone, Unreadable), match="usb:099,099|libusb|pyusb"):
        open_line(bus=99, device=99, interface=None, extra="mtp")
    assert not line(Device()).there()
