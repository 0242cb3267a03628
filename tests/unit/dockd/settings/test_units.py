from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.settings.mistakes import WrongValue
from dockd.settings.units import (
    MAX_DURATION,
    MAX_SIZE,
    format_bytes,
    format_duration,
    format_rate,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5 GiB", 5 * 2**30),
        ("5GiB", 5 * 2**30),
        (" 5  GiB ", 5 * 2**30),
        ("5 GB", 5 * 10**9),
        ("500 MB", 500_000_000),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("1.5 KiB", 1536),
        ("0.1 GB", 100_000_000),
        ("0 B", 0),
        ("4096", 4096),
        (4096, 4096),
        (0, 0),
        (2**60, MAX_SIZE),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "GiB", "5 gib", "5 Gb", "5 GiB/s", "-5 GiB", "+5 GiB", "5e3", "5.", ".5 GiB", "1.5", "0x10", "1_000",
        "nan", "inf", "5 GiB 3 MiB", "5\nGiB", "٥ GiB", "5\tGiB", "0.4 B", "2 EiB", "9" * 30, "1048577 TiB",
        -1, 2**60 + 1, pytest.param(10**5000, id="5000 digits"), True, 5.5, float("nan"), None, [], b"5",
    ],
)  # fmt: skip
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(WrongValue) as raised:
        parse_size(text)
    assert raised.value.expected.startswith('a size such as "5 GiB"')
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20 Mbit/s", 2_500_000.0),
        ("20Mbit/s", 2_500_000.0),
        ("1 Gbit/s", 125_000_000.0),
        ("2 MB/s", 2_000_000.0),
        ("1 MiB/s", 1_048_576.0),
        ("1.5 Mbit/s", 187_500.0),
        ("1 kbit/s", 125.0),
        ("10000 Gbit/s", 1.25e12),
    ],
)
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "20", "20 Mbit", "20 Mbps", "20 mbit/s", "-1 Mbit/s", "0 Mbit/s", "0.0 Mbit/s", "1 bit/s", "10001 Gbit/s",
     "nan Mbit/s", "inf", "unlimited", "20 /s", 20, 2.5, None, True],
)  # fmt: skip
def test_what_is_no_rate(text: object) -> None:
    with pytest.raises(WrongValue) as raised:
        parse_rate(text)
    assert raised.value.expected.startswith('a rate such as "20 Mbit/s"')


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("24 h", 86400.0),
        ("24h", 86400.0),
        ("0 s", 0.0),
        ("10 min", 600.0),
        ("31 d", 2_678_400.0),
        ("500 ms", 0.5),
        ("1.5 h", 5400.0),
        ("1 h 30 min", 5400.0),
        ("1h30min", 5400.0),
        ("3650 d", MAX_DURATION),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "10 m", "10 minutes", "-1 s", "1 s 1 h", "1 s 1 s", "1 h,30 min", "nan s", "inf s", "3651 d", "1e3 s",
     "s", "999999999999999999 d", 10, 1.5, True, None, []],
)  # fmt: skip
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(WrongValue) as raised:
        parse_duration(text)
    assert raised.value.expected.startswith('a duration such as "24 h"')


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (64 * 2**20, "64 MiB"),
        (2**20 - 1, "1 MiB"),
        (5 * 2**30, "5 GiB"),
        (123 * 2**30 + 2**29, "124 GiB"),
        (2**60, "1048576 TiB"),
    ],
)
def test_bytes_for_people(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.0001, "1 ms"),
        (0.5, "500 ms"),
        (0.9999, "1 s"),
        (1.5, "1.5 s"),
        (59.9, "1 min"),
        (90.0, "1 min 30 s"),
        (600.0, "10 min"),
        (5400.0, "1 h 30 min"),
        (3601.0, "1 h"),
        (86400.0, "1 d"),
        (90000.0, "1 d 1 h"),
        (31 * 86400.0, "31 d"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_rates_for_people() -> None:
    assert [format_rate(rate) for rate in (2.5e6, 125e6, 187_500.0, 125.0)] == [
        "20 Mbit/s",
        "1 Gbit/s",
        "1.5 Mbit/s",
        "1 kbit/s",
    ]


@given(st.integers(0, MAX_SIZE))
def test_what_is_shown_of_a_size_reads_back_within_a_twentieth(size: int) -> None:
    assert parse_size(format_bytes(size)) == pytest.approx(size, rel=0.05)


@given(st.integers(0, 1023), st.sampled_from(["B", "KiB", "MiB", "GiB", "TiB"]))
def test_a_whole_number_of_a_unit_survives_the_round_trip(number: int, unit: str) -> None:
    size = parse_size(f"{number} {unit}")
    assert parse_size(format_bytes(size)) == size


@given(st.floats(0, MAX_DURATION))
def test_what_is_shown_of_a_duration_reads_back_near(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.05, abs=0.001)


@given(st.integers(0, 3000), st.sampled_from(["s", "min", "h", "d"]))
def test_whole_durations_survive_the_round_trip_or_lose_less_than_their_second_unit(number: int, unit: str) -> None:
    seconds = parse_duration(f"{number} {unit}")
    assert 0 <= seconds - parse_duration(format_duration(seconds)) < 3600


@given(st.floats(125.0, 1.25e12))
def test_what_is_shown_of_a_rate_reads_back_near(rate: float) -> None:
    assert parse_rate(format_rate(rate)) == pytest.approx(rate, rel=0.06)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_else_is_refused_in_one_way(value: object) -> None:
    for parse in (parse_size, parse_rate, parse_duration):
        try:
            read, said = parse(value), ""
        except WrongValue as wrong:
            read, said = 0, str(wrong)
        assert 0 <= read <= max(MAX_SIZE, MAX_DURATION)
        assert said.isprintable()
