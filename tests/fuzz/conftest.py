from __future__ import annotations

import os

import pytest

from tests.fuzz.budget import Budget

_HOUR, _HALF_A_MINUTE = 3600.0, 30.0
_SHARES = 27  # of the whole time: what all tests of this folder together ask for


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budget:
    """The time of one share of a test. An hour is for those who ask for the long tests alone."""
    long = request.config.getoption("markexpr") == "soak"
    seconds = float(os.environ.get("DOCKD_FUZZ_SECONDS", _HOUR if long else _HALF_A_MINUTE))
    return Budget(share=seconds / _SHARES, name=request.node.name)
