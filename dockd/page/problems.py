"""What is wrong, as a list: each problem opens and closes by itself with its cause. Pure.

Names (`problem`) are stable: alerts are written against them. No name of a camera or a file is in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dockd.page.advice import PUT_BACK, of_store, to_mend, whose
from dockd.page.language import counted, english, joined, said
from dockd.page.looks import BayState
from dockd.page.words import some
from ingest.ledger.views import Newest

# The worst first. What is of the whole rack stands before what is of one camera or bay: footage that is gone or in doubt, what keeps footage from being
# brought in, what keeps it from leaving; then the cameras and the bays; then what the site has set up.
PROBLEMS = (
    "footage_lost", "footage_in_doubt", "ledger_unusable", "ledger_rebuilt", "ledger_went_back", "spool_spoils", "spool_failed", "store_dishonest", "store_went_back", "store_unconfirmed", "wrong_store",
    "store_down", "spool_full", "dock_unwatched", "usb_trouble", "access_unreadable", "evidence_not_marked",
    "integrity_failed", "removed_early", "copy_failed", "store_refused", "bay_fault", "will_not_charge", "clock_wrong", "not_ours", "config_wrong", "registry_unread", "certificate_ended",
    "certificate_ends", "restart_needed", "page_in_clear",
)  # fmt: skip
# What is over by itself, or is being asked for, or was set up so: it is said, and is nobody's to act on now.
_BY_ITSELF = frozenset({"footage_in_doubt", "spool_full", "dock_unwatched", "restart_needed", "page_in_clear"})
# What the site has set up is not said above the bays, and not on the wall.
_QUIET = frozenset({"config_wrong", "registry_unread", "certificate_ended", "certificate_ends", "restart_needed", "page_in_clear"})  # fmt: skip
_BOOK: Mapping[str, str] = {
    "ledger_rebuilt": said("The dock's own record book was damaged or gone, and a new one was begun with what lies on the dock and in its cameras."),
    "ledger_went_back": said("The dock's own record book is an older one: what it wrote last is gone from it, and is looked for in the store."),
    "store_went_back": said("The central store is an older copy of itself: it has forgotten footage that it had proven."),
    "store_unconfirmed": said("This dock was put back from a backup, and somebody has to say which store it may believe."),
}  # fmt: skip
_OF_AGENT: Mapping[str, str] = {
    "store_went_back": said("Tell ops at once. What it lost is sent again where a copy lives, and told as lost where none does; nothing is deleted until all of it was asked for. "
    "Ops: was a backup put back? This stays until a person pins the store anew (dockd store pin)."),
    "store_unconfirmed": said("Tell ops. Footage is copied and sent as ever, and no camera is emptied before. Ops: ask the store's operator whether it was replaced or caught since the backup; then stop dockd, and dockd store pin."),
    "ledger_went_back": said("Leave each camera in until its bay lets it go: nothing is deleted until the store has answered. Tell ops: was a backup put back, or does the disk fail?"),
    "ledger_rebuilt": said("Leave each camera in until its bay lets it go: nothing is deleted until the store has answered. Tell ops: what there was of the old book is kept, and the disk may be failing."),
    "access_unreadable": said("Tell ops. Footage is looked after as ever."),
    "certificate_ended": said("Tell ops. Ops: docs/enrolment.md says how each certificate is got anew; `dockd enroll` gets the one for the store."),
    "certificate_ends": said("Ops: it has to be renewed before that. The one for the store dockd renews by itself where the store gives such; the log says why it could not."),
    "config_wrong": said("Ops: `dockd check-config` names each mistake; mend them, then reload dockd."),
    "restart_needed": said("Ops: restart dockd at a quiet time; cameras go on where they were."),
    "page_in_clear": said("Ops: give the page a certificate (page.tls_cert_file), then take page.plain_http out."),
    "usb_trouble": said("Leave the cameras in and tell ops."),
    "spool_failed": said("Leave the cameras in and tell ops: it goes on by itself when the disk does."),
}  # fmt: skip

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
    """One thing that is wrong: its stable name, what it means, what to do, where (bay, camera), and `detail` for ops. `weight`: how much it is
    (segments, cameras), so that one that has grown is known; `alone`: how many segments of it have no other copy; `by_itself`: it goes on without anybody.
    """

    problem: str
    text: str
    advice: str
    bay: int | None = None
    camera: str | None = None
    detail: str = ""
    weight: int = 0
    alone: int = 0
    by_itself: bool = False

    @property
    def is_of_rack(self) -> bool:
        """Whether it is of the rack as a whole, and of no camera and no bay."""
        return self.bay is None and self.camera is None

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody has to act on it though no bay says so."""
        return self.is_of_rack and not self.by_itself and self.problem not in _BY_ITSELF

    @property
    def is_said_above(self) -> bool:
        """Whether the headline and the wall say it."""
        return self.is_of_rack and self.problem not in _QUIET

    @property
    def id(self) -> str:
        """The same as long as it is the same problem, and safe in an address whatever a camera is called. A camera that left is the same one whatever bay speaks of it.

        >>> Problem(problem="copy_failed", text="", advice="", bay=3, camera="CAM/01").id
        'copy_failed-3-af342a6fbd87'
        """
        place = (
            [] if self.bay is None or (self.problem == "removed_early" and self.camera is not None) else [str(self.bay)]
        )
        which = (
            []
            if self.camera is None
            else [hashlib.sha256(self.camera.encode("utf-8", "surrogateescape")).hexdigest()[:12]]
        )
        return "-".join([self.problem, *place, *which])


