"""What a file is by its name: held to a simple matcher that tries everything, and quick for every name and pattern."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.rules import EVERYTHING, FileRules, Grouping, Place, pattern_of

NAME_PATTERNS = st.text("ab.*?É", min_size=1, max_size=6).filter(
    lambda name: "**" not in name and name not in (".", "..")
)
PATTERNS = st.lists(NAME_PATTERNS | st.just("**"), min_size=1, max_size=5).map("/".join)
NAMES = st.lists(
    st.sampled_from([b"a", b"A", b"b", b".", b"\n", b"\xff", "É".encode(), "é".encode()]), min_size=1, max_size=6
)
PATHS = st.lists(NAMES.map(b"".join), min_size=1, max_size=5).map(b"/".join)


def fits(pattern: str, path: bytes) -> bool:
    """The rules of the docstring, word by word, with every possibility tried."""
    asked, names = pattern.split("/"), path.decode("utf-8", "surrogateescape").split("/")

    @cache
    def folders(at: int, place: int) -> bool:
        if at == len(asked):
            return place == len(names)
        if asked[at] == "**":
            if at == len(asked) - 1:
                return place < len(names)
            return any(folders(at + 1, later) for later in range(place, len(names) + 1))
        return place < len(names) and name(asked[at], names[place]) and folders(at + 1, place + 1)

    return folders(0, 0)


def name(asked: str, text: str) -> bool:
    if not asked or not text:
        return asked.strip("*") == text
    if asked[0] == "*":
        return name(asked[1:], text) or name(asked, text[1:])
    same = asked[0] == text[0] or (text[0].isascii() and asked[0] == text[0].lower())
    return (asked[0] == "?" or same) and name(asked[1:], text[1:])


@given(PATTERNS, PATHS)
def test_a_pattern_fits_what_it_says(pattern: str, path: bytes) -> None:
    assert bool(pattern_of(pattern).fullmatch(path.decode("utf-8", "surrogateescape"))) is fits(pattern, path)


@given(st.lists(PATTERNS, max_size=2), st.lists(PATTERNS, max_size=2), st.lists(PATTERNS, max_size=2), PATHS)
def test_the_first_list_that_names_a_file_says_what_it_is(
    segments: list[str], sidecars: list[str], ignorable: list[str], path: bytes
) -> None:
    rules = FileRules(segments=tuple(segments), sidecars=tuple(sidecars), ignorable=tuple(ignorable))
    lists = {"ignorable": ignorable, "segment": segments, "sidecar": sidecars}
    expected = next((kind for kind, patterns in lists.items() if any(fits(one, path) for one in patterns)), "other")
    assert rules.kind(path) == expected
    assert rules.wiped(path) is (expected in ("segment", "sidecar"))


@given(st.binary(min_size=1))
def test_without_rules_every_file_is_a_segment(path: bytes) -> None:
    assert EVERYTHING.kind(path) == "segment"


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("DCIM/*/*.MP4", b"dcim/100media/clip0001.mp4", True),
        ("DCIM/*/*.MP4", b"DCIM/100MEDIA/deep/A.MP4", False),
        ("DCIM/**/*.MP4", b"DCIM/A.MP4", True),
        ("DCIM/**", b"DCIM/a/b", True),
        ("DCIM/**", b"DCIM", False),
        ("**/*.MP4", b"a/\xff\xfe.mp4", True),
        ("**/a\n.mp4", b"x/a\n.MP4", True),
        ("*.ts", "clip.tſ".encode(), False),  # a long s only looks like one
        ("*.mkv", "clip.m\u212av".encode(), False),  # the sign of kelvin
        ("a[1].mp4", b"a[1].mp4", True),
    ],
)
def test_names(pattern: str, path: bytes, found: bool) -> None:
    assert FileRules(segments=(pattern,)).wiped(path) is found


@pytest.mark.parametrize("pattern", ["", "/a", "a/", "a//b", "./a", "a/../b", "a**", "**.MP4", "a" * 257])
def test_what_is_no_pattern_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(ValueError):
        FileRules(segments=(pattern,))
    with pytest.raises(ValueError):
        FileRules(sidecars=(pattern,))
    with pytest.raises(ValueError):
        FileRules(ignorable=(pattern,))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 120 + "b", b"a" * 4000),
        ("**/*a*a*a*a*b/c", b"a" * 200 + b"/" + b"a" * 3800),
        ("**/" + "a/**/" * 42 + "b", b"a/" * 2000 + b"c"),
        ("**/*a/" * 30 + "b", b"aaaaaaa/" * 500 + b"c"),
        ("*?" * 100 + "b", b"a" * 4000),
    ],
)
def test_no_name_keeps_a_pattern_busy(pattern: str, path: bytes) -> None:
    rules = FileRules(segments=(pattern,))
    began = time.thread_time()
    assert rules.kind(path) == "other"
    assert time.thread_time() - began < 2.0


GROUPED = FileRules(grouping=Grouping(pattern=r"(?P<recording>[^/]+)_(?P<part>\d++)\.mp4$"))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (b"R/20250301_201500_003.MP4", Place(recording="20250301_201500", part=3)),
        (b"R/clip.mp4", Place()),
        (b"R/\xffday_1.mp4", Place(recording="\\xffday", part=1)),
        (b"R/a\n_1.mp4", Place(recording="a\\n", part=1)),
        (b"R/a_" + b"9" * 10 + b".mp4", Place(recording="a")),
        (b"R/" + b"a" * 600 + b"_1.mp4", Place()),
        ("R/a_٣.mp4".encode(), Place()),
    ],
)
def test_recordings_and_parts(path: bytes, place: Place) -> None:
    assert GROUPED.place(path) == place


def test_a_group_without_a_part() -> None:
    rules = FileRules(grouping=Grouping(pattern=r"(?P<recording>\d+)(?:-(?P<part>\d++))?\.mp4"))
    assert rules.place(b"17.mp4") == Place(recording="17")
    assert EVERYTHING.place(b"17.mp4") == Place()


@pytest.mark.parametrize("pattern", ["(", "(?P<part>a)", "a{99999999999999999999}", "(?P<recording>a"])
def test_what_is_no_grouping_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(ValueError):
        Grouping(pattern=pattern)
