"""What is wrong, as a list: each problem opens and closes by itself with its cause. Pure.

Names (`problem`) are stable: alerts are written against them. No name of a camera or a file is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockd.page.advice import PUT_BACK, of_store, some, whose
from dockd.page.looks import BayState

# The worst first: footage that is gone or in doubt, what keeps footage from being brought in, what keeps it from leaving, the rack, the cameras.
PROBLEMS = (
    "footage_lost", "footage_in_doubt", "ledger_unusable", "ledger_rebuilt", "ledger_went_back", "integrity_failed", "removed_early", "copy_failed", "store_refused", "store_dishonest", "store_went_back", "wrong_store",
    "store_down", "spool_spoils", "spool_failed", "spool_full", "dock_unwatched", "usb_trouble", "bay_fault", "will_not_charge", "clock_wrong", "registry_unread", "not_ours",
)  # fmt: skip
_REBUILT = "The dock's own record book was damaged or gone, and a new one was begun with what lies on the dock and in its cameras."
_WENT_BACK = (
    "The dock's own record book is an older one: what it wrote last is gone from it, and is looked for in the store."
)
_STORE_BACK = "The central store is an older copy of itself: it has forgotten footage that it had proven."
_BOOK = {"ledger_rebuilt": _REBUILT, "ledger_went_back": _WENT_BACK, "store_went_back": _STORE_BACK}
_OF_AGENT = {
    "store_went_back": "Tell ops at once. What it lost is sent again where a copy lives, and told as lost where none does; nothing is deleted until all of it was asked for. "
    "Ops: was a backup put back? This stays until a person pins the store anew (dockd store pin).",
    "ledger_went_back": "Leave the cameras in: nothing is deleted until the store has answered. Tell ops: was a backup put back, or does the disk fail?",
    "ledger_rebuilt": "Leave the cameras in: nothing is deleted until the store has answered. Tell ops: what there was of the old book is kept, and the disk may be failing.",
    "usb_trouble": "Leave the cameras in and tell ops.",
    "spool_failed": "Leave the cameras in and tell ops: it goes on by itself when the disk does.",
}

# What there is to do about a bay is said by the bay itself (dockd.page.advice), once.
_OF_BAY: frozenset[BayState] = frozenset(
    {
        "removed_early",
        "copy_failed",
        "integrity_failed",
        "store_refused",
        "not_ours",
        "bay_fault",
        "will_not_charge",
        "clock_wrong",
    }
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: its stable name, what it means, what to do, where (bay, camera), and `detail` for ops."""

    problem: str
    text: str
    advice: str
    bay: int | None = None
    camera: str | None = None
    detail: str = ""

    @property
    def id(self) -> str:
        """The same as long as it is the same problem."""
        return ":".join(str(part) for part in (self.problem, self.bay, self.camera) if part is not None)


@dataclass(frozen=True, kw_only=True)
class BayFact:
    """What is asked of a bay: what is so, the one thing to do about it, `detail` for ops. `camera` is the one in it, or the one that left it early."""

    number: int
    state: BayState
    what: str
    camera: str | None
    advice: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class FullFact:
    """The dock's room is used up since `since` (as people say it): `cameras` wait with `waiting`, in words; `kept`: what of it is kept though the
    store has it, until when and why, in a sentence; `sending`: copies on it are on their way to the store.
    """

    since: str = ""
    cameras: int = 0
    waiting: str = ""
    kept: str = ""
    sending: bool = False


@dataclass(frozen=True, kw_only=True)
class AwayFact:
    """A camera that left with footage on it, `alone` of its segments nowhere else; `bay`: the one that speaks of it, `name` is what people call it, `officer` whose it is, where that is known; `sound`: the dock's copies can be counted on."""

    camera: str
    bay: int | None
    segments: int
    alone: int = 0
    name: str = ""
    officer: str | None = None
    sound: bool = True


