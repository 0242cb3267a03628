"""Anything in any order, to cards, cameras, bays, dock, clock, disk and store: hypothesis draws what happens, and the oracle looks at bytes.

Real ledger, spool, workers and delivery; after each thing that happens P1 to P3 are computed from files alone. In the end everything that
still is anywhere has to be in the store, and every card empty. `HYPOTHESIS_PROFILE=searching` draws new examples, and many more.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.recovery.any_order.machine import AnyOrder

SEARCHING = os.environ.get("HYPOTHESIS_PROFILE") == "searching"


@pytest.mark.timeout(0 if SEARCHING else 300)
def test_anything_in_any_order() -> None:
    run_state_machine_as_test(
        AnyOrder,
        settings=hypothesis_settings(
            max_examples=int(os.environ.get("DOCKD_ANY_ORDER_EXAMPLES", "300")) if SEARCHING else 6,
            stateful_step_count=25 if SEARCHING else 15,
            deadline=None,
            # A failure is told at once as it came; making it small takes minutes, and is for those who search.
            phases=tuple(Phase) if SEARCHING else (Phase.generate,),
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
