"""Every call that changes a disk is once the last: in the agent, in its workers, and in the store under it. `-n` spreads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.recovery.stops import AGENT, STORE, WORKER, Chain, every, needs_strace

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    needs_strace()
    chain = Chain(folder=tmp_path / "chain", seed=2)
    chain.goes_on()
    try:
        yield chain
    finally:
        chain.store.kill()


def all_of(stop: Callable[[str, int], bool], call: str) -> None:
    """Stop before the first, the second, … call, until there are no more; a run that was not reached twice has no more."""
    missed = 0
    for number in every():
        if stop(call, number):
            missed = 0
            continue
        missed += 1
        if missed == 3:
            print(f"{call}: {number - 3} stops")
            assert number > 3, f"{call} is never called"
            return


@pytest.mark.parametrize("call", [*AGENT, *WORKER])
def test_the_dock_is_stopped_before_every_call(call: str, chain: Chain) -> None:
    all_of(chain.stop_before, call)
    chain.close()


@pytest.mark.parametrize("call", WORKER)
def test_a_worker_is_killed_before_every_call(call: str, chain: Chain) -> None:
    all_of(chain.kill_worker_before, call)
    chain.close()


@pytest.mark.parametrize("call", STORE)
def test_the_store_is_stopped_before_every_call(call: str, chain: Chain) -> None:
    all_of(chain.stop_store_before, call)
    chain.close()
