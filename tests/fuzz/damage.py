"""Valid input, damaged: bytes that flip, are cut off, doubled or replaced; values that are of another type, huge, deep or no text."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

TOKENS = (
    b"", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", b"\n", b"\r\n\r\n", b"..", b"/../", b"%00", b"%2e%2e%2f", b"-1", b"0", b"9" * 400,
    b"1e999", b"NaN", b"null", b"true", b"[" * 3000, b'{"a":' * 2000, b'"', b"'", b"=", b",", b":", b";", b" " * 1000, b"a" * 9000,
    "\u202e😀é".encode(), b"\x1b[31m", b"18446744073709551616", b"-9223372036854775809", b"\\u0000", b"\\ud800", b"(a+)+$", b"[[", b"]]", b"#",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(10**400), 0.5, 1e308, float("inf"), float("nan"), "", " ", "x" * 5000,
    "\ud800", "\0", "a\nb", "..", "/etc/passwd", "\x1b[31m", "é" * 100, [], {}, [[]], [{}], {"": None}, "1", "-1", "1e999", "00" * 32,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, valid: bytes, *, most: int = 5) -> bytes:
    """These bytes after a few accidents; sometimes none."""
    text = bytearray(valid)
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(("flip", "cut", "take", "put", "instead", "again", "any"))):
            case "flip" if at < len(text):
                text[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del text[at:]
            case "take":
                del text[at : at + draw(st.integers(1, 60))]
            case "put":
                text[at:at] = draw(st.sampled_from(TOKENS))
            case "instead":
                text[at : at + draw(st.integers(0, 20))] = draw(st.sampled_from(TOKENS))
            case "again":
                text[at:at] = text[at : at + draw(st.integers(1, 200))]
            case "any":
                text[at:at] = draw(st.binary(max_size=20))
    return bytes(text)


@st.composite
def spoiled(draw: st.DrawFn, document: Any, *, most: int = 3) -> Any:
    """A JSON document in which some values are others, are missing, or were never there."""
    holder = [copy.deepcopy(document)]
    for _ in range(draw(st.integers(0, most))):
        inside: Any = holder
        key: Any = 0
        while isinstance(inside[key], (dict, list)) and inside[key] and draw(st.integers(0, 3)):
            inside = inside[key]
            key = draw(st.sampled_from(list(inside) if isinstance(inside, dict) else range(len(inside))))
        match draw(st.sampled_from(("odd", "odd", "odd", "gone", "more", "deep"))):
            case "gone" if isinstance(inside, dict):
                del inside[key]
            case "more" if isinstance(inside[key], dict):
                inside[key][draw(st.sampled_from(("", "x", "\ud800", "ok", "error")))] = draw(odd)
            case "deep":
                inside[key] = nested(draw(st.sampled_from((10, 500, 900))))
            case _:
                inside[key] = copy.deepcopy(draw(odd))
    return holder[0]


def nested(depth: int) -> Any:
    """A list in a list in a list …"""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


odd = st.sampled_from(ODD) | st.text(max_size=30) | st.integers() | st.floats()
