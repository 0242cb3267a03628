"""The book of problems: since when each is open, whether it became worse, who has seen to it, and what a person has closed.

Rules kept here: what is wrong is found anew at each look, by dockd.page.problems; the book only remembers. A problem that is not found for two
minutes is over; found again within these, it was never gone (so a restart begins nothing anew). Having seen it never takes it away, and is void
when it becomes worse, and where it is further ahead than anybody can say. Closed stays closed until its cause is gone (then it is over, and would open as another one), or until it becomes worse.
Nothing waits for the book to be written: what could not be is written with the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dockd.page.problems import Problem, docking_of
from ingest.ledger import Ledger, Transaction, problems_book
from ingest.ledger.problems_book import Noted

AGAIN = 120.0
LONGEST_SEEN = 24 * 3600.0
_CLOCKS = 60.0  # a clock that is set right by less than this voids nothing
_MOST_UNWRITTEN = 2000
# What a person can close, with a reason: nothing that dockd or a store could do ends it, or nobody can say whether it will.
CLOSABLE = frozenset({"footage_lost", "footage_in_doubt", "removed_early", "evidence_not_marked"})


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A problem as it is shown: times are seconds since the epoch. `worse`: when it last grew; `seen_by` only while `seen_until` is ahead."""

    problem: Problem
    since: float
    worse: float | None = None
    seen_by: str | None = None
    seen_until: float | None = None

    @property
    def closable(self) -> bool:
        """Whether a person can close it."""
        return self.problem.problem in CLOSABLE


@dataclass(frozen=True, kw_only=True)
class StillSo:
    """What a person has closed, and is so all the same: as it is now, and who said why, when (seconds since the epoch)."""

    problem: Problem
    by: str
    reason: str
    at: float


class ProblemBook:
    """One for a view. `load` before the first `keep`; `keep` at each look; `write` after it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._noted: dict[str, Noted] = {}
        self._gone: dict[str, float] = {}
        self._unwritten: list[Callable[[Transaction], None]] = []
        self._unread: dict[str, float] = {}
        self._loaded = False
        self._found: Sequence[Problem] = ()
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """What the ledger has of it, once. Raises LedgerUnusable."""
        if not self._loaded:
            found = await self._ledger.read(lambda db: problems_book.all_noted(db.execute))
            self._noted, self._loaded = found, True

    @property
    def closed_cameras(self) -> Mapping[str, int]:
        """Cameras that left early, and of which a person has said that nobody waits for them any more: by the docking of which that was said."""
        return {
            one.camera: docking_of(one.weight) for one in self._noted.values() if one.closed_at is not None and one.kind == "removed_early" and one.camera
        }  # fmt: skip

    @property
    def still_so(self) -> list[StillSo]:
        """What is closed and was found at the last look: nobody is called for it, and it is not all well."""
        noted = [(one, self._noted[one.id]) for one in self._found if one.id in self._noted]
        return [
            StillSo(problem=one, by=known.closed_by or "", reason=known.closed_reason or "", at=known.closed_at)
            for one, known in noted
            if known.closed_at is not None
        ]

    def get(self, problem: str) -> Noted | None:
        """One by its id, if it is open."""
        found = self._noted.get(problem)
        return found if found is not None and found.closed_at is None and problem not in self._gone else None

    def keep(self, found: Sequence[Problem], *, now: float, blind: bool = False) -> tuple[list[Kept], list[Noted]]:
        """What is shown of `found`, and what is over that a person had closed. `now`: seconds since the epoch; `blind`: what is not found may be there."""
        self._found = tuple(found)
        if not self._loaded:
            return [Kept(problem=one, since=self._unread.setdefault(one.id, now)) for one in found], []
        for one in found:
            self._find(one, now)
        over = [] if blind else self._missing({one.id for one in found}, now)
        return [self._shown(one, now) for one in found if self._noted[one.id].closed_at is None], over

    def _find(self, one: Problem, now: float) -> None:
        known = self._noted.get(one.id)
        self._gone.pop(one.id, None)
        if known is None:
            known = Noted(id=one.id, kind=one.problem, bay=one.bay, camera=one.camera, since=now, weight=one.weight)
            self._later(partial(problems_book.opened, noted=known))
        elif one.weight > known.weight:
            known = replace(
                known, weight=one.weight, worse_at=now, seen_by=None, seen_until=None, closed_by=None, closed_reason=None, closed_at=None,
            )  # fmt: skip
            self._later(partial(problems_book.worsened, noted=known))
        elif one.weight < known.weight:
            known = replace(known, weight=one.weight)
        if known.seen_until is not None and known.seen_until > now + LONGEST_SEEN + _CLOCKS:
            known = replace(known, seen_by=None, seen_until=None)  # said when the clock was ahead
            self._later(partial(problems_book.note, noted=known))
        self._noted[one.id] = known

    def _missing(self, there: set[str], now: float) -> list[Noted]:
        """What is not found any more: over at once where it was closed, else after a while. Returns what was closed."""
        closed = []
        for name in [name for name in self._noted if name not in there]:
            noted = self._noted[name]
            gone = self._gone.setdefault(name, now)
            if noted.closed_at is None and 0 <= now - gone < AGAIN:
                continue
            del self._noted[name]
            del self._gone[name]
            self._later(partial(problems_book.ended, noted=noted))
            if noted.closed_at is not None:
                closed.append(noted)
        return closed

    def _shown(self, one: Problem, now: float) -> Kept:
        noted = self._noted[one.id]
        seen = noted.seen_until is not None and noted.seen_until > now
        return Kept(
            problem=one, since=noted.since, worse=noted.worse_at, seen_by=noted.seen_by if seen else None,
            seen_until=noted.seen_until if seen else None,
        )  # fmt: skip

    def _later(self, write: Callable[[Transaction], None]) -> None:
        if len(self._unwritten) < _MOST_UNWRITTEN:
            self._unwritten.append(write)

    async def write(self) -> None:
        """Write down what is new. Raises LedgerUnusable; then it is kept for the next time."""
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        if not self._unwritten:
            return
        some = list(self._unwritten)

        def all_of_it(tx: Transaction) -> None:
            for one in some:
                one(tx)

        await self._ledger.commit(all_of_it)
        del self._unwritten[: len(some)]

    async def seen(self, problem: str, *, until: float, by: str) -> bool:
        """A person has seen to it. False where it is not open. Raises LedgerUnusable."""
        return await self._change(problem, problems_book.seen, {"seen_by": by, "seen_until": until})

    async def close(self, problem: str, *, reason: str, by: str, now: float) -> bool:
        """A person closes it. False where it is not open. Raises LedgerUnusable."""
        said: dict[str, str | float] = {"closed_by": by, "closed_reason": reason, "closed_at": now}
        return await self._change(problem, problems_book.closed, said)

    async def _change(
        self, problem: str, write: Callable[[Transaction, Noted], None], said: dict[str, str | float]
    ) -> bool:
        async with self._writing:  # what a look finds meanwhile is written after this, and stands
            while self._unwritten:
                await self._write()
            noted = self.get(problem)
            if noted is None:
                return False
            changed = replace(noted, **said)  # type: ignore[arg-type]
            await self._ledger.commit(lambda tx: write(tx, changed))
            now = self._noted.get(problem)
            if now is not None and (now.since, now.worse_at) == (noted.since, noted.worse_at):
                self._noted[problem] = replace(now, **said)  # type: ignore[arg-type]
            return True  # where it grew in that moment, or began anew, that is news, and stays so


__all__ = ["AGAIN", "CLOSABLE", "Kept", "ProblemBook", "StillSo"]
