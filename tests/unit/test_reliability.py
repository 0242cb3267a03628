"""docs/reliability.md names tests: each is there, and no row is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(("| what fails", "|---"))]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def named_in(path: str) -> frozenset[str]:
    """Names of the tests that a file holds, in classes too. Raises FileNotFoundError."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(one.name for one in functions if one.name.startswith("test_"))


def missing(row: str) -> list[str]:
    """What is wrong with a row: no test at all, or one that is not there."""
    named = _NAMED.findall(row.rsplit("|", 2)[1])
    if not named:
        return ["no test is named"]
    wrong = []
    for path, name in named:
        if not (ROOT / path).exists() or not named_in(path) or (name and name not in named_in(path)):
            wrong.append(f"{path}::{name}")
    return wrong


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:60] for row in ROWS])
def test_each_fault_has_tests_that_are_there(row: str) -> None:
    assert row.count("|") == 4, "three columns: what fails | what is promised | shown by"
    assert missing(row) == []


def test_the_table_is_read() -> None:
    assert len(ROWS) > 40
    assert missing("| a | b | nothing |") == ["no test is named"]
    assert missing("| a | b | `tests/unit/test_reliability.py::test_that_is_not_there` |") != []
    assert missing("| a | b | `tests/unit/test_nothing.py` |") != []
