"""What people say of the rack: bays that are not to be used, cameras that were given out, problems that somebody has seen to.

Problems open, worsen and end by themselves: that is logged and counted. What a person says of one is for custody.
"""

from __future__ import annotations

from ingest.events.base import Event, event


@event
class BayOutOfUse(Event, action="bay.out_of_use", text="bay {bay} was taken out of use by {by}: {reason}"):
    reason: str
    by: str


@event
class BayBackInUse(Event, action="bay.back_in_use", text="bay {bay} was put back into use by {by}"):
    by: str


@event
class CameraIssued(Event, action="camera.issued", text="camera {camera} was issued to an officer by {by}"):
    """To whom is for custody and the page; the log has no officers' names."""

    officer: str
    by: str


@event
class CameraReturned(Event, action="camera.returned", text="camera {camera} is no longer issued (by {by})"):
    """`by`: who took it back; docking, where it was put into a bay."""

    officer: str
    by: str


@event
class ProblemOpened(
    Event,
    action="problem.opened",
    text="the problem {problem} began ({kind})",
    level="warning",
    outcome="failure",
    custody=False,
):
    """`problem`: its id, `kind`: its stable name."""

    problem: str
    kind: str


@event
class ProblemWorsened(
    Event,
    action="problem.worsened",
    text="the problem {problem} became worse ({kind})",
    level="warning",
    outcome="failure",
    custody=False,
):
    problem: str
    kind: str


@event
class ProblemEnded(Event, action="problem.ended", text="the problem {problem} is over ({kind})", custody=False):
    """By itself, with its cause."""

    problem: str
    kind: str


@event
class ProblemSeen(Event, action="problem.seen", text="{by} has seen to the problem {problem} ({kind}) until {until}"):
    problem: str
    kind: str
    until: str
    by: str


@event
class ProblemClosed(Event, action="problem.closed", text="{by} closed the problem {problem} ({kind}): {reason}"):
    """What cannot close by itself. `since`: when it began."""

    problem: str
    kind: str
    since: str
    reason: str
    by: str
