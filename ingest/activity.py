"""What is being done right now: in memory only, for the page and the progress bars. Facts are in the ledger; this is only haste.

`version` grows with every change, so that a reader can tell whether anything is new.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal

Phase = Literal["reading", "copying", "waiting", "wiping", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What is being done with one docked camera. `done` and `total` in bytes of the present file; `since` CLOCK_MONOTONIC."""

    phase: Phase = "reading"
    path: bytes | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    reason: str = ""
    since: float = field(default_factory=time.monotonic)


class Activity:
    """Who does what. Only the event loop's thread touches it."""

    def __init__(self) -> None:
        self.version = 0
        self.cameras: dict[str, Doing] = {}
        self.uploads: dict[str, tuple[int, int]] = {}
        self.pulled_bytes = 0
        self.uploaded_bytes = 0
        self.spool_full = False
        self.spool_full_since = 0.0  # seconds since the epoch
        self.spool_failed = ""  # what is wrong with the spool's disk
        self.queued: set[bytes] = set()

    def queue(self, root: bytes) -> None:
        """The camera at `root` waits for its turn to be read."""
        self.queued.add(root)
        self.version += 1

    def turn(self, root: bytes) -> None:
        """It has its turn, or waits no more."""
        if root in self.queued:
            self.queued.discard(root)
            self.version += 1

    def camera(
        self,
        camera: str,
        phase: Phase,
        *,
        path: bytes | None = None,
        total: int = 0,
        message: str = "",
        reason: str = "",
    ) -> None:
        """The camera is in this phase now."""
        before = self.cameras.get(camera)
        since = before.since if before is not None and before.phase == phase else time.monotonic()
        self.cameras[camera] = Doing(phase=phase, path=path, total=total, message=message, reason=reason, since=since)
        self.version += 1

    def moved(self, camera: str, done: int) -> None:
        """So many bytes of its present file are done."""
        doing = self.cameras.get(camera)
        if doing is not None:
            self.cameras[camera] = replace(doing, done=done)
            self.version += 1

    def pulled(self, size: int) -> None:
        """A segment was pulled and verified."""
        self.pulled_bytes += size
        self.version += 1

    def sent(self, segment: str, size: int, done: int, fresh: int) -> None:
        """`done` of a segment's `size` bytes are on their way or there; `fresh` are new with this call."""
        self.uploads[segment] = (done, size)
        self.uploaded_bytes += fresh
        self.version += 1

    def upload_over(self, segment: str) -> None:
        """The segment is not being uploaded any more."""
        self.uploads.pop(segment, None)
        self.version += 1

    def camera_left(self, camera: str) -> None:
        """The camera is not docked any more."""
        self.cameras.pop(camera, None)
        self.version += 1
