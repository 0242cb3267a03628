"""How soon a password may be tried again: longer with each mistake, never for good, and not because of what others do."""

from __future__ import annotations

import pytest

from dockd.access.limits import (
    COMES_AGAIN,
    EVERY,
    FREE,
    FREE_ADDRESS,
    FREE_NETWORK,
    LONGEST_OF_ADDRESS,
    LONGEST_WAIT,
    Limits,
)


def mistakes(limits: Limits, count: int, *, name: str, address: str, now: float = 0.0) -> float:
    for _ in range(count):
        limits.wrong(name=name, address=address, now=now)
    return limits.wait(name=name, address=address, now=now)


def test_the_wait_grows_and_ends() -> None:
    limits = Limits()
    assert mistakes(limits, FREE - 1, name="ann", address="192.0.2.1") == 0
    waits = [mistakes(limits, 1, name="ann", address="192.0.2.1") for _ in range(15)]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_WAIT
    assert limits.wait(name="ann", address="192.0.2.1", now=LONGEST_WAIT) == 0


def test_asking_while_one_waits_makes_it_no_longer() -> None:
    limits = Limits()
    before = mistakes(limits, FREE + 3, name="ann", address="192.0.2.1")
    for _ in range(50):
        assert limits.wait(name="ann", address="192.0.2.1", now=0.0) == before


def test_an_account_waits_wherever_it_is_tried_from() -> None:
    limits = Limits()
    for n in range(FREE + 4):
        limits.wrong(name="ann", address=f"192.0.2.{n}", now=0.0)
    assert limits.wait(name="ann", address="192.0.2.200", now=0.0) == 16
    assert limits.wait(name="bob", address="192.0.2.200", now=0.0) == 0


def test_an_address_waits_whatever_it_tries() -> None:
    limits = Limits()
    for n in range(FREE_ADDRESS - 1):
        limits.wrong(name=f"user{n}", address="192.0.2.1", now=0.0)
    assert limits.wait(name="new", address="192.0.2.1", now=0.0) == 0
    assert mistakes(limits, 1, name="new", address="192.0.2.1") == 1
    limits.wrong(name="newer", address="192.0.2.1", now=0.0)
    assert limits.wait(name="newest", address="192.0.2.1", now=0.0) == 2
    for n in range(40):
        limits.wrong(name=f"more{n}", address="192.0.2.1", now=0.0)
    assert limits.wait(name="last", address="192.0.2.1", now=LONGEST_OF_ADDRESS - 0.5) == 0.5
    assert limits.wait(name="last", address="192.0.2.1", now=LONGEST_OF_ADDRESS) == 0


def test_ipv6_counts_by_machine_and_after_many_more_by_network() -> None:
    limits = Limits()
    for n in range(FREE_ADDRESS):
        limits.wrong(name=f"user{n}", address="2001:db8::bad", now=0.0)
    assert limits.wait(name="new", address="2001:db8::bad", now=0.0) == 1
    assert limits.wait(name="new", address="2001:db8::1", now=0.0) == 0, "one machine is not its whole station"
    for n in range(FREE_NETWORK - FREE_ADDRESS):
        limits.wrong(name=f"more{n}", address=f"2001:db8::{n + 1:x}:1", now=0.0)
    assert limits.wait(name="new", address="2001:db8::ffff", now=0.0) == 1
    assert limits.wait(name="new", address="2001:db8:0:1::1", now=0.0) == 0


@pytest.mark.parametrize("sergeants", ["192.0.2.1", "2001:db8::1"], ids=["the-same-address", "the-same-network"])
def test_somebody_who_tries_all_day_keeps_nobody_out(sergeants: str) -> None:
    """With another name each time, as soon as that may be."""
    limits, tries, others = Limits(), 0, "192.0.2.1" if sergeants == "192.0.2.1" else "2001:db8::bad"
    refused_in_a_row = longest_row = 0
    for second in range(8 * 3600):
        name, now = f"made.up.{second}", float(second)
        if limits.wait(name=name, address=others, now=now) <= 0:
            limits.wrong(name=name, address=others, now=now)
            tries += 1
        if second % 10 == 0:
            refused = limits.wait(name="k.jones", address=sergeants, now=now) > 0
            refused_in_a_row = refused_in_a_row + 1 if refused else 0
            longest_row = max(longest_row, refused_in_a_row)
    assert longest_row <= 1
    assert tries < FREE_ADDRESS + 8 * 3600 / LONGEST_OF_ADDRESS + 20


def test_who_waits_for_others_has_a_try_and_few_have_it() -> None:
    limits, address = Limits(), "192.0.2.1"
    mistakes(limits, FREE_ADDRESS + 20, name="x", address=address)
    tried = 0
    for second in range(240):  # fifty names that come again each second
        for n in range(50):
            if limits.wait(name=f"user{n}", address=address, now=float(second)) <= 0:
                limits.wrong(name=f"user{n}", address=address, now=float(second))
                tried += 1
    assert 240 / EVERY - 1 <= tried <= 240 / EVERY
    assert limits.wait(name="x", address=address, now=COMES_AGAIN) > COMES_AGAIN, "not those who made the mistakes"


def test_whoever_has_signed_in_here_is_not_kept_out_by_others() -> None:
    limits = Limits()
    limits.wrong(name="ann", address="192.0.2.1", now=0.0)
    limits.right(name="ann", address="192.0.2.1", now=0.0)
    assert mistakes(limits, 30, name="ann", address="198.51.100.9") > 0
    assert limits.wait(name="ann", address="192.0.2.1", now=0.0, known=True) == 0
    assert limits.wait(name="ann", address="192.0.2.2", now=0.0) > 0, "known there, not everywhere"
    for _ in range(FREE):
        limits.wrong(name="ann", address="192.0.2.1", now=0.0, known=True)
    assert limits.wait(name="ann", address="192.0.2.1", now=0.0, known=True) == 1, (
        "their own mistakes count all the same"
    )


def test_what_was_wrong_is_forgotten_in_time_and_by_signing_in() -> None:
    limits = Limits()
    mistakes(limits, FREE - 1, name="ann", address="192.0.2.1")
    limits.right(name="ann", address="192.0.2.1", now=1.0)
    assert mistakes(limits, FREE - 1, name="ann", address="192.0.2.1", now=2.0) == 0
    assert mistakes(limits, 3, name="ann", address="192.0.2.1", now=2.0) > 0
    assert mistakes(limits, FREE - 1, name="ann", address="192.0.2.1", now=10_000.0) == 0


def test_what_is_remembered_is_bounded() -> None:
    limits = Limits()
    for n in range(20_000):
        limits.wrong(name=f"user{n}", address="192.0.2.1", now=0.0)
        limits.right(name=f"user{n}", address=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", now=0.0)
        limits.wait(name=f"new{n}", address="192.0.2.1", now=0.0)
    assert max(len(limits._of), len(limits._came), len(limits._next)) <= 4096
    assert limits.wait(name="new", address="192.0.2.1", now=0.0) > 0, "the one that tries is not forgotten"


def test_a_whole_parade_room_signs_in_from_one_address() -> None:
    limits = Limits()
    for n in range(100):
        assert limits.wait(name=f"user{n}", address="192.0.2.1", now=float(n)) == 0
        limits.wrong(name=f"user{n}", address="192.0.2.1", now=float(n))
        limits.right(name=f"user{n}", address="192.0.2.1", now=float(n))
    assert mistakes(limits, FREE_ADDRESS, name="x", address="192.0.2.1", now=100.0) > 0
