"""A wall time that a card has, and when that was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import moment_of

HOUR = 3600.0


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        (1_752_000_000, "UTC", 1_752_000_000.0),
        (1_752_000_000, "Europe/London", 1_752_000_000.0 - HOUR),  # July
        (1_765_000_000, "Europe/London", 1_765_000_000.0),  # December
        (1_761_442_200, "Europe/London", 1_761_442_200.0 - HOUR),  # 01:30 in the night that has it twice: the first
        (1_752_000_000, "Nowhere/Nothing", 1_752_000_000.0),
    ],
)
def test_zones(wall: int, zone: str, moment: float) -> None:
    assert moment_of(wall * 10**9, zone) == moment


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["UTC", "local", "Europe/London", "../etc/passwd", ""]))
def test_whatever_a_card_says_is_no_error(wall_ns: int, zone: str) -> None:
    assert abs(moment_of(wall_ns, zone) - wall_ns / 1e9) <= 26 * HOUR
