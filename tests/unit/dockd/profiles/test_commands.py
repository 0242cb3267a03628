"""What is said to a camera that must be unlocked, and what its answers mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.commands import heard, heard_battery, heard_clock, spoken
from dockd.profiles.model import Unlock
from dockd.profiles.reading import load_profiles

(SHIPPED,) = (
    one for one in load_profiles(None, shipped=Path(__file__).parents[4] / "config" / "cameras") if one.name == "unlock"
)
assert SHIPPED.unlock is not None
SPOKEN = replace(SHIPPED.unlock, time_zone="Europe/Vienna")
NOON = datetime(2025, 7, 1, 12, 30, 5, tzinfo=UTC)


def test_the_shipped_conversation() -> None:
    assert spoken(SPOKEN, SPOKEN.login, now=NOON) == (b"@Ver;8;00000000;#",)
    assert spoken(SPOKEN, SPOKEN.set_clock, now=NOON) == (b"@Sdt;8;20250701;#", b"@Stm;6;14300500;#")
    assert spoken(SPOKEN, SPOKEN.become_disk, now=NOON) == (b"@ATH;8;12345678;#",)
    assert spoken(SPOKEN, SPOKEN.ask_clock, now=NOON) == ()
    assert heard(SPOKEN.id_pattern, b"@Gdv;8;CAM00017;#") == "CAM00017"
    assert heard(SPOKEN.id_pattern, b"@Gdv;8;CAM00017#") == "CAM00017"
    assert heard(SPOKEN.id_pattern, b"@Err;1;#") is None


def test_a_password_is_filled_in_and_never_told() -> None:
    unlock = Unlock(login="LOGIN {password} {time}")
    assert spoken(unlock, unlock.login, now=NOON, password="hunter2") == (b"LOGIN hunter2 20250701123005\r\n",)
    for password in ("hunter2\r\nFORMAT", "hünter2", "hunter2\0"):
        with pytest.raises(ValueError) as caught:
            spoken(unlock, unlock.login, now=NOON, password=password)
        assert "nter2" not in str(caught.value)


def test_a_clock_in_its_zone() -> None:
    unlock = Unlock(time_zone="Europe/Vienna", clock_pattern=r"TIME=(?P<value>\d++)")
    assert heard_clock(unlock, b"TIME=20250701143005\r\n") == NOON
    assert heard_clock(replace(unlock, time_zone="local"), b"TIME=20250701143005") is not None
    for nonsense in (b"", b"TIME=20251301143005", b"TIME=2025", b"\xff" * 9):
        assert heard_clock(unlock, nonsense) is None


@pytest.mark.parametrize(
    ("answer", "charge"), [(b"BAT 87%", 87), (b"100", 100), (b"101", None), (b"9999999", None), (b"low", None)]
)
def test_a_charge(answer: bytes, charge: int | None) -> None:
    assert heard_battery(Unlock(), answer) == charge


@given(st.binary(max_size=2000), st.sampled_from(["UTC", "local", "Europe/Vienna"]))
def test_any_answer(answer: bytes, zone: str) -> None:
    unlock = Unlock(time_zone=zone)
    told = heard_clock(unlock, answer)
    assert told is None or told.utcoffset() == timedelta(0)
    charge = heard_battery(unlock, answer)
    assert charge is None or 0 <= charge <= 100
    value = heard(unlock.id_pattern, answer)
    assert value is None or (value and len(value) <= 512)
