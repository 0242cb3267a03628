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
        steps = found.steps
        assert DOERS[found.who] in [doer for doer, _what in steps], name
        for text in (found.title, found.means, *(what for _doer, what in steps)):
            assert isinstance(text, Said), f"{name}: {text} is in no catalogue"
            assert text


def test_each_is_told_their_own_part_alone() -> None:
    """Who does it stands before it, once; ops are not sent to ops, and what is the sergeant's is not told as theirs."""
    for name, found in OF_PROBLEMS.items():
        for _doer, what in found.steps:
            assert ":" not in what.split(" ", 1)[0], f"{name}: {what}"
            assert not any(f"{doer}:" in what for doer in ("Ops", "Sergeant", "Officer")), f"{name}: {what}"
        assert not any(word in found.ops for word in ("ell ops", "sk ops", "o ops", "Leave the camera")), name


def test_each_state_of_a_bay_says_what_it_means_and_what_to_do() -> None:
    assert list(OF_STATES.keys() - LOOKS.keys()) == []
    assert list(LOOKS.keys() - OF_STATES.keys()) == []


def test_only_what_may_be_taken_is_told_to_be_taken() -> None:
    for state, meaning in OF_STATES.items():
        assert (LOOKS[state].verb == "take") == meaning.do.startswith("Take it") or state == "not_ours", state
