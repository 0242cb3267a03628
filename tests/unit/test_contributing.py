"""CONTRIBUTING.md leaves out no suite, and what a release has to keep equal is equal."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from dockd import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_each_suite_is_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    suites = set(re.findall(r"(?m)^((?:test|bench|check)(?:-[a-z]+)*)(?= ?[:a-z-]*:)", makefile)) - {"bench-short"}
    assert len(suites) > 15
    short_of = {one for one in suites if one.endswith("-short")}
    left_out = sorted(one for one in suites - short_of if f"make {one}`" not in TEXT)
    assert left_out == []


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
