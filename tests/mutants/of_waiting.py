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
    Mutant(
        name="changes: a server before it that adds no header may", promise="only who is at this machine sets the limit",
        file="dockd/page/nearby.py", old=" or request.version < HttpVersion11:", new=":", tests=("tests/e2e/test_bandwidth.py",),
    ),
    Mutant(
        name="changes: a server before it that hands its name on may", promise="only who is at this machine sets the limit",
        file="dockd/page/nearby.py", old='    if not is_loopback(host_of(request) or ""):', new="    if not host_of(request):", tests=("tests/e2e/test_bandwidth.py",),
    ),
    Mutant(
        name="override: a run by hand never sees its end", promise="an override always ends",
        file="dockd/oneshot.py", old="create_task(agent.bandwidth.run(), ", new="create_task(asyncio.Event().wait(), ", tests=("tests/unit/dockd/test_oneshot_bandwidth.py",),
    ),
    Mutant(
        name="wait: longer than the longest", promise="what the store put off for a day is tried at once: taken for a clock that jumped",
        file="ingest/delivery.py", old="        seconds = min(wait, self._longest_wait)\n", new="        seconds = wait\n",
        tests=("tests/unit/ingest/test_delivery.py::test_a_wait_that_the_store_asked_for_is_no_clock_that_jumped",),
    ),
)  # fmt: skip
