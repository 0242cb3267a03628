"""What one sergeant hands over to the next, to be printed and signed: what is ready, what must be left, what somebody has to see to, where the
footage is that is not in the store, which cameras are out; and the end of the custody record, so that the signed paper pins it.

Rules kept here: it fits two sheets of A4 with 64 bays (lists are cut, and say how much is left out); each camera that is to be put back is named, and each
that went out with footage that the store has not confirmed; what is wrong with the whole rack is never cut; it is as true in black and white; what it
says is of one moment, which stands on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from dockd.docking import Bay
from dockd.page.advice import whose
from dockd.page.documents import Document
from dockd.page.language import joined, said
from dockd.page.pages import strip
from dockd.page.pages.folded import folded
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import ask, exact, plain
from dockd.page.pages.summing_up import KINDS, kind_of, looked_at
from dockd.page.rights import needs
from dockd.page.roll import Row, roll
from ingest.ledger import issues, page_cameras, views
from ingest.ledger.views import Away
from ingest.model import CameraId

_MOST_CAMERAS = 12
_NOT_SEEN = 24 * 3600.0
_HASH = 16
_LETTERS = 2400  # of all reasons why bays are out of use: what the second sheet holds
_SHORTEST = 40


@dataclass(frozen=True, kw_only=True)
class Group:
    """The bays of a kind, as people write them: 3 to 6, 9."""

    show: str
    word: str
    shape: str
    tone: str
    count: int
    bays: str


class Handover:
    """`/handover`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/handover", self.handover)

    @needs("read")
    async def handover(self, request: web.Request) -> web.Response:
        """The paper."""
        (out, away), head = await self._out(), self._sources.ledger.head
        snapshot = await self._view.look()
        bays, status = list(snapshot.bays.values()), self._view.status_now(snapshot)
        absent = [row for row in out if row.absent]
        named = left(self._sources.rack.bays, away)
        elsewhere = [one for one in (_id_of(each) for each in away) if one not in named.values()]
        return await self._rendering.page(
            request, "handover.html", snapshot=snapshot, bays=bays, groups=groups(bays), facts=strip.all_of(status, bays), at=exact(status["time"]),
            problems=folded([looked_at(one) for one in snapshot.problems], runs=runs), missing=self._missing(bays),
            gone=self._whose(named), unconfirmed=len(away), elsewhere=list(self._whose(dict(enumerate(elsewhere[:_MOST_CAMERAS]))).values()), elsewhere_in_all=len(elsewhere),
            longest_reason=longest(bay for bay in bays if bay["out_of_use"]), out=len(out), absent=absent[:_MOST_CAMERAS], absent_in_all=len(absent), seq=head.seq, hash=head.hash[:_HASH],
        )  # fmt: skip

    def _missing(self, bays: Sequence[Document]) -> dict[int, str]:
        """The camera that is to be put back, and whose it is, by the bay that says so."""
        numbers = [bay["number"] for bay in bays if bay["state"] == "removed_early"]
        last = {number: self._sources.rack.bays[number].last_camera for number in numbers}
        return self._whose({number: one for number, one in last.items() if one is not None})

    def _whose(self, cameras: Mapping[int, CameraId]) -> dict[int, str]:
        """Each as people name it: its serial, and who has it."""
        return {n: whose(plain(one.serial or one.id), self._view.assigned_to(one)) for n, one in cameras.items()}

    async def _out(self) -> tuple[list[Row], list[Away]]:
        """The cameras that are not in a bay, and have been here before; and those of them with footage that the store has not confirmed."""
        now = self._sources.clock.now()
        seen, issued, away = await ask(
            self._sources,
            lambda execute: (page_cameras.last_dockings(execute), issues.issued(execute), views.away(execute)),
        )
        here = {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}
        rows = roll(seen=seen, registry=self._view.registry, here=here, issued=issued, now=now, not_seen=_NOT_SEEN)
        return [row for row in rows if row.where == "out"], [one for one in away if one.camera not in here]


def left(bays: Mapping[int, Bay], away: Iterable[Away]) -> dict[int, CameraId]:
    """By bay the camera that went out of it with footage that the store has not confirmed, where no other is in the bay since."""
    out = {(one.bay, one.camera) for one in away}
    found = {n: bay.last_camera for n, bay in bays.items() if bay.camera is None and bay.still is None}
    return {n: camera for n, camera in found.items() if camera is not None and (n, camera.id) in out}


def longest(out_of_use: Iterable[Document]) -> int:
    """How many letters of each reason there is room for: all of them, but where a great part of the rack is out of use."""
    return max(_SHORTEST, _LETTERS // max(1, sum(1 for _bay in out_of_use)))


def _id_of(away: Away) -> CameraId:
    return CameraId(profile=away.profile, serial=away.serial, card=away.card)


def groups(bays: Sequence[Document]) -> list[Group]:
    """Each kind that there is, with its bays."""
    found = []
    for kind in KINDS:
        numbers = [int(bay["number"]) for bay in bays if kind_of(bay) == kind.show]
        if numbers:
            found.append(Group(show=kind.show, word=kind.word, shape=kind.shape, tone=kind.tone, count=len(numbers), bays=runs(numbers)))  # fmt: skip
    return found


def runs(numbers: Iterable[int]) -> str:
    """Numbers in rack order, with those that follow each other put together.

    >>> str(runs([3, 4, 5, 9, 11, 12]))
    '3 to 5, 9, 11, 12'
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    parts: list[str] = []
    for run in found:
        parts += [said("{first} to {last}", first=run[0], last=run[-1])] if len(run) > 2 else map(str, run)
    return joined(*parts, by=", ")
