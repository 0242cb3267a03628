"""A wall time that a card has, and when that was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import Clock, moment_of

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


@pytest.mark.parametrize(
    ("kernel", "flag", "is_so"),
    [(True, False, True), (False, True, False), (None, True, True), (None, False, None), (False, False, False)],
)
def test_a_clock_that_was_set_by_hand_is_not_synchronised_any_more(
    tmp_path: Path, kernel: bool | None, flag: bool, is_so: bool | None
) -> None:
    """systemd-timesyncd's file stays when somebody sets the clock; the kernel knows at once."""
    file = tmp_path / "synchronized"
    if flag:
        file.touch()
    assert Clock(kernel=lambda: kernel, flag=file).synchronised() is is_so


def test_the_kernels_own_word_can_be_asked() -> None:
    assert Clock().synchronised() in (True, False, None)
