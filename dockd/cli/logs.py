"""`dockd logs`: whether a log arrived whole, wherever it arrived, and each of its lines once."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from dockd.cli.common_options import fail, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockd.ops.logproof import Account, RunVerdict, Verdict

_SHOWN = 20
_LOOK = 2000


@click.group()
def logs() -> None:
    """Whether a log arrived whole, and each of its lines once."""


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    if value == "now":
        return time.time()
    from ingest.clock import from_rfc3339

    try:
        return from_rfc3339(value)
    except ValueError as error:
        raise click.BadParameter(
            f'{value!r} is no time: expected "now", or one such as 2026-11-20T06:00:00Z'
        ) from error


@logs.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--until", metavar="TIME", callback=_moment,
    help='Each host\'s newest run must have been heard until then, whether it has ended or not: "now", or a time such as 2026-11-20T06:00:00Z.',
)  # fmt: skip
@click.option(
    "--from-middle",
    is_flag=True,
    help="The files begin somewhere in each host's oldest run: what was before them is not asked for.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def verify(*, files: tuple[Path, ...], until: float | None, from_middle: bool, as_json: bool) -> None:
    """Prove from a log alone that none of its lines is missing, and none there twice; or say which.

    FILE… is dockd's own log, what a shipper wrote at the far end, or `journalctl -o json --all`: any number of files and runs of dockd, in any order,
    rotated, plain or .gz; `-` is standard input. Lines of other programs are passed over.

    Exit code 0: every run is whole; 1: lines are missing or there twice, a run's end is not known, its last lines may be among those that could not be
    read, a file is damaged, or there is no line of dockd at all; 2: usage; 3: a file cannot be read.
    """
    from dockd.ops.logproof import Account, judge

    account = Account()
    torn = _all(account, files, each=lambda _line, _new: None)
    verdict = judge(account, until=until, from_middle=from_middle, torn=tuple(torn))
    if as_json:
        click.echo(json.dumps(_document(verdict)))
    else:
        for line in _words(verdict):
            click.echo(line)
    sys.exit(0 if verdict.whole else 1)


@logs.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
def unique(*, files: tuple[Path, ...]) -> None:
    """Write to standard output each of dockd's lines once, though a shipper brought some of them twice.

    FILE… is as for `verify`. A line is known by its run and its number; the first one stays, as it is. Lines of other programs are written as they are.

    Exit code 0: all is written; 1: a file is damaged (what came before is written); 2: usage; 3: a file cannot be read.
    """
    from dockd.ops.logproof import Account

    out = sys.stdout.buffer
    account = Account()
    torn = _all(account, files, each=lambda line, new: out.write(line + b"\n") if new else None)
    out.flush()
    for why in torn:
        click.echo(f"dockd: {why}", err=True)
    sys.exit(1 if torn else 0)


def _all(account: Account, files: tuple[Path, ...], *, each: Callable[[bytes, bool], object]) -> list[str]:
    """Take the files into the account, tell each line and whether it is new, and return why some could not be read to their end."""
    from dockd.ops.logproof import TooScattered

    try:
        with _progress(files) as step:
            return [f"{_name(file)}: {why}" for file in files if (why := _hear(account, file, step, each)) is not None]
    except TooScattered:
        fail(
            "these lines name more runs, or numbers further apart, than any log of dockd has: give fewer files, or find out who writes them",
            code=3,
        )


def _name(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def _hear(
    account: Account, file: Path, step: Callable[[str, int], None], each: Callable[[bytes, bool], object]
) -> str | None:
    """Take a file into the account; why it could not be read to its end."""
    from dockd.ops.logproof import Torn, read_lines, what_it_says

    name, count, since = _name(file), 0, 0
    account.begin_file()
    try:
        with _opened(file) as stream:
            for line in read_lines(stream):
                new = account.hear("broken" if line is None else what_it_says(line))
                each(line or b"", new)
                count, since = count + 1, since + (len(line) + 1 if line is not None else 0)
                if count % _LOOK == 0:
                    step(name, since)
                    since = 0
            step(name, since)
    except Torn as error:
        return f"{error}, after line {count}"
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(plain(error), code=3)
    return None


@contextlib.contextmanager
def _progress(files: tuple[Path, ...]) -> Iterator[Callable[[str, int], None]]:
    """On a terminal, how much was read; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _name, _bytes: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4, transient=True) as bars:
        task = bars.add_task(_name(files[0]), total=None)
        yield lambda name, count: bars.update(task, description=name, advance=count)


# -- as JSON ---------------------------------------------------------------------------------------------------------------


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "whole": verdict.whole,
        "runs": [_run(run) for run in verdict.runs],
        "absent": [{"run": one.run, "host": one.host, "lines": one.lines, "named_by": one.by} for one in verdict.absent],
        "lines": sum(run.lines for run in verdict.runs), "missing": sum(run.missing_count for run in verdict.runs) + sum(one.lines for one in verdict.absent),
        "twice": sum(run.extra for run in verdict.runs), "other": verdict.other, "broken": verdict.broken, "unnumbered": verdict.unnumbered,
        "torn": list(verdict.torn),
    }  # fmt: skip


