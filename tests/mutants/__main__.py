"""Plant every bug of the table, one by one, and show that the suite catches each: `make test-mutants`.

    python -m tests.mutants [--list] [--short] [--jobs N] [WORD …]

WORD: only those with it in their name. Before the bugs come controls: with nothing planted all of their tests pass, and a copy that
cannot be imported, started or read by a worker fails, so that it is the copy that the tests run. Exit code 0: all are caught.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.planting import Mutant, Verdict, copied, pytest_on, verdict_on
from tests.mutants.table import CONTROLS, MUTANTS

_TREE = Path(__file__).parents[2]


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Plant bugs, and see them caught.")
    parser.add_argument("--list", action="store_true", help="say what would be planted, and where")
    parser.add_argument("--short", action="store_true", help="those that every build plants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies at work at once")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only those with it in their name")
    told = parser.parse_args()
    chosen = [one for one in MUTANTS if not told.short or one.short]
    chosen = [one for one in chosen if not told.words or any(word in one.name for word in told.words)]
    if told.list:
        for one in chosen:
            print(f"{one.name}\n    {one.promise}\n    {one.file}: {one.old!r} -> {one.new!r}")
        return 0
    if not chosen:
        print("no bug has such a name", file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dockd-mutants-") as folder:
        copies = [copied(Path(folder) / str(number), tree=_TREE) for number in range(told.jobs)]
        good = _controls(chosen, copies) and _plant(chosen, copies)
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if good else 1


def _controls(chosen: Sequence[Mutant], copies: Sequence[Path]) -> bool:
    """Whether the tests pass as they are, and run the copy: in their own process, in the program, and in its workers."""
    tests = list(dict.fromkeys(test for one in chosen for test in one.tests))
    sound = pytest_on(_without_parts(tests), copy=copies[0], jobs=len(copies))
    good = not sound.by and not sound.void
    print(
        f"control: with nothing planted {'all pass' if good else f'{sound.by or sound.void} fails'}  {sound.seconds:.0f} s"
    )
    if not good:
        print(sound.said)
    return _plant(CONTROLS, copies) and good


def _without_parts(tests: Sequence[str]) -> list[str]:
    """A test whose whole file is run too is not named again."""
    return [test for test in tests if "::" not in test or test.partition("::")[0] not in tests]


def _plant(chosen: Sequence[Mutant], copies: Sequence[Path]) -> bool:
    """Plant each, as many at once as there are copies; whether all are caught."""
    idle: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        idle.put(copy)

    def one(mutant: Mutant) -> Verdict:
        copy = idle.get()
        try:
            return verdict_on(mutant, copy=copy)
        finally:
            idle.put(copy)

    caught = 0
    with ThreadPoolExecutor(len(copies)) as threads:
        for mutant, verdict in zip(chosen, threads.map(one, chosen), strict=True):
            caught += bool(verdict.by)
            word = "caught" if verdict.by else "VOID" if verdict.void else "SURVIVED"
            print(
                f"{word:9}{verdict.seconds:5.1f} s  {mutant.name}: {verdict.by or verdict.void or mutant.promise}",
                flush=True,
            )
            if verdict.void and verdict.said:
                print(verdict.said)
    print(f"{caught} of {len(chosen)} caught")
    return caught == len(chosen)


if __name__ == "__main__":
    sys.exit(main())
