"""Regular expressions that profiles may bring: the natural ones are taken, and none that is taken can be kept busy."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.profiles.model import Unlock
from dockd.profiles.regexes import LONGEST_TEXT, checked
from dockd.settings.mistakes import WrongValue


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<value>\d{8}_\d{6})_(?P<part>\d{3,4})\.[a-z0-9]{2,4}$",
        r"(?P<value>[^/]+)_(?P<part>\d++)\.(?:mp4|mov)$",
        r"^RECORD/(?P<value>[^/]++)/",
        r"@Gdv;[^;]{0,8};(?P<value>[A-Za-z0-9_.-]++)",
        r"(?P<value>(?:\d\d-){3}\d\d)",
        r"(?P<value>[]x]a?)",
        r"(?P<value>\w+)?",
        Unlock().id_pattern,
        Unlock().clock_pattern,
        Unlock().battery_pattern,
    ],
)
def test_taken(pattern: str) -> None:
    assert checked(pattern, group="value") == pattern


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?P<value>a+)+", "can itself match in several ways"),
        (r"(?P<value>(?:a|b)*)", "can itself match in several ways"),
        (r"(?P<value>.*)(.*)", "too many ways"),
        (r"(?P<value>a)" + "b?" * 30, "too many ways"),
        (r"(?P<value>a)(?:bc?){2}", "can itself match in several ways"),
        (r"(?P<value>a)\1", "a back-reference"),
        (r"(?P<value>a)(?P=value)", "a group that is not taken"),
        (r"(?=a)(?P<value>a)", "a group that is not taken"),
        (r"(?i)(?P<value>a)", "a group that is not taken"),
        (r"(?P<value>a{600})", "more than 512 repeats"),
        (r"(?P<value>[[a]])", "not taken here"),
        (r"(?P<value>[a--b])", "not taken here"),
        (r"(?P<value>a", "without its )"),
        (r"(?P<value>a))", "without its ("),
        (r"*(?P<value>a)", "repeats or closes nothing"),
        (r"(?P<value>a**)", "repeats or closes nothing"),
        (r"(?P<value>a{)", "repeats or closes nothing"),
        (r"(?P<value>a)(?P<value>b)", "no regular expression"),
        (r"(?P<value>[z-a])", "no regular expression"),
        (r"(?P<value>a{3,2})", "no regular expression"),
        (r"(a)", "has no group value"),
        ("(?P<value>a)\n", "control characters"),
        ("(?P<value>" + "a" * 200 + ")", "longer than 200"),
        ("(" * 20 + "a" + ")" * 20, "nested too deeply"),
    ],
)
def test_refused(pattern: str, why: str) -> None:
    with pytest.raises(WrongValue, match=re.escape(why)):
        checked(pattern, group="value")


ATOMS = st.sampled_from(["a", ".", r"\w", "[^/]", "[ab]", "b", r"\."])
COUNTS = st.sampled_from(["", "", "*", "+", "?", "*?", "++", "{2}", "{0,9}", "{3,}", "{1,40}?"])
EXPRESSIONS = st.recursive(
    st.builds("".join, st.lists(st.builds("".join, st.tuples(ATOMS, COUNTS)), min_size=1, max_size=4)),
    lambda inner: (
        st.builds("({}){}{}".format, inner, COUNTS, inner) | st.builds("(?:{}|{}){}".format, inner, inner, COUNTS)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(EXPRESSIONS, st.sampled_from(["a", "ab", "a/", "."]))
def test_none_that_is_taken_can_be_kept_busy(expression: str, of: str) -> None:
    try:
        pattern = checked(f"(?P<value>{expression})!", group="value")
    except WrongValue:
        return
    text = (of * LONGEST_TEXT)[:LONGEST_TEXT]
    began = time.thread_time()
    assert re.search(pattern, text, re.IGNORECASE | re.ASCII) is None
    assert time.thread_time() - began < 2.0


@given(st.text(max_size=40) | st.text("(?P<value>)ab[]{}*+?|\\d,1", max_size=40))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        taken = checked(text, group="value")
    except WrongValue:
        return
    assert "value" in re.compile(taken).groupindex