def _run(run: RunVerdict) -> dict[str, Any]:
    return {
        "run": run.run, "host": run.host, "whole": run.whole, "first": run.first, "last": run.last, "lines": run.lines,
        "from": _time(run.first_at), "to": _time(run.last_at), "end": run.end, "begins_in_the_middle": run.from_middle,
        "missing": {"count": run.missing_count, "told_by_the_dock": run.told, "ranges": [list(one) for one in run.missing], "more_ranges": run.missing_ranges - len(run.missing)},
        "twice": {"count": run.extra, "ranges": [list(one) for one in run.twice], "more_ranges": run.twice_ranges - len(run.twice)},
        "silent": [[_time(begin), _time(end)] for begin, end in run.silent],
        "last_lines_may_be_unread": run.hidden,
        "not_heard_for_seconds": None if run.late is None else int(run.late),
    }  # fmt: skip


def _time(at: float | None) -> str | None:
    from ingest.clock import rfc3339

    return None if at is None else rfc3339(at)


# -- for people ------------------------------------------------------------------------------------------------------------

_ENDS = {
    "closed": "ended",
    "stopped": "was killed, as the next run says",
    "open": "goes on, as far as these files reach",
    "unproven": "its end is NOT known",
}


def _words(verdict: Verdict) -> Iterator[str]:
    for run in verdict.runs:
        yield from _run_words(run)
    for one in verdict.absent:
        yield f"run {one.run} on {one.host or 'a host without a name'}: MISSING as a whole: run {one.by} says that it came after {one.lines} lines of it"
    for why in verdict.torn:
        yield f"DAMAGED: {why}"
    yield from (f"note: {text}" for text in _notes(verdict))
    lines, extra = sum(run.lines for run in verdict.runs), sum(run.extra for run in verdict.runs)
    missing = sum(run.missing_count for run in verdict.runs) + sum(one.lines for one in verdict.absent)
    runs = _many(len(verdict.runs), "run")
    if verdict.whole:
        yield f"whole: {_many(lines, 'line')} of {runs}, none missing, none twice"
    elif not verdict.runs:
        yield "NOT proven: there is no numbered line of dockd in this"
    else:
        yield f"NOT whole: {_many(lines, 'line')} of {runs}, {missing} missing, {extra} there again"


def _run_words(run: RunVerdict) -> Iterator[str]:
    where = f"run {run.run} on {run.host or 'a host without a name'}"
    yield f"{where}: {_many(run.lines, 'line')}, {run.first} to {run.last}, {_time(run.first_at) or '?'} to {_time(run.last_at) or '?'}; {_ENDS[run.end]}"
    if run.missing:
        told = f" ({run.told} of them lost on the dock, as it says itself)" if run.told else ""
        yield f"  MISSING: {run.missing_count}{told}: {_ranges(run.missing, run.missing_ranges)}"
    if run.extra:
        yield f"  TWICE: {run.extra} more than once: {_ranges(run.twice, run.twice_ranges)}"
    if run.end == "unproven":
        yield f"  there is no last line (log.closed), and no next run that says where it ended: lines after {run.last} may be missing"
    if run.late is not None:
        what = (
            "a run that came after it may be missing as a whole"
            if run.end == "closed"
            else "it says how it is each minute"
        )
        yield f"  NOT HEARD for {int(run.late)} s: {what}"
    if run.hidden:
        yield f"  its last lines may be UNREAD: after line {run.last} there are some that could not be read, or have no number"
    if run.from_middle:
        yield f"  begins in the middle: 1 to {run.first - 1} were not asked for"
    for begin, end in run.silent[:_SHOWN]:
        yield f"  note: silent from {_time(begin)} to {_time(end)}: no number is missing there, so dockd said nothing (it hung, slept, or its clock was set)"
    if run.silences > _SHOWN:
        yield f"  note: and {run.silences - _SHOWN} more silences"


def _notes(verdict: Verdict) -> Iterator[str]:
    if verdict.unnumbered:
        yield f"{_many(verdict.unnumbered, 'line')} of dockd without a run or a number: nothing can be proven of them"
    if verdict.broken:
        yield f"{_many(verdict.broken, 'line')} could not be read (cut off, too long or no JSON); {_of_the_broken(verdict)}"
    if verdict.other:
        yield f"{_many(verdict.other, 'line')} of other programs passed over"


def _of_the_broken(verdict: Verdict) -> str:
    """What the numbers say of lines that could not be read: never something else than the verdict does."""
    places = []
    if verdict.absent or any(run.missing_count for run in verdict.runs):
        places.append("among the missing")
    if any(run.hidden for run in verdict.runs):
        places.append("after the last of a run that goes on")
    if any(run.end == "unproven" for run in verdict.runs):
        places.append("after the last of a run whose end is not known")
    if places:
        return f"if they were dockd's, their numbers are {', or '.join(places)}"
    if verdict.runs and not verdict.torn:
        return "no number is missing for them: they were not dockd's, are there a second time, whole, or are of a run of which there is nothing else"
    return "whether they were dockd's is not known"


def _ranges(ranges: tuple[tuple[int, int], ...], count: int) -> str:
    said = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges[:_SHOWN])
    return said if count <= _SHOWN else f"{said}, and {count - _SHOWN} more ranges (--json has more)"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
