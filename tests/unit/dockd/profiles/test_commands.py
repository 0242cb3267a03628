"""What a profile may have said to a camera that must be unlocked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.commands import asks_for, command, time_format
from dockd.profiles.model import Unlock
from dockd.profiles.reading import load_profiles
from dockd.settings.mistakes import WrongValue

(SHIPPED,) = (
    one for one in load_profiles(None, shipped=Path(__file__).parents[4] / "config" / "cameras") if one.name == "unlock"
)


def test_the_shipped_conversation() -> None:
    unlock = SHIPPED.unlock
    assert unlock is not None
    assert (unlock.login, unlock.accepted, unlock.terminator) == ("@Ver;8;00000000;", "Ver;OK", "#")
    assert unlock.set_clock == "@Sdt;8;{time:%Y%m%d};\n@Stm;6;{time:%H%M%S}00;"
    assert unlock.become_disk == "@ATH;8;12345678;"
    for answer in ("@Gdv;8;CAM00017;#", "@Gdv;8;CAM00017#"):
        found = re.search(unlock.id_pattern, answer)
        assert found is not None
        assert found["value"] == "CAM00017"
    assert re.search(unlock.id_pattern, "@Err;1;#") is None


@pytest.mark.parametrize(
    ("text", "password", "time"), [("a", False, False), ("{password}", True, False), ("{time:%Y}x", False, True)]
)
def test_what_a_command_asks_for(text: str, password: bool, time: bool) -> None:
    assert command(text) == text
    assert (asks_for(text, "password"), asks_for(text, "time")) == (password, time)


@pytest.mark.parametrize(
    "text", ["", "{", "}", "{}", "{id}", "{time:}", "{time:%Q}", "{password!r}", "{time.year}", "a\r", "é", "x" * 201]
)
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(WrongValue):
        command(text)


@given(st.text("%YmdHMSyjzQ-: {}", max_size=12))
def test_an_order_of_a_time_is_one_that_can_be_written(text: str) -> None:
    try:
        order = time_format(text)
    except WrongValue:
        return
    assert datetime(2025, 7, 1, 12, 30, 5, tzinfo=UTC).strftime(order)
    assert time_format(Unlock().time_format) == "%Y%m%d%H%M%S"