def problems(
    *, bays: Iterable[BayFact], away: Sequence[AwayFact], store: str, store_message: str, spool_full: FullFact | None, lost: int,
    troubles: Mapping[str, str], doubt: int = 0, spoilt: int = 0,
) -> list[Problem]:  # fmt: skip
    """Everything that is wrong now, the worst first. `troubles`: what the agent says of itself, by name; `spoilt`: segments of which this dock
    spoils each copy."""
    found: list[Problem] = []
    if lost:
        what = "1 segment has" if lost == 1 else f"{lost} segments have"
        found.append(Problem(problem="footage_lost", text=f"{what} no copy left anywhere.", advice="Tell ops at once; the custody record says what happened."))  # fmt: skip
    if doubt:
        what = "1 segment is" if doubt == 1 else f"{doubt} segments are"
        found.append(Problem(problem="footage_in_doubt", text=f"{what} not where the dock's record book says: the store is asked for it.", advice="Wait until the store has answered. If it lasts, tell ops: the store's operator can look for it by its id."))  # fmt: skip
    if spoilt:
        what = "1 segment" if spoilt == 1 else f"{spoilt} segments"
        found.append(Problem(problem="spool_spoils", text=f"This dock spoils its copies of {what}: its disk or its memory fails. The cameras have the footage still.", advice="Tell ops to look at the dock. Leave the cameras in, or put them into another dock."))  # fmt: skip
    for name, text in troubles.items():
        what, detail = (_BOOK[name], text) if name in _BOOK else (text, "")
        found.append(Problem(problem=name, text=what, advice=_OF_AGENT.get(name, "Ops: see the log."), detail=detail))
    found += [_early(one) for one in away]
    if (trouble := of_store(store, store_message)) is not None:
        name, said = trouble
        found.append(Problem(problem=name, text=said.what, advice=said.advice, detail=said.detail))
    if spool_full is not None:
        found.append(_full(spool_full))
    told = {one.camera for one in away}
    for bay in bays:
        if bay.state in _OF_BAY and not (bay.state == "removed_early" and bay.camera in told):
            found.append(Problem(problem=bay.state, text=bay.what, advice=bay.advice, bay=bay.number, camera=bay.camera, detail=bay.detail))  # fmt: skip
    return sorted(found, key=_rank)


def _rank(problem: Problem) -> int:
    """Where it stands; one that nobody ranked stands before the rack's."""
    return PROBLEMS.index(problem.problem if problem.problem in PROBLEMS else "dock_unwatched")


def _full(full: FullFact) -> Problem:
    who = "cameras wait" if full.cameras != 1 else "1 camera waits"
    who = f"{full.cameras} {who}" if full.cameras > 1 else who
    wait = f"{who} with {full.waiting}" if full.waiting else who
    text = f"Dock room is full{full.since and ' since '}{full.since}; {wait}."
    text = f"{text} {full.kept}" if full.kept else text
    if full.kept and not full.sending:
        advice = "Leave those cameras in: their footage stays on them, and goes on by itself then. If that is too late, ask ops for more room on the dock."
        return Problem(problem="spool_full", text=text, advice=advice)
    return Problem(
        problem="spool_full", text=text,
        advice="Leave those cameras in: their footage stays on them, and goes on by itself when the store has taken more. If it lasts, ask ops to look at the line and the store.",
    )  # fmt: skip


def _early(one: AwayFact) -> Problem:
    who = whose(one.name or one.camera, one.officer)
    safe = "It is" if one.segments == 1 else "They are"
    where = f" {safe} {'safe' if one.sound else 'copied'} on this dock." if not one.alone else ""
    if 0 < one.alone < one.segments:
        where = f" {one.alone} of them {'is' if one.alone == 1 else 'are'} on it alone."
    return Problem(
        problem="removed_early", text=f"Camera {who} left with {some(one.segments)} not yet in the store.{where}", advice=PUT_BACK, bay=one.bay, camera=one.camera,
    )  # fmt: skip
