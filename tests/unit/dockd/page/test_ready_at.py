"""When a camera will be ready: not said until it holds, said on steps, and not made to jump."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.page.ready_at import Held, ToDo, seconds_until_ready

NOW = 1_800_000_000.0  # a step of five minutes


def follow(held: Held, *, began: float, estimates: list[float | None], every: float = 5.0) -> list[float | None]:
    return [held.take(began + place * every, at) for place, at in enumerate(estimates)]


def test_it_is_hidden_until_it_holds_and_said_on_a_step() -> None:
    said = follow(Held(), began=NOW, estimates=[NOW + 1234.0] * 12)
    assert said == [None] * 9 + [NOW + 1500.0] * 3


def test_what_is_not_known_is_not_said_at_once() -> None:
    held = Held()
    assert follow(held, began=NOW, estimates=[NOW + 1234.0] * 10)[-1] is not None
    assert held.take(NOW + 50, None) is None
    assert held.take(NOW + 55, NOW + 1234.0) is None, "and it has to hold again"


def test_it_is_said_anew_only_when_it_has_been_elsewhere_for_a_minute() -> None:
    held = Held()
    follow(held, began=NOW, estimates=[NOW + 1500.0] * 10)
    after = follow(held, began=NOW + 50, estimates=[NOW + 3000.0] * 14)
    assert after[:12] == [NOW + 1500.0] * 12
    assert after[-1] == NOW + 3000.0


def test_one_that_is_over_is_not_said() -> None:
    held = Held()
    follow(held, began=NOW, estimates=[NOW + 300.0] * 10)
    assert held.take(NOW + 299, NOW + 310.0) == NOW + 300.0
    assert held.take(NOW + 300, NOW + 310.0) is None


def test_a_jittering_estimate_does_not_jump() -> None:
    """Within a fifth, as rates of minutes are, it is told twice at most in half an hour."""
    dice, held = random.Random(1), Held()
    said = [held.take(NOW + at, NOW + at + (3600.0 - at) * dice.uniform(0.85, 1.15)) for at in range(0, 1800, 5)]
    told = [one for one in said if one is not None]
    assert len(told) > 300
    assert len(set(told)) <= 2


@pytest.mark.parametrize(
    "todo",
    [
        ToDo(to_copy=1), ToDo(to_copy=1, copy_rate=0.0), ToDo(to_send=1), ToDo(charge=None), ToDo(to_copy=10**12, copy_rate=1.0),
        ToDo(to_copy=10, copy_rate=10.0, to_send=10, send_rate=10.0, charge=None),
    ],
)  # fmt: skip
def test_where_any_part_is_not_known_nothing_is(todo: ToDo) -> None:
    assert seconds_until_ready(todo) is None


RATES = st.floats(1.0, 1e9)
SIZES = st.integers(0, 10**11)


@given(copy=SIZES, send=SIZES, copy_rate=RATES, send_rate=RATES, wipe=st.booleans(), charge=st.floats(0, 36000))
def test_more_to_do_never_takes_less(
    copy: int, send: int, copy_rate: float, send_rate: float, *, wipe: bool, charge: float
) -> None:
    todo = ToDo(to_copy=copy, copy_rate=copy_rate, to_send=send, send_rate=send_rate, to_wipe=wipe, charge=charge)
    more = ToDo(
        to_copy=copy + 10**9, copy_rate=copy_rate, to_send=send, send_rate=send_rate, to_wipe=wipe, charge=charge
    )
    one, other = seconds_until_ready(todo), seconds_until_ready(more)
    if one is None:
        assert other is None
    else:
        assert one >= charge
        assert other is None or other >= one
