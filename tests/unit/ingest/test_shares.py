"""Who was given how much of the line."""

from __future__ import annotations

from ingest.shares import Shares

RANK = (0, 0, 7)


def test_who_comes_later_begins_where_the_least_is() -> None:
    shares = Shares()
    shares.among(RANK, ["a", "b"])
    shares.charge(RANK, "a", 500)
    shares.charge(RANK, "b", 300)
    assert shares.among(RANK, ["a", "b", "c"]) == {"a": 500, "b": 300, "c": 300}
    shares.charge(RANK, "a", -100)
    assert shares.of(RANK, "a") == 400


def test_ranks_are_apart_and_only_the_last_ones_are_remembered() -> None:
    shares = Shares()
    for number in range(70):
        shares.charge((0, 0, number), "a", 1)
    assert [shares.of((0, 0, number), "a") for number in (69, 10)] == [1, 1]
    assert shares.of((0, 0, 0), "a") == 0


def test_the_next_backlog_begins_level() -> None:
    shares = Shares()
    shares.charge(RANK, "a", 1)
    shares.forget()
    assert shares.of(RANK, "a") == 0
