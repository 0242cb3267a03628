"""The bugs that `make test-mutants` plants can be planted: the text that each replaces is where it is said to be, once."""

from __future__ import annotations

import pytest

from tests.mutants.planting import Mutant, Void
from tests.mutants.table import CONTROLS, MUTANTS
from tests.program import REPOSITORY

ALL = [*CONTROLS, *MUTANTS]


@pytest.mark.parametrize("mutant", ALL, ids=[one.name for one in ALL])
def test_can_be_planted(mutant: Mutant) -> None:
    text = (REPOSITORY / mutant.file).read_text(encoding="utf-8")
    planted = mutant.planted(text)
    assert planted != text
    compile(planted, mutant.file, "exec")
    assert mutant.tests
    for test in mutant.tests:
        assert (REPOSITORY / test.partition("::")[0]).exists(), test


def test_no_two_have_one_name() -> None:
    assert len({one.name for one in ALL}) == len(ALL)


@pytest.mark.parametrize("text", ["one", "two two"])
def test_a_text_that_is_not_there_once_is_void(text: str) -> None:
    mutant = Mutant(name="", promise="", file="", old="two", new="three", tests=())
    with pytest.raises(Void):
        mutant.planted(text)
