"""A wall time that a card has, and when that was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.mounting.passing_on import EVERY, ClockWord
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
    assert Clock(kernel=lambda: kernel, flag=file, told=tmp_path / "none").synchronised() is is_so


@pytest.mark.parametrize("kernel", [True, False])
def test_an_agent_that_may_not_ask_is_told(tmp_path: Path, *, kernel: bool) -> None:
    """By dockd-mount; timesyncd's file, which stays when somebody sets the clock, counts less."""
    told, flag = tmp_path / "clock", tmp_path / "synchronized"
    flag.touch()
    word = ClockWord(told, kernel=lambda: kernel)
    assert 0 < word.tick() <= EVERY
    assert Clock(kernel=lambda: None, flag=flag, told=told).synchronised() is kernel


@pytest.mark.parametrize("word", ["no {old}", "no {ahead}", "maybe {now}", "no", "", "no x"])
def test_a_word_that_is_old_or_none_is_not_passed_on(tmp_path: Path, word: str) -> None:
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    told = tmp_path / "clock"
    told.write_text(word.format(old=now - 61 * 10**9, ahead=now + 10**12, now=now))
    assert Clock(kernel=lambda: None, flag=tmp_path / "none", told=told).synchronised() is None


def test_where_the_kernel_does_not_say_nothing_old_stays(tmp_path: Path) -> None:
    told = tmp_path / "clock"
    told.write_text("yes 1")
    ClockWord(told, kernel=lambda: None).tick()
    assert list(tmp_path.iterdir()) == []


def test_the_kernels_own_word_can_be_asked() -> None:
    assert Clock().synchronised() in (True, False, None)
