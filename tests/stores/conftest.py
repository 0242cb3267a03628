"""The table at the end: what became of the exam for each adapter and server, and what each liar got (`--table FILE` writes it, too).

A row is a class of tests; its docstring's first line says which adapter sits before which server. A test says more with
`record_property("table", "what happened")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.store.exam import StoreExam


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", type=Path, default=None, help="write the table to this file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The row's name travels with a test's report, from whichever process runs it.

    What a server is known to fail is named in its class's FAILS, and has to fail.
    """
    for item in items:
        cls = getattr(item, "cls", None)
        if cls is not None and issubclass(cls, StoreExam):
            item.user_properties.append(("row", row_of(cls)))
        known = getattr(cls, "FAILS", {})
        why = known.get(getattr(item, "originalname", item.name))
        if why is not None:
            item.add_marker(pytest.mark.xfail(reason=why, strict=True))


def row_of(cls: type) -> str:
    """The first line of its docstring, or its name in words."""
    said = (cls.__dict__.get("__doc__") or "").strip().partition("\n")[0].rstrip(".")
    return (
        said
        if "×" in said
        else " ".join(re.findall("[A-Z][a-z0-9]+|S3", cls.__name__)[1:]).lower().replace(" against ", " × ", 1)
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = list(table(terminalreporter.stats))
    if not lines:
        return
    terminalreporter.section("stores")
    terminalreporter.write_line("\n".join(lines))
    target = config.getoption("--table")
    if target is not None:
        target.write_text("\n".join(lines) + "\n")


def table(stats: dict[str, list[Any]]) -> Iterable[str]:
    """Markdown: the exams, then what happened to real footage."""
    exams: dict[str, dict[str, list[str]]] = {}
    deeds: list[tuple[str, str]] = []
    for outcome in ("passed", "failed", "error", "xfailed"):
        for report in stats.get(outcome, []):
            said = dict(getattr(report, "user_properties", []))
            if "row" in said:
                name = report.nodeid.rpartition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")
                exams.setdefault(said["row"], {}).setdefault(outcome, []).append(name)
            if "table" in said:
                store, _, deed = said["table"].partition(": ")
                deeds.append((store, deed if outcome == "passed" else f"{outcome.upper()}: {deed}"))
    if exams:
        yield from ("| who sits the exam | passed | not passed | which |", "|---|---|---|---|")
    for row in sorted(exams):
        found = exams[row]
        wrong = [*found.get("xfailed", []), *found.get("failed", []), *found.get("error", [])]
        named = "; ".join(
            f"{name} ({wrong.count(name)})" if wrong.count(name) > 1 else name for name in sorted(set(wrong))
        )
        yield f"| {row} | {len(found.get('passed', []))} | {len(wrong)} | {named} |"
    if deeds:
        yield from ("", "| store | what came of it |", "|---|---|")
    for row, deed in sorted(deeds):
        yield f"| {row} | {deed} |"
