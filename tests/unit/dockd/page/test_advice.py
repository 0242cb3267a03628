"""What is told of a fault: its examples are true."""

from __future__ import annotations

import doctest

from dockd.page import advice


def test_examples_of_advice() -> None:
    assert doctest.testmod(advice).failed == 0
