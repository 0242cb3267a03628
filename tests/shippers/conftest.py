"""The shippers, and the table at the end: what was sent and what was received over each way (DOCKD_SHIPPERS_TABLE=FILE writes it, too)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shippers.packages import missing, unpacked
from tests.shippers.scene import HEADER


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A row for each passage, from whichever process ran it, in the order of their names."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    rows = sorted((report.nodeid, said) for report in reports for name, said in report.user_properties if name == "passage")  # fmt: skip
    if not rows:
        return
    table = "\n".join([HEADER, *(said for _, said in rows)])
    terminalreporter.section("sent and received")
    terminalreporter.write_line(table)
    if (target := os.environ.get("DOCKD_SHIPPERS_TABLE")) is not None:
        Path(target).write_text(table + "\n")


@pytest.fixture(scope="session", autouse=True)
def _shippers() -> None:
    """Fetch them on first use; skip with what is missing, unless a build has to have them."""
    why = missing()
    if why is not None:
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    unpacked()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets' paths are."""
    made = Path(tempfile.mkdtemp(prefix="dockd-ship-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)
