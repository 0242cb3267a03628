from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.settings.mistakes import WrongValue
from dockd.settings.timetable import DAYS, TimetableLine, parse_line


@pytest.mark.parametrize(
    ("text", "days", "begin", "end", "rate"),
    [
        ("Mon-Fri 07:00-19:00 20 Mbit/s", {0, 1, 2, 3, 4}, 420, 1140, 2.5e6),
        ("Mon-Fri 19:00-07:00 unlimited", {0, 1, 2, 3, 4}, 1140, 420, None),
        ("Sat,Sun 00:00-24:00 1 Gbit/s", {5, 6}, 0, 1440, 1.25e8),
        ("Sat-Mon 23:59-00:00 2MB/s", {5, 6, 0}, 1439, 0, 2e6),
        ("  Sun  12:00-13:00   unlimited ", {6}, 720, 780, None),
        ("Mon-Sun,Wed 12:00-13:00 unlimited", {0, 1, 2, 3, 4, 5, 6}, 720, 780, None),
    ],
)
def test_lines(text: str, days: set[int], begin: int, end: int, rate: float | None) -> None:
    assert parse_line(text) == TimetableLine(days=frozenset(days), begin=begin, end=end, rate=rate)


@pytest.mark.parametrize(
    "text",
    [
        "", "07:00-19:00 20 Mbit/s", "Mon 07:00-19:00", "Mon 7:00-19:00 unlimited", "mon 07:00-19:00 unlimited",
        "Mon- 07:00-19:00 unlimited", "Mon,,Tue 07:00-19:00 unlimited", "Mon-Tue-Wed 07:00-19:00 unlimited",
        "Mon 07:60-19:00 unlimited", "Mon 24:01-19:00 unlimited", "Mon 24:00-07:00 unlimited",
        "Mon 07:00-07:00 unlimited", "Mon 07:00-19:00 none", "Mon 07:00-19:00 0 Mbit/s", "Mon 07:00-19:00 20",
        "Mon 07:00-19:00 unlimited\n", "Mon\n07:00-19:00 unlimited",
    ],
)  # fmt: skip
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(WrongValue):
        parse_line(text)


@given(
    st.sampled_from(DAYS),
    st.sampled_from(DAYS),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.sampled_from(["unlimited", "20 Mbit/s"]),
)
def test_every_span_that_has_a_length_is_taken(first: str, last: str, begin: int, end: int, rate: str) -> None:
    text = f"{first}-{last} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02} {rate}"
    if begin == end:
        with pytest.raises(WrongValue):
            parse_line(text)
        return
    line = parse_line(text)
    assert (line.begin, line.end) == (begin, end)
    assert {DAYS.index(first), DAYS.index(last)} <= line.days
    assert len(line.days) == (DAYS.index(last) - DAYS.index(first)) % 7 + 1


@given(st.text())
def test_any_text_is_taken_or_refused_in_one_way(text: str) -> None:
    try:
        said = repr(parse_line(text))
    except WrongValue as wrong:
        said = str(wrong)
    assert said.isprintable()
