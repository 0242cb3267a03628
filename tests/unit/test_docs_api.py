"""docs/api.md is whole: every call and every field of the status stands in it, and no other. (Metrics: tests/unit/test_monitoring.py.)"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dockd.page.openapi import document

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PATHS: dict[str, dict[str, Any]] = document(version="test")["paths"]


def _calls() -> set[str]:
    found = set()
    for cell in re.findall(r"^\| (`(?:GET|POST) .*?) \|", TEXT, re.MULTILINE):
        method = cell[1 : cell.index(" ")].lower()
        found |= {f"{method} {path}" for path in re.findall(r"(/[\w/{}.-]*)`", cell)}
    return found


def test_each_call_stands_in_it() -> None:
    described = {f"{method} {path}" for path, methods in PATHS.items() for method in methods if method != "head"}
    assert _calls() == described - {"get /openapi.json"}
    assert "/api/v1/openapi.json" in TEXT


def test_each_field_of_the_status_stands_in_it() -> None:
    table = TEXT.partition("## `GET /status`")[2].partition("\n## ")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    status = document(version="test")["components"]["schemas"]["Status"]
    assert named == set(status["properties"])


def test_what_comes_too_slowly_is_an_answer_that_is_described() -> None:
    assert all("408" in methods["post"]["responses"] for methods in PATHS.values() if "post" in methods)
