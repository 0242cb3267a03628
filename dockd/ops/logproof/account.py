"""The account of each run: which of its numbers were seen, which twice, when it was heard, and what its own lines say of it.

A line that cannot be read, or has no number, may have been any run's. Within a file lines are in order: with one of the run's after it, its number
would be among the missing; after the run's last one it would be missed by nobody. So where that stands is kept, for each file. In a file without a line
of the run it is the time of its neighbours that tells whether it is older than the run's last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dockd.ops.happenings import Heartbeat, LogClosed, LogLost, LogOpened
from dockd.ops.logproof.numbers import Numbers, Range, Room, TooScattered
from dockd.ops.logproof.record import Line, Said

_MOST_RUNS = 200_000
_MOST_TOLD = 10_000
_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a run's first line says of the run before it. `same_boot`: the machine was not restarted in between, and so the number holds."""

    run: str
    last: int
    same_boot: bool
    by: str
    host: str


@dataclass
class Run:
    """One run of dockd, as far as it was seen."""

    name: str
    room: Room
    host: str = ""
    numbers: Numbers = field(init=False)
    twice: Numbers = field(init=False)
    minutes: Numbers = field(init=False)
    lines: int = 0
    beats: int = 0
    opened: bool = False
    closed: int | None = None
    claim: Claim | None = None
    told: list[Range] = field(default_factory=list)
    first_at: float | None = None
    last_at: float | None = None
    ends_at: dict[int, int] = field(default_factory=dict)
    files: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.numbers, self.twice, self.minutes = Numbers(self.room), Numbers(self.room), Numbers(self.room)

    def hear(self, said: Said, *, file: int, at: int) -> bool:
        """One line of it, the `at`-th of a file; whether it is there for the first time. Raises TooScattered."""
        self.lines += 1
        self.files.add(file)
        if said.sequence > self.numbers.highest:
            self.ends_at.clear()
        if said.sequence >= self.numbers.highest:
            self.ends_at[file] = at
        self.host = self.host or said.host
        if said.at is not None and said.at >= 0:
            self.minutes.add(int(said.at) // _MINUTE)
            self.first_at = said.at if self.first_at is None else min(self.first_at, said.at)
            self.last_at = said.at if self.last_at is None else max(self.last_at, said.at)
        if not self.numbers.add(said.sequence):
            self.twice.add(said.sequence)
            return False
        match said.action:
            case Heartbeat.action:
                self.beats += 1
            case LogOpened.action:
                self._opened(said)
            case LogClosed.action:
                self.closed = said.sequence
            case LogLost.action:
                self._lost(said)
        return True

    def _opened(self, said: Said) -> None:
        self.opened = True
        before, last = said.word("before"), said.number("before_last")
        if before and last is not None and before != self.name:
            boot = said.word("boot")
            same = bool(boot) and boot == said.word("before_boot")
            self.claim = Claim(run=before, last=last, same_boot=same, by=self.name, host=self.host)

    def _lost(self, said: Said) -> None:
        first, last = said.number("first"), said.number("last")
        if first is not None and last is not None and first <= last and len(self.told) < _MOST_TOLD:
            self.told.append((first, last))


@dataclass
class _Unclear:
    """The last line of a file that nobody can tell: the `at`-th. `about`: when that was, by the line after it, or before it where there is none (yet)."""

    at: int
    about: float | None
    followed: bool = False


class Account:
    """All runs, and what was no line of a run."""

    def __init__(self) -> None:
        self.room = Room()
        self.runs: dict[str, Run] = {}
        self.other = self.broken = self.unnumbered = 0
        self._file = self._at = 0
        self._numbered: set[int] = set()
        self._unclear: dict[int, _Unclear] = {}
        self._heard_at: float | None = None

    def begin_file(self) -> None:
        """What is heard from now on is of another file."""
        self._file, self._at, self._heard_at = self._file + 1, 0, None

    def hear(self, line: Said | Line) -> bool:
        """One line; whether it is there for the first time, as far as that can be told. Raises TooScattered."""
        self._at += 1
        if isinstance(line, Said):
            self._numbered.add(self._file)
            self._heard_at = line.at
            if (unclear := self._unclear.get(self._file)) is not None and not unclear.followed:
                unclear.followed, unclear.about = True, line.at
            run = self.runs.get(line.run)
            if run is None:
                if len(self.runs) >= _MOST_RUNS:
                    raise TooScattered
                run = self.runs[line.run] = Run(line.run, self.room)
            return run.hear(line, file=self._file, at=self._at)
        if line == "other":
            self.other += 1
            return True
        self._unclear[self._file] = _Unclear(at=self._at, about=self._heard_at)
        if line == "broken":
            self.broken += 1
        else:
            self.unnumbered += 1
        return True

    def may_hide_lines_of(self, run: Run) -> bool:
        """Whether a line that nobody can tell may come after the run's last one: after it in its file, in a later file, or where nothing can be told."""
        return any(self._hides(file, unclear, run) for file, unclear in self._unclear.items())

    def _hides(self, file: int, unclear: _Unclear, run: Run) -> bool:
        if file in run.ends_at:
            return unclear.at > run.ends_at[file]
        if file in run.files:
            return False  # it went on in another one
        if file not in self._numbered or unclear.about is None or run.last_at is None:
            return True
        return unclear.about > run.last_at