@dataclass(frozen=True, kw_only=True)
class BayFact:
    """What is asked of a bay: what is so, the one thing to do about it, `detail` for ops. `camera` is the one in it, or the one that left it early; `held`: its segments that are held."""

    number: int
    state: BayState
    what: str
    camera: str | None
    advice: str = ""
    detail: str = ""
    held: int = 0


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
    """A camera that left with footage on it, `alone` of its segments nowhere else; `bay`: the one that speaks of it, `name` is what people call it, `officer` whose it is, where that is known; `docking`: its last; `sound`: the dock's copies can be counted on."""

    camera: str
    bay: int | None
    segments: int
    alone: int = 0
    name: str = ""
    officer: str | None = None
    sound: bool = True
    docking: int = 0


_COUNT = 20  # bits
_NONE = Newest()


def weight_of(newest: int, count: int) -> int:
    """How much a problem is: it grows with anything `newest` in it (what counts only up: an entry of custody, a docking), and with how much of it there is."""
    return (newest << _COUNT) + min(count, (1 << _COUNT) - 1)


def docking_of(weight: int) -> int:
    """The docking in the weight of a camera that left early."""
    return weight >> _COUNT


def problems(
    *, bays: Iterable[BayFact], away: Sequence[AwayFact], store: str, store_message: str, spool_full: FullFact | None, lost: int,
    troubles: Mapping[str, str], doubt: int = 0, spoilt: int = 0, untold: tuple[int, int] = (0, 0), newest: Newest = _NONE,
) -> list[Problem]:  # fmt: skip
    """Everything that is wrong now, the worst first. `troubles`: what the agent says of itself, by name; `newest`: the last entries of custody by which these counts grew; `spoilt`: segments of which this dock
    spoils each copy; `untold`: of how much evidence the store could not be told yet, and for how much it has no marks."""
    found: list[Problem] = []
    if lost:
        text = counted(
            "{count} segment has no copy left anywhere.", "{count} segments have no copy left anywhere.", count=lost
        )
        advice = said("Tell ops at once; the custody record says what happened.")
        found.append(Problem(problem="footage_lost", text=text, advice=advice, weight=weight_of(newest.lost, lost)))
    if doubt:
        text = counted("{count} segment is not where the dock's record book says: the store is asked for it.", "{count} segments are not where the dock's record book says: the store is asked for it.", count=doubt)  # fmt: skip
        advice = said(
            "Wait until the store has answered. If it lasts, tell ops: the store's operator can look for it by its id."
        )
        found.append(
            Problem(problem="footage_in_doubt", text=text, advice=advice, weight=weight_of(newest.doubt, doubt))
        )
    if spoilt:
        text = said(
            "This dock spoils its copies of {segments}: its disk or its memory fails. The cameras have the footage still.",
            segments=some(spoilt),
        )
        advice = said("Tell ops to look at the dock. Leave the cameras in, or put them into another dock.")
        found.append(Problem(problem="spool_spoils", text=text, advice=advice, weight=spoilt))
    if any(untold):
        found.append(_unmarked(*untold, newest=newest.untold))
    found += [_of_agent(name, text) for name, text in troubles.items()]
    found += [_early(one) for one in away]
    if (stands := of_store(store, store_message)) is not None:
        name, of_it = stands
        waits = name == "store_down" and not to_mend(store, store_message)
        found.append(Problem(problem=name, text=of_it.what, advice=of_it.advice, detail=of_it.detail, by_itself=waits))
    if spool_full is not None:
        found.append(_full(spool_full))
    told = {one.camera for one in away}
    for bay in bays:
        if bay.state in _OF_BAY and not (bay.state == "removed_early" and bay.camera in told):
            found.append(Problem(problem=bay.state, text=bay.what, advice=bay.advice, bay=bay.number, camera=bay.camera, detail=bay.detail, weight=bay.held))  # fmt: skip
    return sorted(found, key=_rank)


