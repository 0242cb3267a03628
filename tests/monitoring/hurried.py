"""The shipped rules with every duration divided: what takes a day there takes seconds here, and nothing else is changed.

Durations are what stands behind `for:`, in the brackets of a range, and every `N * 3600` or `N * 86400` seconds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.monitoring.tools import SHIPPED

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE = re.compile(r"\[(\d+)([smhd])\]")
_SPAN = re.compile(r"(\d+) \* (3600|86400)")


def hurried(text: str, *, by: float, least_range: float, least_for: float) -> dict[str, Any]:
    """A rule file, its durations divided by `by`; none is shorter than what a scrape or two need, in seconds."""
    found: dict[str, Any] = yaml.safe_load(text)
    for group in found["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = _short(rule["for"], by=by, least=least_for)
            ranged = _RANGE.sub(lambda it: f"[{_short(it[1] + it[2], by=by, least=least_range)}]", rule["expr"])
            rule["expr"] = _SPAN.sub(lambda it: repr(int(it[1]) * int(it[2]) / by), ranged)
    return found


def _short(duration: str, *, by: float, least: float) -> str:
    return f"{round(1000 * max(least, int(duration[:-1]) * _SECONDS[duration[-1]] / by))}ms"


def hurried_files(folder: Path, *, by: float, least_range: float = 2.0, least_for: float = 2.0) -> list[str]:
    """Both rule files, written into `folder`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in ("dockd.rules.yml", "dockd.alerts.yml"):
        text = (SHIPPED / name).read_text(encoding="utf-8")
        rules = hurried(text, by=by, least_range=least_range, least_for=least_for)
        (folder / name).write_text(yaml.safe_dump(rules), encoding="utf-8")
        written.append(str(folder / name))
    return written
