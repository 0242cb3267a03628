"""What intake may ask of a camera's mounted volume. Who mounts it, and how, is none of its business."""

from __future__ import annotations

from typing import Protocol


class Volume(Protocol):
    """The mounted volume (or volumes) of a docked camera: read-only, but between `writable` and `fresh`.

    Everything that reads from it must have let go before `fresh` is called; before `writable` too where `remounts` says so.
    """

    @property
    def remounts(self) -> bool:
        """Whether it has to be unmounted to become writable (an ext4, which was mounted without its journal)."""

    async def fresh(self) -> None:
        """Written out, unmounted, the device's buffers dropped, mounted read-only anew: what is listed then is what lies on it.

        Raises CameraGone, Unreadable.
        """

    async def writable(self) -> None:
        """Let named files be deleted. But for one that `remounts`, the mount stays, and so does what is held open on it.

        Raises CameraGone, Unreadable (it is locked against writing, and the like).
        """
