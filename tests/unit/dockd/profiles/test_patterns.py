"""The patterns for udev's properties: held to the regular expression that they stand for, and quick."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.patterns import LONGEST_VALUE, fits, literal


@given(st.text("aAb.|*?", max_size=10), st.text("aAbB.|\n", max_size=10))
def test_a_pattern_is_the_expression_that_it_stands_for(pattern: str, value: str) -> None:
    expression = "".join({"*": ".*", "?": ".", "|": "|"}.get(one) or re.escape(one) for one in pattern)
    assert fits(pattern, value) is bool(re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL))


def test_no_value_keeps_a_pattern_busy() -> None:
    began = time.thread_time()
    assert not fits("|".join(["*a" * 30 + "b"] * 3), "a" * LONGEST_VALUE)
    assert time.thread_time() - began < 2.0


def test_what_no_device_is_called_fits_nothing() -> None:
    assert fits("*", "a" * LONGEST_VALUE)
    assert not fits("*", "a" * (LONGEST_VALUE + 1))


@pytest.mark.parametrize(("pattern", "said"), [("CAM*", "CAM"), ("CAM*|*", ""), ("?*", ""), ("a?b|cde", "ab")])
def test_what_a_pattern_says_at_least(pattern: str, said: str) -> None:
    assert literal(pattern) == said
