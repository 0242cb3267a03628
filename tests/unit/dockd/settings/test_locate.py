"""The line locator is held against documents whose lines are known because they were put together line by line."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dockd.settings.locate import KeyPath, locate


def test_every_way_of_writing_a_key() -> None:
    text = "\n".join(
        [
            "# [fake]",  # 1
            "top = 1 # fake = 2",
            "[wipe]",
            "  enabled = true",
            "",  # 5
            '"gra\\u0063e" = "0 s"',
            "[[bays]]",
            "number = 1",
            "usb_path = '1-1'",
            "[[ bays ]]",  # 10
            "number = 2",
            "[bays.inner]",
            "x.y . 'z' = 1",
            "[page]",
            'listen = """',  # 15
            "[log]",
            "level = 3",
            '"""',
            "allowed_hosts = [ # a comment, with ] in it",
            '  "a", "b",',  # 20
            "  'c',",
            "]",
            'inline = { a = 1, "b" = [',
            "  { c = 2 },",
            "] }",  # 25
            "[log]",
            "level = 'info'",
        ]
    )
    lines = locate(text)
    expected: dict[KeyPath, int] = {
        ("top",): 2,
        ("wipe",): 3,
        ("wipe", "enabled"): 4,
        ("wipe", "grace"): 6,
        ("bays",): 7,
        ("bays", 0): 7,
        ("bays", 0, "number"): 8,
        ("bays", 0, "usb_path"): 9,
        ("bays", 1): 10,
        ("bays", 1, "number"): 11,
        ("bays", 1, "inner"): 12,
        ("bays", 1, "inner", "x", "y", "z"): 13,
        ("page",): 14,
        ("page", "listen"): 15,
        ("page", "allowed_hosts"): 19,
        ("page", "allowed_hosts", 1): 20,
        ("page", "allowed_hosts", 2): 21,
        ("page", "inline", "b", 0, "c"): 24,
        ("log",): 26,
        ("log", "level"): 27,
    }
    assert {path: lines.of(*path) for path in expected} == expected


def test_what_is_not_there_is_where_its_table_is() -> None:
    lines = locate("\n[wipe]\nenabled = true\n[[bays]]\n[[bays]]\n")
    assert lines.of("wipe", "grace") == 2
    assert lines.of("bays", 1, "number") == 5
    assert lines.of("store", "url") == 1
    assert lines.of() == 1


_NAMES = st.sampled_from(["a", "b-c", "d_1", "7", '"q r"', "'l'", '"e\\"s"'])
_VALUES = st.recursive(
    st.sampled_from(
        [
            "1", "-1.5", "true", "1979-05-27T07:32:00Z", '"x"', '"[y]"', '"a = 1 # no"', "'\\'", '""', '"\\\\"', '"\\""',
            '"""\n[no]\na = 1\n"""', "'''\n[no]\n'''", '"""x"" y"""', '""""q"""', '"""\\"""""',
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[\n# ] no\n" + "".join(f"{item},\n" for item in items) + "]")
        | st.lists(inner, max_size=2).map(
            lambda items: "{ " + ", ".join(f"k{n} = {item}" for n, item in enumerate(items)) + " }"
        )
    ),
    max_leaves=5,
)  # fmt: skip
_TABLES = st.lists(
    st.tuples(
        _NAMES, st.booleans(), st.dictionaries(_NAMES, _VALUES, max_size=4), st.sampled_from(["", "# [x]\n", "\n"])
    ),
    max_size=5,
    unique_by=lambda table: table[0],
)


@given(_TABLES, st.sampled_from(["\n", "\r\n"]))
def test_tables_put_together_from_known_lines(tables: list[Any], end: str) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    for name, is_array, pairs, between in tables:
        text += between
        (key,) = tomllib.loads(f"{name} = 1")
        path: KeyPath = (key, 0) if is_array else (key,)
        expected[path] = text.count("\n") + 1
        text += f"[[{name}]]\n" if is_array else f"[{name}]\n"
        for pair, value in pairs.items():
            (inner,) = tomllib.loads(f"{pair} = 1")
            expected[(*path, inner)] = text.count("\n") + 1
            text += f"{pair} = {value}\n"
    lines = locate(text.replace("\n", end))
    assert {found: lines.of(*found) for found in expected} == expected


_SHREDS = st.lists(
    st.sampled_from(
        ["[", "]", "{", "}", "=", ",", ".", '"', "'", '"""', "'''", "\\", "#", "\n", "\r", " ", "a", "[[", "]]", "1"]
    )
    | st.text(max_size=3)
).map("".join)


@given(st.text() | _SHREDS)
def test_it_never_raises_and_names_only_lines_that_are_there(text: str) -> None:
    walked = locate(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in walked.found.values())


@given(st.sampled_from(["[", "{a=", "a.", "[[a]]\n", '"""', "'", "a={b=[", "[a.", "#\n"]), st.integers(1, 20_000))
def test_repetition_neither_raises_nor_takes_long(part: str, times: int) -> None:
    locate(part * times)
