"""What people may change, one method each: the API calls and the forms of the pages alike do it through here.

Rules kept here: each change is one entry of custody, with who did it (`by`, as `dockd.access.Who.by` says it); pressing twice does no more than
pressing once; the answer is the changed document, as the API gives it. Nothing here deletes anything: not from a camera, not from the dock, not
from the store; and nothing here makes a check pass that would not.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from dockd.page import documents
from dockd.page.documents import Document
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.footage_words import by_words, shown
from dockd.page.language import Moment, said
from dockd.page.problem_book import CLOSABLE
from dockd.page.segment_documents import segment_documents
from dockd.page.view import View
from ingest.errors import LedgerUnusable
from ingest.held import WhyNot, why_not
from ingest.ledger import Transaction, issues, queue, rack, segments, views
from ingest.ledger.issues import Issue
from ingest.ledger.rack import OutOfUse
from ingest.ledger.segments import Segment
from ingest.model import CameraId

T = TypeVar("T")
LONGEST_REASON = 300
LONGEST_OFFICER = 100
LONGEST_SEEN = 24.0
_NO_SEGMENT = said("there is no segment of this id")
_NO_BAY = said("there is no bay of this number")
_NO_CAMERA = said("no camera of this id was ever docked here")
_NO_PROBLEM = said("there is no such problem now: it may be over")


class Unfit(Problem):
    """Words that cannot be taken: why, as it stands beside their field on a page; `detail` begins with the field's name, for a program."""

    def __init__(self, name: Literal["reason", "officer"], why: str) -> None:
        super().__init__(400, said("{name}: {why}", name=name, why=why))
        self.why = why


