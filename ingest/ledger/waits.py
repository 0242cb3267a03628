"""Since when a docked camera has waited for the store, as the record has it: so that a restart of the agent does not begin it anew.

Rules kept here: it is never said to be earlier than it was. Whatever happened to the camera but what the store does, or what a docking begins with, begins
it anew; one that was taken out waits from when it was docked again. Within one boot CLOCK_BOOTTIME says how long; over boots the wall clock counts only
where it was synchronised then and is now, else only what has passed since this boot began is sure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.clock import Clock, from_rfc3339
from ingest.ledger.timekeeping import DRIFT, STEP, last_word

Execute = Callable[..., Any]
_LOOKS = 5000
_TAKEN = ("camera.removed_early", "camera.went_out")
# What changes nothing of what is on the camera and on the dock: the store's part, and what each docking begins and ends with.
GOES_ON = frozenset(
    {"segment.confirmed", "segment.attested", "segment.delayed", "segment.evidential", "segment.moved_up", "segment.tried_again",
     "segment.marked_at_store", "segment.not_markable", "segment.same", "file.skipped", "camera.docked", "camera.undocked", "camera.listed",
     "camera.clock_measured", "camera.issued", "camera.returned"}
)  # fmt: skip


def waits_since(execute: Execute, clock: Clock, *, camera: str) -> float | None:
    """Seconds of this boot's CLOCK_BOOTTIME, at the latest, since which nothing more was copied from it; None where that is not known."""
    try:
        began = _began(execute, camera)
        said = last_word(execute, before=began[0]) if began is not None else None
        wall = from_rfc3339(began[1]) if began is not None else 0.0
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a damaged entry
        return None
    if said is None:
        return None
    now = clock.boottime_ns() / 1e9
    if said.boot == clock.boot_id:
        if said.boottime is None:
            return None
        passed = max(0.0, wall - said.wall)
        return min(now, said.boottime + passed + STEP + DRIFT * passed)
    if clock.synchronised() is True and said.synchronised:
        return min(0.0, now - (clock.now() - wall))
    return 0.0


def _began(execute: Execute, camera: str) -> tuple[int, str] | None:
    """The entry with which it began: its number, and its time."""
    docked: tuple[int, str] | None = None
    rows = execute(
        "SELECT seq, at, action FROM custody INDEXED BY custody_camera WHERE camera = ? ORDER BY seq DESC LIMIT ?",
        (camera, _LOOKS),
    )
    for seq, at, action in rows:
        if action in _TAKEN:
            return docked
        if action == "camera.docked":
            docked = seq, at
        if action not in GOES_ON:
            return seq, at
    return None
