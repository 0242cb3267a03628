"""The line to a camera that is no disk: two bulk endpoints, one in each direction. `ingest.camera.usb_link` is the one behind which USB is.

Rules: every wait has an end; a line that breaks, stalls or stays silent is a camera that left, as far as anybody here can tell.
"""

from __future__ import annotations

from typing import Protocol

from ingest.errors import CameraGone

PACKET = 1024  # bytes: a multiple of every bulk packet size, so that no packet is ever cut


class Silence(CameraGone):
    """Nothing came, or nothing was taken, in the time that it was given."""


class BulkLine(Protocol):
    """Two bulk endpoints of one interface, claimed until `close`."""

    def write(self, data: bytes, *, timeout: float) -> None:
        """Send one transfer. Raises Silence, CameraGone."""

    def read(self, size: int, *, timeout: float) -> bytes:
        """One transfer of at most `size` bytes, a multiple of PACKET; fewer are all there was. Raises Silence, CameraGone."""

    def there(self) -> bool:
        """Whether the device is still plugged in, as the same one."""

    def close(self) -> None:
        """Let go of it."""
