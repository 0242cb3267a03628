"""Every call that changes a disk is once the last: of the agent, of its workers, and of the store under them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.every_stop import KINDS, Kind, Sweep, counted, needs_stopper

_SURELY = {
    "pwrite64": 0.75,
    "fdatasync": 0.75,
}  # of the counted calls: how many commits share one depends on when they come
_OTHERS_SURELY = 0.9
_EACH = {"pwrite64": 72}  # in the short pass every 72nd of these, and every sixth of the rest; the long one has each
_OTHERS = 6


def sure(kind: Kind, calls: Counter[tuple[str, str]]) -> int:
    """So many of the counted calls every run makes."""
    return max(1, int(_SURELY.get(kind.call, _OTHERS_SURELY) * calls[kind.role, kind.call]))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    """How many calls of each kind a run makes that nobody stops."""
    needs_stopper()
    return counted(tmp_path_factory.mktemp("counted"))


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    sweep = Sweep(folder=tmp_path)
    try:
        yield sweep
    finally:
        sweep.close()


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.id for kind in KINDS])
def test_stopped_before_every_call(kind: Kind, sweep: Sweep, calls: Counter[tuple[str, str]]) -> None:
    began = time.monotonic()
    reached = sweep.all_of(kind, counted=calls[kind.role, kind.call])
    print(f"\n{kind.id}: {reached} stops, {calls[kind.role, kind.call]} counted, {time.monotonic() - began:.0f} s")
    assert set(range(1, sure(kind, calls) + 1)) <= set(sweep.reached[kind]), "each of them, without a gap"


@pytest.mark.soak
@pytest.mark.soak_short
def test_no_kind_of_call_is_forgotten(calls: Counter[tuple[str, str]]) -> None:
    """What a run makes is swept, and what is swept a run makes."""
    assert {(kind.role, kind.call) for kind in KINDS} == set(calls)


@pytest.mark.soak_short
def test_stopped_before_one_call_in_a_few(sweep: Sweep, calls: Counter[tuple[str, str]]) -> None:
    """Some of all stops, evenly spread over each kind; `test_stopped_before_every_call` takes them all."""
    wanted = [
        (kind, number) for kind in KINDS for number in range(1, sure(kind, calls) + 1, _EACH.get(kind.call, _OTHERS))
    ]
    began = time.monotonic()
    sweep.stops(wanted)
    print(f"\n{len(wanted)} stops of {len(KINDS)} kinds, {time.monotonic() - began:.0f} s")
    assert {kind: sorted(numbers) for kind, numbers in sweep.reached.items()} == {
        kind: [number for other, number in wanted if other == kind] for kind in KINDS
    }
