"""Whoever guesses at invitations is slowed down, however it goes about it, and keeps nobody else out."""

from __future__ import annotations

import contextlib

import pytest

from ingest.central.refusals import Refusal
from ingest.central.routes_enroll import Wrong


class Guessed:
    def __init__(self) -> None:
        self.time = 1000.0
        self.wrong = Wrong(lambda: self.time)

    def ask(self, who: str | None, status: int = 401) -> int:
        try:
            with self.wrong.counted(who):
                raise Refusal(status, "x", "x")
        except Refusal as refusal:
            return refusal.status


def test_many_at_once_are_as_many_as_one_after_another() -> None:
    guessed = Guessed()
    with contextlib.ExitStack() as under_way:
        for _ in range(10):
            under_way.enter_context(guessed.wrong.counted("192.0.2.1"))
        assert guessed.ask("192.0.2.1") == 429
        assert guessed.ask("192.0.2.2") == 401
    assert guessed.ask("192.0.2.1") == 401  # they were right


def test_who_has_a_network_of_ipv6_has_one_address() -> None:
    guessed = Guessed()
    assert [guessed.ask(f"2001:db8:0:1::{n:x}") for n in range(11)] == [401] * 10 + [429]
    assert guessed.ask("2001:db8:0:2::1") == 401
    assert [guessed.ask("::ffff:192.0.2.1") for _ in range(5)] + [guessed.ask("192.0.2.1") for _ in range(6)] == [
        401
    ] * 10 + [429]


def test_those_who_guess_keep_out_nobody_who_has_not() -> None:
    guessed = Guessed()
    for n in range(6):
        assert {guessed.ask(f"192.0.2.{n}") for _ in range(10)} == {401}
    with guessed.wrong.counted("192.0.2.77"):
        pass
    assert [guessed.ask("192.0.2.78"), guessed.ask("192.0.2.78")] == [401, 429]
    guessed.time += 61
    assert guessed.ask("192.0.2.1") == 401


@pytest.mark.parametrize(
    ("status", "counts"), [(400, True), (401, True), (403, True), (408, True), (413, True), (409, False), (503, False)]
)
def test_what_counts(status: int, counts: bool) -> None:
    guessed = Guessed()
    for _ in range(10):
        guessed.ask(None, status)
    assert guessed.ask(None) == (429 if counts else 401)
