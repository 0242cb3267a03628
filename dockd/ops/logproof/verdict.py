"""What an account proves: what is missing, what is there twice, and what the log alone cannot tell.

Rules: whatever was numbered and is not there is missing, whether the dock lost it (it tells so itself) or somebody on the way. A run is known to its
end by its last line, or by what the next run's first line says of it; the newest run of a host may go on, and what cannot be read after its last
line may be its own. Without lines there is no proof: where a host must have been heard until some time, a run that ended before says nothing of
what came after it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from dockd.ops.logproof.account import Account, Claim, Run
from dockd.ops.logproof.numbers import Range

End = Literal["closed", "stopped", "open", "unproven"]
"""By its last line; by what the next run says of it (it was killed); the newest of its host, which may go on; not known."""
MOST_RANGES = 1000
"""Ranges that a verdict names; all are counted."""
QUIET = 180
"""Seconds without any line after which a run that has heartbeats was silent."""


@dataclass(frozen=True, kw_only=True)
class RunVerdict:
    """One run. `missing` and `twice` are the first MOST_RANGES ranges of numbers, in order; `told`: how many of the missing the dock itself said it lost;
    `extra`: lines whose number was there before; `silent`: the first from and to, in seconds since the epoch, when it said nothing though no number is
    missing for it; `late`: how long ago it was heard, where that is too long; `hidden`: lines that could not be read, or have no number, may be its last."""

    run: str
    host: str
    first: int
    last: int
    lines: int
    missing: tuple[Range, ...]
    missing_ranges: int
    missing_count: int
    told: int
    twice: tuple[Range, ...]
    twice_ranges: int
    extra: int
    end: End
    from_middle: bool
    first_at: float | None
    last_at: float | None
    silent: tuple[tuple[int, int], ...]
    silences: int
    late: float | None = None
    hidden: bool = False

    @property
    def whole(self) -> bool:
        """Nothing missing, nothing twice, and its end is known or still to come."""
        proven = not self.missing_count and not self.extra and self.end != "unproven"
        return proven and self.late is None and not self.hidden


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A run of which nothing is there, though the run `by` says that it wrote `lines` lines before."""

    run: str
    host: str
    lines: int
    by: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Over all of the input. `torn`: files that could not be read to their end, and why."""

    runs: tuple[RunVerdict, ...]
    absent: tuple[Absent, ...]
    other: int
    broken: int
    unnumbered: int
    torn: tuple[str, ...] = field(default=())

    @property
    def whole(self) -> bool:
        """Proven: at least one run, and each of them whole."""
        return bool(self.runs) and all(run.whole for run in self.runs) and not self.absent and not self.torn


def judge(
    account: Account, *, until: float | None = None, from_middle: bool = False, torn: tuple[str, ...] = ()
) -> Verdict:
    """`until`: seconds since the epoch until which each host's newest run must have been heard; `from_middle`: the input may begin
    in the middle of each host's oldest run."""
    claims: dict[str, Claim] = {}
    for run in account.runs.values():
        if run.claim is not None:
            known = claims.get(run.claim.run)
            if known is None or known.last < run.claim.last:
                claims[run.claim.run] = run.claim
    oldest, newest = _outermost(account.runs.values(), claims)
    runs = tuple(
        _judged(
            run, claims.get(run.name), newest=run.name in newest, may_begin_late=from_middle and run.name in oldest, until=until,
            unclear=account.may_hide_lines_of(run),
        )
        for run in sorted(account.runs.values(), key=lambda one: (one.host, one.first_at or 0.0, one.name))
    )  # fmt: skip
    absent = tuple(
        Absent(run=claim.run, host=account.runs[claim.by].host, lines=claim.last, by=claim.by)
        for claim in claims.values()
        if claim.run not in account.runs and not (from_middle and claim.by in oldest)
    )
    return Verdict(
        runs=runs, absent=absent, other=account.other, broken=account.broken, unnumbered=account.unnumbered, torn=torn
    )


def _outermost(runs: Iterable[Run], claims: dict[str, Claim]) -> tuple[set[str], set[str]]:
    """The oldest and the newest run of each host. A run that another one came after is not the newest."""
    first: dict[str, Run] = {}
    last: dict[str, Run] = {}
    for run in runs:
        at = run.first_at or 0.0
        if run.host not in first or at < (first[run.host].first_at or 0.0):
            first[run.host] = run
        if run.name not in claims and (run.host not in last or at >= (last[run.host].first_at or 0.0)):
            last[run.host] = run
    return {run.name for run in first.values()}, {run.name for run in last.values()}


def _judged(
    run: Run, claim: Claim | None, *, newest: bool, may_begin_late: bool, until: float | None, unclear: bool
) -> RunVerdict:
    first = next(run.numbers.present())[0]
    last = max(run.numbers.highest, claim.last if claim is not None else 0)
    holes = _Holes(run)
    for one in run.numbers.missing(first if may_begin_late else 1, last):
        holes.add(one)
    end = _end(run, claim, newest=newest)
    late = until - (run.last_at or 0.0) if newest and until is not None else 0.0
    return RunVerdict(
        run=run.name, host=run.host, first=first, last=run.numbers.highest, lines=run.lines, missing=tuple(holes.named), missing_ranges=holes.ranges,
        missing_count=holes.count, told=holes.told, twice=tuple(islice(run.twice.present(), MOST_RANGES)), twice_ranges=_count(run.twice.present()),
        extra=run.lines - run.numbers.count, end=end, from_middle=may_begin_late and first > 1, first_at=run.first_at, last_at=run.last_at,
        silent=tuple(islice(_silences(run), MOST_RANGES)), silences=_count(_silences(run)), late=late if late > QUIET else None,
        hidden=unclear and end == "open",
    )  # fmt: skip


def _count(ranges: Iterable[Range]) -> int:
    return sum(1 for _ in ranges)


def _end(run: Run, claim: Claim | None, *, newest: bool) -> End:
    if run.closed is not None:
        return "closed"
    if claim is not None and claim.same_boot:
        return "stopped"
    return "open" if newest else "unproven"


class _Holes:
    """Ranges that are missing, in order: counted, the first of them kept, and held against what the dock itself said it lost."""

    def __init__(self, run: Run) -> None:
        self.named: list[Range] = []
        self.ranges = self.count = self.told = 0
        self._told: list[Range] = []
        for first, last in sorted(run.told):
            if self._told and first <= self._told[-1][1]:
                self._told[-1] = (self._told[-1][0], max(self._told[-1][1], last))
            else:
                self._told.append((first, last))
        self._at = 0

    def add(self, hole: Range) -> None:
        """The next one."""
        first, last = hole
        self.ranges, self.count = self.ranges + 1, self.count + last - first + 1
        if len(self.named) < MOST_RANGES:
            self.named.append(hole)
        while self._at < len(self._told) and self._told[self._at][1] < first:
            self._at += 1
        look = self._at
        while look < len(self._told) and self._told[look][0] <= last:
            self.told += min(last, self._told[look][1]) - max(first, self._told[look][0]) + 1
            look += 1


def _silences(run: Run) -> Iterator[tuple[int, int]]:
    """Where a run with heartbeats was not heard for several whole minutes."""
    if not run.beats:
        return
    before: int | None = None
    for first, last in run.minutes.present():
        if before is not None and (first - before) * 60 > QUIET:
            yield before * 60, first * 60
        before = last
