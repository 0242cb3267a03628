from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shippers.packages import missing, unpacked


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
