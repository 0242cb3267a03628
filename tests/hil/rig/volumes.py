"""What can be asked of a filesystem on a card's image, on the host, without mounting it. One class a filesystem keeps to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SECTOR = 512


class Volume(Protocol):
    """A filesystem in an image; offsets are in bytes from the start of the volume. Not while a guest has it plugged."""

    def fill(self, tree: Path) -> None:
        """Copy everything below `tree` onto it, with its times."""

    def files(self) -> set[str]:
        """The paths of all files."""

    def folders(self) -> set[str]:
        """The paths of all folders."""

    def copy_out(self, folder: Path) -> Path:
        """Copy what it holds into `folder`, which must not exist, and return it.

        A file that cannot be read to its end, because the card was torn out while it was written, is left out.
        """

    def label(self) -> str:
        """Label and serial number, as text."""

    def complaints(self, *, partition: Path) -> str | None:
        """What the filesystem's own checker finds wrong, or None. `partition` is a file to copy the volume to."""

    def offset_in(self, path: str, *, at: int = 0) -> int:
        """Where the byte at `at` of a file lies. Raises KeyError where there is no such file."""

    def places(self) -> Callable[[int], str | int]:
        """Says of an offset what it belongs to: a cluster's number, or the name of a region."""

    def touched_by_deleting(self) -> set[str | int]:
        """The places that deleting named files changes: directory entries, and the lists of what is free."""

    def relabel(self, *, serial: int) -> None:
        """Give the volume another serial number (32 bits), so that it is another card."""
