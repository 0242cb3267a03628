"""What is being done right now: in memory only, for the page and the progress bars. Facts are in the ledger; this is only haste.

`version` grows with every change, so that a reader can tell whether anything is new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

Phase = Literal["reading", "copying", "waiting", "wiping", "done", "failed"]
SpoolFault = Literal["disk", "write", "read"]
_WORST: tuple[SpoolFault, ...] = ("disk", "write", "read")


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


class Changing:
    """Something of which `version` grows with every change; whoever asked is called at each, on the event loop, and must neither raise nor wait."""

    def __init__(self) -> None:
        self._version = 0
        self._hearing: list[Callable[[], None]] = []

    @property
    def version(self) -> int:
        """How many changes there were."""
        return self._version

    @version.setter
    def version(self, version: int) -> None:
        self._version = version
        for hear in self._hearing:
            hear()

    def tell(self, hear: Callable[[], None]) -> None:
        """Call this at every change from now on."""
        self._hearing.append(hear)


class Activity(Changing):
    """Who does what. Only the event loop's thread touches it."""

    def __init__(self) -> None:
        super().__init__()
        self.cameras: dict[str, Doing] = {}
        self.uploads: dict[str, tuple[int, int]] = {}
        self.pulled_bytes = 0
        self.uploaded_bytes = 0
        self.sending: Callable[[], None] = lambda: None  # called whenever something is on its way to the store
        self.spool_full = False
        self.spool_full_since = 0.0  # seconds since the epoch
        self.spool_faults: dict[SpoolFault, str] = {}
        self.spool_faults_since: dict[SpoolFault, float] = {}  # CLOCK_MONOTONIC: when each was last said
        self.queued: set[bytes] = set()

    @property
    def spool_failed(self) -> str:
        """What is wrong with the spool's disk, the worst of it; empty: nothing that is known."""
        return next((self.spool_faults[fault] for fault in _WORST if fault in self.spool_faults), "")

    @property
    def spool_refuses(self) -> str:
        """What keeps the spool from taking footage; a copy in it that cannot be read does not."""
        return self.spool_faults.get("disk") or self.spool_faults.get("write") or ""

    def spool(self, fault: SpoolFault, message: str) -> None:
        """So it is with the spool: `disk` (is it there, does a small file go through it), `write` (a copy), `read` (copies in it); empty: well."""
        if message:
            self.spool_faults[fault] = message
            self.spool_faults_since[fault] = time.monotonic()
        else:
            self.spool_faults.pop(fault, None)
        self.version += 1

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
        self.sending()
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
