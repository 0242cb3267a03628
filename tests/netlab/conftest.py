from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.netlab.lab import Lab, missing


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A line of 20 Mbit/s up and 50 down; skipped where there can be none, unless a build has to have it."""
    why = missing()
    if why is not None:
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with Lab() as lab:
        yield lab
