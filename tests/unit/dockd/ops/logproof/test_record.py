"""A line of a log is anything at all until it has been looked at."""

from __future__ import annotations

import doctest
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.ops.logproof import Said, record, what_it_says

RIGHT = {"service.name": "dockd", "service.ephemeral_id": "a", "event.sequence": 7}


def test_its_examples() -> None:
    assert doctest.testmod(record).failed == 0


@pytest.mark.parametrize(
    ("changed", "is_"),
    [
        ({"event.sequence": 0}, "unnumbered"),
        ({"event.sequence": -1}, "unnumbered"),
        ({"event.sequence": True}, "unnumbered"),
        ({"event.sequence": 1.5}, "unnumbered"),
        ({"event.sequence": 1e300}, "unnumbered"),
        ({"event.sequence": "9" * 5000}, "unnumbered"),
        ({"event.sequence": "٣"}, "unnumbered"),
        ({"event.sequence": [1]}, "unnumbered"),
        ({"event.sequence": 1 << 53}, "unnumbered"),
        ({"service.ephemeral_id": None}, "unnumbered"),
        ({"service.ephemeral_id": "a" * 65}, "unnumbered"),
        ({"service.ephemeral_id": "a\nb"}, "unnumbered"),
        ({"service.name": "sshd", "x": "dockd"}, "other"),
    ],
)
def test_what_does_not_fit_is_not_believed(changed: dict[str, object], is_: str) -> None:
    assert what_it_says(json.dumps(RIGHT | changed).encode()) == is_


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 100_000, "[" * 100_000 + '"dockd"', '{"x": 1' + "0" * 10_000 + ', "service.name":"dockd"}', '{"service.name":"dockd"', "\x00dockd"])  # fmt: skip
def test_hostile_json_ends_in_a_word(text: str) -> None:
    assert what_it_says(text.encode() + b"dockd") in ("broken", "other")


def test_a_number_as_text_or_with_a_point_is_one() -> None:
    for number in (7, "7", 7.0):
        found = what_it_says(json.dumps(RIGHT | {"event.sequence": number}).encode())
        assert isinstance(found, Said)
        assert found.sequence == 7


@pytest.mark.parametrize(
    ("name", "text", "at"),
    [
        ("@timestamp", "1970-01-01T00:01:00.000Z", 60.0),
        ("@timestamp", "1970-01-01T01:01:00+01:00", 60.0),
        ("__REALTIME_TIMESTAMP", "60000000", 60.0),
        ("__REALTIME_TIMESTAMP", "9" * 40, 253_402_300_799_000.0),
        ("@timestamp", "yesterday", None),
    ],
)
def test_times(name: str, text: str, at: float | None) -> None:
    found = what_it_says(json.dumps(RIGHT | {name: text}).encode())
    assert isinstance(found, Said)
    assert found.at == (
        pytest.approx(at) if at is not None and name == "@timestamp" else min(at, 253_402_300_799.0) if at else at
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind(noise: bytes) -> None:
    assert isinstance(what_it_says(noise + b"dockd"), (Said, str))
    assert isinstance(what_it_says(b'{"service.name":"dockd",' + noise), (Said, str))