class Doings:
    """All of it. Made of `sources` and `view`, as many times as one likes: it keeps nothing.

    Every method raises page.doorkeeper.Problem: 400 for words that cannot be taken, 404 for what is not there, 409 where it makes no sense as
    things are, 503 while the ledger cannot be written; its `detail` is plain words for a person.
    """

    def __init__(self, *, sources: Sources, view: View) -> None:
        self._sources = sources
        self._view = view

    # -- segments ------------------------------------------------------------------------------------------------------

    async def first(self, segment: str, *, by: str) -> Document:
        """Send it next, before all that is not evidence. The segment's document. 409 where the store has it, or no copy is left to send."""

        def work(tx: Transaction) -> None:
            row = _segment(tx, segment)
            if row.in_store:
                raise Problem(409, said("the store has it already"))
            if not row.copies:
                raise Problem(409, said("no copy of it is left that could be sent"))
            if not queue.is_first(tx.execute, row):
                segments.move_up(tx, segment, by=by)

        await self._commit(work)
        await self._beside(segment)
        return await self._segment(segment)

    async def evidential(self, segment: str, *, by: str) -> Document:
        """It is evidence, for good: here, beside its copy on the dock, and at the store as soon as that can be told. The segment's document."""

        def work(tx: Transaction) -> None:
            _segment(tx, segment)
            segments.mark_evidential(tx, segment, by=by)

        await self._commit(work)
        await self._beside(segment)
        return await self._segment(segment)

    async def retry(self, segment: str, *, by: str) -> Document:
        """Try a held one again, now that its cause is gone. The segment's document. 409 where that cannot help, and what would."""
        present = self._sources.activity.cameras

        def work(tx: Transaction) -> None:
            row = _segment(tx, segment)
            if row.held is None and row.copies:
                return
            if row.held is None:
                raise Problem(409, _not_now("nowhere", row.camera))
            why = why_not(
                reason=row.held, on_camera=bool(row.on_camera), in_spool=bool(row.in_spool), in_store=bool(row.in_store),
                docked=row.camera in present,
            )  # fmt: skip
            if why is not None:
                raise Problem(409, _not_now(why, row.camera))
            segments.try_again(tx, segment, by=by)

        await self._commit(work)
        return await self._segment(segment)

    # -- bays and cameras ----------------------------------------------------------------------------------------------

    async def out_of_use(self, bay: int, *, reason: str, by: str, was: str | None = None) -> Document:
        """Nobody is to use this bay: why, in a person's words. The bay's document. `was`: for which reason it was out of use as far as they had seen
        ("": it was in use); 409 where somebody has changed that meanwhile. None: whatever was."""
        why = _words(reason, name="reason", longest=LONGEST_REASON)
        self._must_be_a_bay(bay)

        def work(tx: Transaction) -> None:
            _nobody_else_has_marked_it(tx, bay, was=was, wish=why)
            rack.take_out(tx, bay, reason=why, by=by)

        await self._commit(work)
        return await self._bay(bay)

    async def back_in_use(self, bay: int, *, by: str, was: str | None = None) -> Document:
        """It may be used again. The bay's document. `was` as above."""
        self._must_be_a_bay(bay)

        def work(tx: Transaction) -> None:
            _nobody_else_has_marked_it(tx, bay, was=was, wish=None)
            rack.put_back(tx, bay, by=by)

        await self._commit(work)
        return await self._bay(bay)

    async def issue(self, camera: str, *, officer: str, by: str, was: str | None = None) -> Document:
        """A pool camera goes to `officer`; "" takes it back into the pool. The camera's document. 409 for one that is somebody's own. `was`: who had it as
        far as they had seen ("": nobody); 409 where somebody has given it to another meanwhile. None: whoever has it."""
        who = _words(officer, name="officer", longest=LONGEST_OFFICER, empty=True)
        known = await self._read(lambda execute: views.camera(execute, camera))
        if known is None:
            raise Problem(404, _NO_CAMERA)
        identity = CameraId(profile=known.profile, serial=known.serial, card=known.card)
        owner = self._view.registry.assigned_to(identity)
        if who and owner is not None:
            raise Problem(409, said("it is {owner}'s own by the site's list (registry.file): it is given to somebody else there", owner=owner))  # fmt: skip
        here = self._bays_by_camera()

        def work(tx: Transaction) -> None:
            _nobody_else_has_issued_it(tx, identity, was=was, wish=who)
            if who:
                issues.issue(tx, camera, officer=who, by=by, docked=camera in here)
            else:
                issues.take_back(tx, camera, by=by)

        await self._commit(work)
        await self._view.look(anew=True)  # whoever has it stands on every page from here on
        found = await self._read(issues.issued)
        return documents.camera_document(
            known, bay=here.get(camera), assigned_to=owner, issue=issues.of_camera(found, identity)
        )

    # -- problems ------------------------------------------------------------------------------------------------------

    async def seen(self, problem: str, *, hours: float, by: str) -> Document:
        """Somebody has seen to it, for so many hours (more than 0, at most 24). It stays a problem. The problem's document."""
        if not (math.isfinite(hours) and 0 < hours <= LONGEST_SEEN):
            raise Problem(400, said("hours: for how long, more than 0 and at most {most}", most=round(LONGEST_SEEN)))
        await self._problem(problem)
        until = self._sources.clock.now() + 3600 * hours
        if not await self._safely(self._view.book.seen(problem, until=until, by=by)):
            raise Problem(404, _NO_PROBLEM)
        await self._view.look(anew=True)
        return await self._problem(problem)

    async def close(self, problem: str, *, reason: str, by: str) -> Document:
        """It is over for a person, and why: only what cannot close by itself (`closable`). It opens again if it becomes worse. As it was before."""
        why = _words(reason, name="reason", longest=LONGEST_REASON)
        document = await self._problem(problem)
        if document["problem"] not in CLOSABLE:
            raise Problem(409, said("this closes by itself when its cause is gone"))
        now = self._sources.clock.now()
        if not await self._safely(self._view.book.close(problem, reason=why, by=by, now=now)):
            raise Problem(404, _NO_PROBLEM)
        if document["problem"] == "removed_early" and document["camera"] is not None:
            self._sources.rack.forgive(document["camera"])
        await self._view.look(anew=True)
        return document

    # -- what it is made of --------------------------------------------------------------------------------------------

    async def _safely(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except LedgerUnusable as error:
            raise Problem(503, error.message, headers={"Retry-After": "5"}) from error

    async def _commit(self, work: Callable[[Transaction], T]) -> T:
        return await self._safely(self._sources.ledger.commit(work))

    async def _read(self, question: Callable[[segments.Execute], T]) -> T:
        return await self._safely(self._sources.ledger.read(lambda db: question(db.execute)))

    async def _beside(self, segment: str) -> None:
        """What was marked is committed, and is written beside its copy now; where that fails, the delivery tries it again."""
        with contextlib.suppress(LedgerUnusable, KeyError):
            await self._sources.beside(segment)

    async def _segment(self, segment: str) -> Document:
        found = await self._read(lambda execute: segment_documents(execute, [segments.get(execute, segment)]))
        return found[0]

    def _bays_by_camera(self) -> dict[str, int]:
        return {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}

    def _must_be_a_bay(self, bay: int) -> None:
        if bay not in self._sources.rack.bays:
            raise Problem(404, _NO_BAY)

    async def _bay(self, bay: int) -> Document:
        snapshot = await self._view.look(anew=True)
        return snapshot.bays[bay]

    async def _problem(self, problem: str) -> Document:
        snapshot = await self._view.look()
        found = next((one for one in snapshot.problems if one["id"] == problem), None)
        if found is None:
            raise Problem(404, _NO_PROBLEM)
        return found


def _segment(tx: Transaction, segment: str) -> Segment:
    try:
        return segments.get(tx.execute, segment)
    except KeyError:
        raise Problem(404, _NO_SEGMENT) from None


def _nobody_else_has_marked_it(tx: Transaction, bay: int, *, was: str | None, wish: str | None) -> None:
    """Raises Problem where the bay is out of use for a reason that they have not seen, and that is not the one they give."""
    if why := marked_meanwhile(rack.out_of_use(tx.execute).get(bay), was=was, wish=wish):
        raise Problem(409, why)


def marked_meanwhile(known: OutOfUse | None, *, was: str | None, wish: str | None) -> str:
    """Who has taken the bay out of use, and why, where that is not what they have seen (`was`) nor what they want; empty where nothing is to be told."""
    if was is None or known is None or known.reason in (_one_line(was), wish if wish is None else _one_line(wish)):
        return ""
    return said(
        "meanwhile {by} has taken it out of use, at {time}: “{reason}”. Nothing was changed. Press the button once more if you still want this",
        by=by_words(known.by), time=Moment(known.since, "HH:mm"), reason=shown(known.reason),
    )  # fmt: skip


def _nobody_else_has_issued_it(tx: Transaction, camera: CameraId, *, was: str | None, wish: str) -> None:
    """Raises Problem where somebody has it of whom they have not seen that, and to whom they do not give it."""
    if why := issued_meanwhile(issues.of_camera(issues.issued(tx.execute), camera), was=was, wish=wish):
        raise Problem(409, why)


def issued_meanwhile(known: Issue | None, *, was: str | None, wish: str) -> str:
    """Who has issued the camera, and to whom, where that is not who they have seen that has it (`was`), nor who is to have it; empty where nothing is to be told."""
    if was is None or known is None or known.officer in (_one_line(was), _one_line(wish)):
        return ""
    return said(
        "meanwhile {by} has issued it to {officer}, at {time}. Nothing was changed. Press the button once more if you still want this",
        by=by_words(known.by), officer=shown(known.officer), time=Moment(known.since, "HH:mm"),
    )  # fmt: skip


def _not_now(why: WhyNot, camera: str) -> str:
    """What would help."""
    texts: dict[WhyNot, str] = {
        "wants_pin": said("the store was caught: this is tried again when ops have pinned a store anew (dockd store pin)"),
        "asked": said("no copy of it is known here, and the store is being asked for it: that goes on by itself"),
        "wants_camera": said("it can only be read again from camera {camera}: put that camera into a bay; it is tried again then by itself", camera=camera),
        "wants_camera_to_delete": said("it is in the store, and what failed is deleting it from camera {camera}: put that camera into a bay; it is tried again then by itself", camera=camera),
        "nowhere": said("no copy of it is left to try it with: ask ops to look at its custody record"),
    }  # fmt: skip
    return texts[why]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _words(text: str, *, name: Literal["reason", "officer"], longest: int, empty: bool = False) -> str:
    """A person's words in one line. Raises Problem."""
    words = _one_line(text)
    if not words and not empty:
        raise Unfit(name, said("say it in a few words"))
    if len(words) > longest:
        raise Unfit(name, said("at most {longest} characters", longest=longest))
    if not words.isprintable():
        raise Unfit(name, said("there are signs in it that nobody can read"))
    return words
