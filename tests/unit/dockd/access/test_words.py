"""Names, and passwords that are taken."""

from __future__ import annotations

import pytest

from dockd.access.words import NotTaken, same_password, see_password, user_name


@pytest.mark.parametrize("said", ["", " ", "-ann", "ann-", "a b", "ann\n\nb", "a" * 65, "änn", "../x", "ann\0", "<b>"])
def test_names_that_are_none(said: str) -> None:
    with pytest.raises(NotTaken):
        user_name(said)


def test_names() -> None:
    assert [user_name(one) for one in ("Ann", " k.jones@force.example ", "a", "PC-1234")] == ["ann", "k.jones@force.example", "a", "pc-1234"]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("elevenchars", "at least 12"), ("", "at least 12"), ("x" * 257, "at most 256"), ("with a\ttab in it", "one line"),
        ("password1234", "first that anybody"), ("Password1234", "first that anybody"), ("aaaaaaaaaaaaaa", "first that anybody"),
        ("jonesjonesjones", "user's name"), ("Jones-2026-pass", "user's name"), ("111jones1112222", "user's name"),
    ],
)  # fmt: skip
def test_passwords_that_are_not_taken(said: str, why: str) -> None:
    with pytest.raises(NotTaken, match=why) as told:
        see_password(said, name="jones")
    assert said == "" or said not in str(told.value)


@pytest.mark.parametrize(
    "said", ["correct horse battery", "ÄÖÜ äöü ßßß 12", "ooooooooaaaeee1x", "the jones of the other town came"]
)
def test_passwords_that_are(said: str) -> None:
    see_password(said, name="jones")


def test_the_same_however_it_was_typed() -> None:
    assert same_password("Cafe\u0301") == same_password("Caf\u00e9")
