"""Who waits for the dock's room, and for whom none is kept; who may set the limit from where."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_PULL = ("tests/unit/ingest/test_pull.py",)
_ROOM = ("tests/unit/ingest/test_room.py",)

WAITING = (
    Mutant(
        name="room: kept for a camera that fails", promise="the room: one bad card keeps all others on their cameras",
        file="ingest/intake.py", old="        self._pulling.left(visit.camera.id)  # others are not to wait for one that does not come\n", new="", tests=_PULL,
    ),
    Mutant(
        name="room: kept without end by one camera", promise="the room: an empty spool takes nothing",
        file="ingest/room.py", old="        if whole is not None and total + wanted > whole:\n", new="        if whole is not None and total < 0:\n", tests=_ROOM,
    ),
    Mutant(
        name="room: by the camera's own clock", promise="the room: a clock that runs behind is served before all others",
        file="ingest/pull.py", old="captured_at=queue.captured_at(segment)", new="captured_at=segment.captured_at", tests=_PULL,
    ),
    Mutant(
        name="room: each of thousands is tried", promise="the dock answers while a full spool keeps large cards waiting",
        file="ingest/pull.py", old="                    refused.add(claim)\n", new="", tests=_PULL,
    ),
)  # fmt: skip
