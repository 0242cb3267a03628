"""Plant one bug into a copy of the tree, run the tests that are to catch it there, and say which one did.

Rules: the working tree is never touched. The text that a bug replaces must be in its file exactly once, so that no refactoring makes a bug
silently void. What is planted must be a program still (it compiles, and names nothing that is not there), so that what
fails is a test that missed the guard. A run that ends in any other way than by failed tests is no catch.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 300  # seconds for the tests of one bug
_EACH_TEST = 40  # seconds: a bug that makes a test hang is caught by that
_PASSED, _FAILED, _INTERRUPTED = 0, 1, 2
_FAILURE = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)


class Void(Exception):
    """The bug cannot be planted as the table has it; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One bug. `promise`: which of the promises it breaks, and how; `old` in `file` becomes `new`; `tests`: paths or ids for pytest, in order.

    `short`: it is planted in every build. `at_import`: the program itself refuses to start with it, and that is the guard.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    short: bool = False
    at_import: bool = False

    def planted(self, text: str) -> str:
        """The file's text with the bug in it. Raises Void."""
        if (count := text.count(self.old)) != 1:
            raise Void(f"{self.file} has this {count} times where once is wanted: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`by`: the test that failed first, empty where none did; `said`: the end of what pytest said; `void`: why nothing was planted or known."""

    seconds: float
    by: str = ""
    said: str = ""
    void: str = ""


def copied(target: Path, *, tree: Path) -> Path:
    """A copy of the tree as it is now: what git knows of, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=tree, stdout=subprocess.PIPE, check=True
    ).stdout  # fmt: skip
    for name in sorted({os.fsdecode(one) for one in listed.split(b"\0") if one}):
        if (tree / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, target / name)
    return target


@contextmanager
def planted(mutant: Mutant, *, copy: Path) -> Iterator[None]:
    """The copy with this bug in it, for as long. Raises Void."""
    path = copy / mutant.file
    if not path.is_file():
        raise Void(f"there is no {mutant.file}")
    before = path.read_text(encoding="utf-8")
    path.write_text(mutant.planted(before), encoding="utf-8")
    try:
        _still_a_program(path, copy)
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def _still_a_program(path: Path, copy: Path) -> None:
    words = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "E9,F821", str(path)]
    done = subprocess.run(words, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Void(f"what is planted is no program any more: {done.stdout}{done.stderr}")


def pytest_on(tests: Sequence[str], *, copy: Path, jobs: int = 0, at_import: bool = False) -> Verdict:
    """Run these tests in the copy, on nothing but the copy, until the first that fails."""
    began = time.monotonic()
    words = [
        "-x",
        "-q",
        "--no-header",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "--timeout",
        str(_EACH_TEST),
        "-n",
        str(jobs),
    ]
    # The environment has the working tree installed: the copy comes first, here and in every process that a test starts.
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", *words, *tests], cwd=copy, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=_LONGEST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Verdict(seconds=time.monotonic() - began, void=f"its tests did not end within {_LONGEST} s")
    seconds, said = time.monotonic() - began, done.stdout[-4000:]
    found = _FAILURE.search(done.stdout)
    if done.returncode == _PASSED:
        return Verdict(seconds=seconds, said=said)
    if found is not None and (done.returncode == _FAILED or (at_import and done.returncode == _INTERRUPTED)):
        return Verdict(seconds=seconds, by=found.group(1), said=said)
    return Verdict(seconds=seconds, said=said, void=f"pytest ended with {done.returncode}")


def verdict_on(mutant: Mutant, *, copy: Path) -> Verdict:
    """Plant it, and see."""
    try:
        with planted(mutant, copy=copy):
            return pytest_on(mutant.tests, copy=copy, at_import=mutant.at_import)
    except Void as void:
        return Verdict(seconds=0.0, void=str(void))
