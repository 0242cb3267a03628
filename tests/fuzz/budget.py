"""Hypothesis for a while instead of for a number of examples: round after round, each with a seed of its own.

The rounds of every run are the same ones in the same order; time decides only how many there are.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

_FIRST = 20_000
_ROUND = 40


class _Over(BaseException):
    """The time is over: hypothesis takes no such exception for a failure, and lets it through at once."""


@dataclass(kw_only=True)
class Budget:
    """`share`: seconds. `done`: how many inputs were tried."""

    share: float
    name: str
    done: int = 0

    def spend(self, hold: Callable[..., None], *inputs: SearchStrategy[Any], shares: float = 1.0) -> None:
        """Hold the property against input after input until the time is over. Raises what it raises, with the smallest such input."""
        until, number = time.monotonic() + self.share * shares, 0
        while number == 0 or time.monotonic() < until:
            self._round(hold, inputs, number=_FIRST + number, until=until)
            number += 1
        print(f"\n{self.name}: {self.done} inputs")

    def _round(
        self, hold: Callable[..., None], inputs: tuple[SearchStrategy[Any], ...], *, number: int, until: float
    ) -> None:
        failed = False

        def one(*drawn: Any) -> None:
            nonlocal failed
            if time.monotonic() > until and not failed and self.done:
                raise _Over
            try:
                hold(*drawn)
                self.done += 1
            except BaseException:
                failed = True
                raise

        examined = given(*inputs)(_plain(one, len(inputs)))
        quiet = settings(
            max_examples=_ROUND, deadline=None, database=None, print_blob=False, suppress_health_check=list(HealthCheck)
        )
        with contextlib.suppress(_Over):
            seed(number)(quiet(examined))()


def _plain(hold: Callable[..., None], count: int) -> Callable[..., None]:
    """With named parameters, as hypothesis wants them."""
    if count == 1:
        return lambda one: hold(one)
    if count == 2:
        return lambda one, two: hold(one, two)
    return lambda one, two, three: hold(one, two, three)
