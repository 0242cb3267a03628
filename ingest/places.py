"""Who is being sent now, who is next, and who gives up the place: the order of delivery while it runs (docs/decisions/0026).

Rules: there are twice as many places as lanes, so that the line does not wait for proofs. A place is given up between two requests and
never in the middle of one: to what has a higher rank, where no place is free; and after its turn (64 MiB, or an eighth of a large segment) to
another camera of the same rank that was given no more. What waits for a lane gives its place up at once to what has a higher rank, and evidence
may have one place more than there are: it waits for nobody's request. Otherwise at least one request is done in every turn, and what was sent
stays sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from ingest.lanes import Lanes
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.queue import Rank
from ingest.ledger.segments import Segment
from ingest.shares import Shares

TURN = 64 << 20
_PLACES_A_LANE = 2  # a small segment is announced and proven for as long as it is sent
_SHARE_OF_ONE = 8  # of a large segment: each time that it comes again its copy may have to be read again


def turn_of(size: int, *, least: int = TURN) -> int:
    """How much of a segment of `size` bytes is sent before others of its rank come: an eighth, and `least` at least."""
    return min(size, max(least, size // _SHARE_OF_ONE))


@dataclass(kw_only=True)
class Turn:
    """One segment's time in a place: `allowed` bytes, `sent` of them; `leaving` once it has given it up; `beyond` the places that there are."""

    segment: Segment
    place: Rank
    places: Places
    allowed: int
    sent_now: int = 0
    leaving: bool = False
    beyond: bool = False

    def sent(self, size: int) -> None:
        """So many of its bytes went."""
        self.sent_now += size

    async def over(self) -> bool:
        """Whether another one is to come before the rest of it. Raises LedgerUnusable."""
        return await self.places.goes_first(self)

    def rank(self) -> tuple[Rank, int]:
        """Which lane's turn it is among those who wait."""
        return self.place, self.places.given(self)

    def ahead(self) -> bool:
        """Whether it is evidence, by now."""
        return bool(self.segment.evidential)


class Places:
    """The places of one delivery. `longest`: the longest wait for another try, seconds; `turn`: bytes of a turn at least."""

    def __init__(self, *, ledger: Ledger, lanes: Lanes, longest: float, turn: int = TURN) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._longest = longest
        self._turn_of = partial(turn_of, least=turn)
        self._shares = Shares()
        self._turns: dict[str, Turn] = {}
        self._moved: set[str] = set()

    @property
    def busy(self) -> Collection[str]:
        """Ids of what is being sent, or proven."""
        return self._turns.keys()

    @property
    def room(self) -> int:
        """How many places are free."""
        staying = sum(not turn.leaving for turn in self._turns.values())
        return min(self._lanes.most, _PLACES_A_LANE * self._lanes.width) - staying

    async def next(self) -> list[Segment]:
        """What is to be begun now, as many as there is room for. Raises LedgerUnusable."""
        await self._rank_anew()
        room = max(0, min(self.room, self._lanes.most - len(self._turns)))
        found = await self._waiting(room + 1)
        self._lanes.demand = len(found) > room
        if not found and not self._turns:
            self._shares.forget()
        if len(found) > room:
            self._make_way(queue.rank(found[room]))
            if found[room].evidential and self._one_more():
                return found
        return found[:room]

    def moved(self, segment: str) -> None:
        """It has another rank than it had: it may be in a place."""
        if segment in self._turns:
            self._moved.add(segment)

    async def _rank_anew(self) -> None:
        while self._moved:
            id = self._moved.pop()
            row = await self._ledger.read(lambda db, id=id: segments.get(db.execute, id))  # type: ignore[misc]
            turn = self._turns.get(id)
            if turn is not None:
                self._shares.charge(turn.place, row.camera, turn.sent_now - turn.allowed)
                turn.segment, turn.place, turn.sent_now = row, queue.rank(row), 0
                turn.allowed = self._turn_of(row.size)
                self._shares.charge(turn.place, row.camera, turn.allowed)
                self._lanes.look()

    def begin(self, segment: Segment) -> Turn:
        """It has a place."""
        turn = Turn(
            segment=segment, place=queue.rank(segment), places=self, allowed=self._turn_of(segment.size), beyond=self.room <= 0
        )  # fmt: skip
        self._turns[segment.id] = turn
        self._shares.charge(turn.place, segment.camera, turn.allowed)
        return turn

    def end(self, segment: Segment) -> None:
        """It has left its place, whatever became of it."""
        turn = self._turns.pop(segment.id)
        self._shares.charge(turn.place, segment.camera, turn.sent_now - turn.allowed)

    def given(self, turn: Turn) -> int:
        """What its camera was given in its rank, in bytes."""
        return self._shares.of(turn.place, turn.segment.camera)

    async def goes_first(self, turn: Turn) -> bool:
        """Whether one that waits is to be begun before the rest of this one. Raises LedgerUnusable."""
        if self.room > 0:
            return False
        found = await self._waiting(1)
        if self.room > 0:  # another one gave up its place meanwhile
            return False
        turn.leaving = any(self._before(one, turn) for one in found) or self._is_one_too_many(turn)
        if not turn.leaving and turn.sent_now >= turn.allowed:
            more = self._turn_of(turn.segment.size)
            turn.allowed += more
            self._shares.charge(turn.place, turn.segment.camera, more)
        return turn.leaving

    def _one_more(self) -> bool:
        """Whether evidence may have the one place more."""
        return self.room >= 0 or not any(turn.beyond for turn in self._turns.values())

    def _is_one_too_many(self, turn: Turn) -> bool:
        """Whether evidence has taken a place more than there are, and this is the one that goes for it."""
        evidence = [other.place for other in self._turns.values() if other.beyond]
        return self.room < 0 and any(place < turn.place == self._lowest() for place in evidence)

    def _lowest(self) -> Rank:
        return max(other.place for other in self._turns.values() if not other.leaving)

    def _make_way(self, place: Rank) -> None:
        """Who waits for a lane, and is of the lowest rank, gives up its place to what has a higher one."""
        waiting = [turn for turn in self._turns.values() if not turn.leaving and self._lanes.waits(turn.rank)]
        last = max(waiting, key=lambda turn: turn.place, default=None)
        if last is not None and last.place > place and self.room <= 0:  # else one is about to leave
            last.leaving = True
            self._lanes.dismiss(last.rank)

    def _before(self, one: Segment, turn: Turn) -> bool:
        place = queue.rank(one)
        if place != turn.place:
            return place < turn.place == self._lowest()
        mine = turn.segment.camera
        is_over = turn.sent_now >= turn.allowed
        return is_over and one.camera != mine and self._shares.of(place, one.camera) <= self._shares.of(place, mine)

    async def _waiting(self, count: int) -> list[Segment]:
        """The first `count` that are not in a place, those whose time to be tried again has come among them."""
        busy = frozenset(self._turns)  # as of before the look: one that ends during it is not in the queue's past again
        now, longest = self._ledger.clock.now(), self._longest
        while await self._ledger.read(lambda db: queue.any_due(db.execute, now=now, longest=longest)):
            if not await self._ledger.commit(lambda tx: queue.end_waits(tx, longest=longest)):
                break
        return await self._ledger.read(
            lambda db: queue.next_uploads(
                db.execute, busy=busy, count=count, shares=self._shares.among, turn=self._turn_of
            )
        )  # fmt: skip
