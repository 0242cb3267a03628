"""The transition table, held against the promise rather than against itself."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from ingest.copies import CAMERA, NONE, SPOOL, STORE, TABLE, Copies, Copy, NotInTable, Step, after, is_lost, word

ALL: list[Copies] = [frozenset(c) for c in chain.from_iterable(combinations(Copy, n) for n in range(4))]
# What may follow what, written out by hand: every step from every set from which it may start.
ALLOWED: dict[Step, dict[Copies, Copies]] = {
    Step.LISTED: {NONE: frozenset({CAMERA})},
    Step.COPIED: {
        frozenset({CAMERA}): frozenset({CAMERA, SPOOL}),
        frozenset({CAMERA, STORE}): frozenset({CAMERA, SPOOL, STORE}),
    },
    Step.CONFIRMED: {
        frozenset({SPOOL}): frozenset({SPOOL, STORE}),
        frozenset({CAMERA, SPOOL}): frozenset({CAMERA, SPOOL, STORE}),
    },
    Step.WIPED: {
        frozenset({CAMERA, STORE}): frozenset({STORE}),
        frozenset({CAMERA, SPOOL, STORE}): frozenset({SPOOL, STORE}),
    },
    Step.RELEASED: {
        frozenset({SPOOL, STORE}): frozenset({STORE}),
        frozenset({CAMERA, SPOOL, STORE}): frozenset({CAMERA, STORE}),
    },
    Step.REAPPEARED: {copies: copies | {CAMERA} for copies in ALL if CAMERA not in copies},
    Step.RECOVERED: {copies: copies | {SPOOL} for copies in ALL if SPOOL not in copies},
    Step.VANISHED: {copies: copies - {CAMERA} for copies in ALL if CAMERA in copies},
    Step.ROTTED: {copies: copies - {SPOOL} for copies in ALL if SPOOL in copies},
    Step.STORE_LOST: {copies: copies - {STORE} for copies in ALL if STORE in copies},
    Step.FOUND: {copies: copies | {STORE} for copies in ALL if STORE not in copies},
}
ACTIONS = {Step.COPIED, Step.CONFIRMED, Step.WIPED, Step.RELEASED}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("copies", ALL, ids=lambda copies: "+".join(sorted(copies)) or "none")
def test_every_step_from_every_set(step: Step, copies: Copies) -> None:
    expected = ALLOWED[step].get(copies)
    if expected is None:
        with pytest.raises(NotInTable, match=step.value):
            after(copies, step)
    else:
        assert after(copies, step) == expected


def test_the_invariant() -> None:
    """An action takes a copy away only while the store has one, and never the store's."""
    assert {step for step, rule in TABLE.items() if rule.action} == ACTIONS
    for step in ACTIONS:
        for copies in ALLOWED[step]:
            gone = copies - after(copies, step)
            assert not gone or STORE in copies
            assert STORE not in gone


def test_no_row_of_actions_loses_a_segment() -> None:
    """Whatever dockd itself does, in whatever order: from any set with a copy, no set without one can be reached."""
    reached = {copies for copies in ALL if copies}
    while True:
        more = {after(c, step) for c in reached for step in ACTIONS if c in ALLOWED[step]} - reached
        if not more:
            break
        reached |= more
    assert NONE not in reached


def test_lost_is_when_nothing_is_left() -> None:
    assert [copies for copies in ALL if is_lost(copies)] == [NONE]


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        ({CAMERA}, "waiting"),
        ({CAMERA, SPOOL}, "copied, not confirmed"),
        ({SPOOL}, "copied, not confirmed"),
        ({CAMERA, SPOOL, STORE}, "confirmed"),
        ({CAMERA, STORE}, "confirmed"),
        ({SPOOL, STORE}, "wiped"),
        ({STORE}, "wiped"),
        (set(), "lost"),
    ],
)
def test_words(copies: set[Copy], said: str) -> None:
    assert word(frozenset(copies), held=False) == said
    assert word(frozenset(copies), held=True) == "held"
