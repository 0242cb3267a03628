"""Whatever can be wrong, and whatever a bay can be, somebody is told what that means and what to do."""

from __future__ import annotations

from typing import get_args

from dockd.page.guidance import DOERS, OF_PROBLEMS, OF_STATES, Doer
from dockd.page.language import Said
from dockd.page.looks import LOOKS
from dockd.page.problems import PROBLEMS


def test_each_problem_says_what_it_means_what_to_do_and_who_does_it() -> None:
    assert set(OF_PROBLEMS) == set(PROBLEMS)
    assert set(DOERS) == set(get_args(Doer))
    for name, found in OF_PROBLEMS.items():
        assert found.who in DOERS
        for text in (found.title, found.means, found.do):
            assert isinstance(text, Said), f"{name}: {text} is in no catalogue"
            assert text


def test_each_state_of_a_bay_says_what_it_means_and_what_to_do() -> None:
    assert list(OF_STATES.keys() - LOOKS.keys()) == []
    assert list(LOOKS.keys() - OF_STATES.keys()) == []


def test_only_what_may_be_taken_is_told_to_be_taken() -> None:
    for state, meaning in OF_STATES.items():
        assert (LOOKS[state].verb == "take") == meaning.do.startswith("Take it") or state == "not_ours", state
