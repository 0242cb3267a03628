"""A token is the same to the dock that shows it and to the store that knows it, whatever signs are in it."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.token_lines import first_token, token_and_name

TOKENS = st.text(st.sampled_from(string.ascii_letters + string.digits + string.punctuation), min_size=1).filter(
    lambda one: not one.startswith("#")
)


@given(TOKENS, st.sampled_from(["", " ", "  # since May", "\t#rack 12", " # a # b", "\r"]))
@example("ab#cd", "")
@example("ab#", " # rack 12")
def test_a_token_is_whole(token: str, behind: str) -> None:
    line = f" {token}{behind}"
    assert token_and_name(line)[0] == token
    assert first_token(f"# the store's\n\n{line}\nanother\n") == token


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tok-1 # rack 12", ("tok-1", "rack 12")),
        ("tok#1 #rack 12", ("tok#1", "rack 12")),
        ("#tok-1", ("", "tok-1")),
        ("  # rack 12", ("", "rack 12")),
        ("tok-1#rack 12", ("tok-1#rack 12", "")),
        ("", ("", "")),
    ],
)
def test_what_is_a_comment(line: str, said: tuple[str, str]) -> None:
    assert token_and_name(line) == said


def test_a_file_of_comments_holds_none() -> None:
    assert first_token("# a\n\n #b\n") is None
