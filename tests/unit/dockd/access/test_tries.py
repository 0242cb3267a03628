"""How many codes one address may bring to the provider: few that come to nothing, and as many as there are people."""

from __future__ import annotations

from dockd.access.tries import EVERY, OF_ADDRESS, OF_NETWORK, Tries


def test_a_few_and_then_one_in_a_while() -> None:
    tries = Tries()
    assert [tries.take("192.0.2.1", now=0.0) for _ in range(OF_ADDRESS + 3)] == [True] * OF_ADDRESS + [False] * 3
    assert tries.take("192.0.2.2", now=0.0)
    taken = sum(tries.take("192.0.2.1", now=second / 10) for second in range(1, 601))
    assert 60 / EVERY - 1 <= taken <= 60 / EVERY


def test_who_was_let_in_costs_nothing() -> None:
    tries = Tries()
    for _ in range(5 * OF_ADDRESS):
        assert tries.take("192.0.2.1", now=0.0)
        tries.give_back("192.0.2.1", now=0.0)
    assert sum(tries.take("192.0.2.1", now=0.0) for _ in range(5 * OF_ADDRESS)) == OF_ADDRESS, "and earns nothing"


def test_ipv6_counts_by_machine_and_by_network() -> None:
    tries = Tries()
    assert sum(tries.take("2001:db8::bad", now=0.0) for _ in range(100)) == OF_ADDRESS
    assert tries.take("2001:db8::1", now=0.0)
    assert sum(tries.take(f"2001:db8::2:{n:x}", now=0.0) for n in range(200)) == OF_NETWORK - OF_ADDRESS - 1
    assert tries.take("2001:db8:0:1::1", now=0.0)


def test_what_is_remembered_is_bounded() -> None:
    tries = Tries()
    for n in range(10_000):
        tries.take(f"10.0.{n >> 8}.{n & 255}", now=0.0)
    assert len(tries._left) <= 4096
