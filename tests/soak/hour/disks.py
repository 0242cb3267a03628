"""Small disks of their own for the spool and the ledger, so that they can be full."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path


class SmallDisk:
    """An ext4 of `size` bytes in a file beside `place`, mounted there. Needs root."""

    def __init__(self, place: Path, *, size: int) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        self._image = place.with_name(f"{place.name}.ext4")
        with self._image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,nodiscard", str(self._image))
        self._device = _run("losetup", "--find", "--show", str(self._image)).strip()
        _run("blockdev", "--setrw", self._device)  # whoever had this device before may have left it read-only
        _run("mount", self._device, str(place))

    def fill(self) -> None:
        """Nothing is left of it."""
        with (self.place / "filler").open("ab") as file:
            for piece in (16 << 20, 1 << 20, 64 << 10, 4 << 10):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, 2), piece)

    def free(self) -> None:
        """There is room again."""
        (self.place / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Gone, even if somebody still uses it."""
        self.free()
        for words in (["umount", "-l", str(self.place)], ["losetup", "-d", self._device]):
            subprocess.run(words, check=False, timeout=30)


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, timeout=60, capture_output=True, text=True).stdout