def _unmarked(waiting: int, never: int, *, newest: int) -> Problem:
    waits = counted("{count} segment is evidence, and the store does not know that yet.", "{count} segments are evidence, and the store does not know that yet.", count=waiting)  # fmt: skip
    cannot = counted("{count} segment is evidence, and this store cannot be told.", "{count} segments are evidence, and this store cannot be told.", count=never)  # fmt: skip
    advice = said("Tell ops. Ops: see on the segment's page why the store does not take the mark, or tell the store's operator, so that nothing of it is deleted there by age.")  # fmt: skip
    text = joined(waits if waiting else "", cannot if never else "")
    return Problem(
        problem="evidence_not_marked",
        text=text,
        advice=advice,
        weight=weight_of(newest, waiting + never),
        by_itself=not never,
    )


def _of_agent(name: str, text: str) -> Problem:
    """What the agent says of itself, in its own words where there are no others."""
    book = _BOOK.get(name, "")
    advice = _OF_AGENT.get(name) or said("Ops: see the log.")
    return Problem(
        problem=name, text=book or english(text), advice=advice, detail=english(text) if book else ""
    )  # fmt: skip


def _rank(problem: Problem) -> tuple[int, int, int]:
    """Where it stands; of a kind the one with most that has no other copy, then the largest. One that nobody ranked stands before the rack's own parts."""
    kind = PROBLEMS.index(problem.problem if problem.problem in PROBLEMS else "dock_unwatched")
    return kind, -problem.alone, -problem.weight


def _full(full: FullFact) -> Problem:
    wait = said("cameras wait")
    if full.cameras and full.waiting:
        wait = counted("{count} camera waits with {waiting}", "{count} cameras wait with {waiting}", count=full.cameras, waiting=full.waiting)  # fmt: skip
    elif full.cameras:
        wait = counted("{count} camera waits", "{count} cameras wait", count=full.cameras)
    text = said("Dock room is full; {wait}.", wait=wait)
    if full.since:
        text = said("Dock room is full since {since}; {wait}.", since=full.since, wait=wait)
    advice = said("Leave those cameras in: their footage stays on them, and goes on by itself when the store has taken more. If it lasts, tell ops. Ops: look at the line and the store.")  # fmt: skip
    if full.kept and not full.sending:
        advice = said("Leave those cameras in: their footage stays on them, and goes on by itself then. If that is too late, tell ops. Ops: give the dock more room.")  # fmt: skip
    return Problem(problem="spool_full", text=joined(text, full.kept), advice=advice, weight=full.cameras)


def _early(one: AwayFact) -> Problem:
    left = said("Camera {camera} left with {segments} not yet in the store.", camera=whose(one.name or one.camera, one.officer), segments=some(one.segments))  # fmt: skip
    where = ""
    if not one.alone and one.sound:
        where = counted("It is safe on this dock.", "They are safe on this dock.", count=one.segments)
    elif not one.alone:
        where = counted("It is copied on this dock.", "They are copied on this dock.", count=one.segments)
    elif one.alone < one.segments:
        where = counted("{count} of them is on it alone.", "{count} of them are on it alone.", count=one.alone)
    else:
        where = counted("It is on the camera alone.", "All of them are on the camera alone.", count=one.segments)
    return Problem(
        problem="removed_early", text=joined(left, where), advice=PUT_BACK, bay=one.bay, camera=one.camera, weight=weight_of(one.docking, one.segments + one.alone),
        alone=one.alone,
    )  # fmt: skip
