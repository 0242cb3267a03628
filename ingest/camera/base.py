"""The contract that every kind of camera keeps; tests/contract/camera/exam.py is the exam that each one sits.

It is synchronous: a camera is only ever touched in a worker process, where a read that hangs harms nobody else.

Rules: regular files only, names are bytes, links are never followed, nothing is written but the unlink of a named file whose content
was just read through what is held of it (a descriptor; docs/decisions/0013-mtp.md says what stands for it where there is none). An empty listing counts only from a camera that is `present` after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from ingest.model import Listed, Skipped, Vitals


class Camera(Protocol):
    """One docked camera, for as long as it is docked."""

    def listing(self) -> Iterator[Listed | Skipped]:
        """Every regular file, and what was skipped.

        Raises CameraGone when the camera is not there at the end of it, Unreadable where it is no camera but holds dockd's own files.
        """

    def open(self, file: Listed) -> OpenFile:
        """Open a listed file for reading.

        Raises SourceUnstable where it is not the file that was listed, Unreadable, CameraGone.
        """

    def device(self) -> str:
        """What this camera is, apart from its name and place: a permit is for one device."""

    def keeps_change_times(self) -> bool:
        """Whether this filesystem's inode and change time (which nobody can set) prove that a file was not touched."""

    def present(self) -> None:
        """Raises CameraGone where the camera is not there, or is another one."""

    def vitals(self) -> Vitals:
        """Charge and clock, where this kind of camera tells them. Raises CameraGone."""

    def room(self) -> int | None:
        """Bytes that it can still record, as it says itself; None where that cannot be known. Raises CameraGone."""

    def set_clock(self) -> bool:
        """Set its clock to this machine's; whether that was done. Raises CameraGone."""

    def close(self) -> None:
        """Let go of it."""


class ByteSource(Protocol):
    """Bytes that no descriptor gives: what the byte engine needs of them, from the front to the end, in its caller's thread."""

    def __enter__(self) -> ByteSource:
        """Begin one whole reading."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, at whatever point."""

    def read(self, view: memoryview, *, offset: int) -> int:
        """Fill `view` from `offset` on; fewer bytes than asked are the end of the file.

        Raises CameraGone, Unreadable, SourceUnstable, OSError.
        """

    def size_now(self) -> int:
        """The size in bytes that the camera gives now."""


class OpenFile(Protocol):
    """A file of a camera, held open."""

    @property
    def content(self) -> int | ByteSource:
        """Its bytes: a descriptor, or what gives them where there is none."""

    def unchanged(self) -> None:
        """Raises SourceUnstable where the file, or what its name leads to, is no longer what was opened."""

    def at_rest(self) -> None:
        """Raises StillWritten where another program has it open for writing. Where that cannot be asked, and the times are this machine's own,
        it waits until the file was left alone for a few seconds; else it returns at once.
        """

    def delete(self) -> str:
        """Unlink exactly this file and see that it is gone; returns how that was seen.

        Raises StillWritten where another program has it open for writing and SourceUnstable where the name leads to another file by now
        (nothing is unlinked), Unreadable where the camera does not
        let it be deleted, CameraGone where it cannot be seen whether it is gone.
        """

    def close(self) -> None:
        """Let go of it."""
