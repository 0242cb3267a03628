"""Who gets the dock's room when it runs short: the line, what is kept for its first, and that no number of copies at once gets below the floor."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import SpoolFull
from ingest.room import Claim, Room
from ingest.spool import Spool, with_its_description

MB = 1 << 20
BESIDE = with_its_description(0)


class Disk(Spool):
    """A spool on a disk of `whole` bytes, of which `used` are used."""

    def __init__(self, *, whole: int, used: int = 0, keep_free: int = 0) -> None:
        super().__init__(Path("/nowhere"), keep_free=keep_free)
        self.whole, self.used = whole, used

    def in_place(self) -> bool:
        return True

    def free(self) -> int:
        return self.whole - self.used - self.keep_free - self._promised

    def size(self) -> int:
        return self.whole


@dataclass
class Bench:
    disk: Disk
    time: float = 0.0
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        self.room = Room(self.disk, now=lambda: self.time)

    def pull(self, claim: Claim) -> bool:
        """Whether it was taken in; if not, it waits beside what waits of its camera."""
        others = [one for one in self.room.line if one.camera == claim.camera and one.segment != claim.segment]
        try:
            with self.room.taken(claim):
                self.disk.used += with_its_description(claim.size)
        except SpoolFull:
            self.room.wait(claim.camera, [*others, claim])
            return False
        self.room.wait(claim.camera, others)
        return True

    def released(self, size: int) -> None:
        self.disk.used -= size
        self.room.grew()


def claim(name: str, size: int, *, at: float = 0.0, evidential: bool = False) -> Claim:
    return Claim(segment=name, camera=f"of-{name}", size=size, captured_at=at, evidential=evidential)


def test_evidential_first_then_the_oldest() -> None:
    bench = Bench(Disk(whole=MB, used=MB))
    for one in (claim("b", MB, at=2), claim("a", MB, at=1), claim("e", MB, at=3, evidential=True)):
        assert not bench.pull(one)
    assert [one.segment for one in bench.room.line] == ["e", "a", "b"]


def test_what_fits_is_taken_in_whoever_waits_as_long_as_no_room_comes() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    assert not bench.pull(claim("large", 50 * MB, at=1))
    assert bench.pull(claim("small", 5 * MB, at=2))


def test_room_that_comes_is_kept_for_the_first_until_it_fits() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    large, small = claim("large", 50 * MB, at=1), claim("small", 9 * MB, at=2)
    assert not bench.pull(large)
    for _ in range(4):
        bench.released(10 * MB)
        assert not bench.pull(small), "it would take each bit of room for ever"
        assert bench.room.fits() == []
    bench.released(10 * MB)
    assert bench.room.fits() == ["of-large", "of-small"]
    assert bench.pull(large)
    assert bench.room.fits() == ["of-small"]
    assert bench.pull(small)


def test_room_that_comes_goes_in_the_order_of_the_line_and_not_past_it() -> None:
    bench = Bench(Disk(whole=100 * MB, used=99 * MB))
    older = [claim(f"older-{n}", 10 * MB, at=n) for n in range(3)]
    for one in older:
        assert not bench.pull(one)
    bench.released(25 * MB)
    assert not bench.pull(claim("small", 5 * MB, at=9)), (
        "it fits beside the first, and not beside all that come before it"
    )
    assert bench.room.fits() == ["of-older-0", "of-older-1"]


def test_one_camera_with_many_files_does_not_make_the_line_long() -> None:
    bench = Bench(Disk(whole=MB, used=MB))
    many = [Claim(segment=f"{n:05d}", camera="C", size=MB, captured_at=float(n)) for n in range(10_000)]
    bench.room.wait("C", reversed(many))
    assert [one.segment for one in bench.room.line] == [one.segment for one in many[:8]]


def test_an_older_one_does_not_wait_for_a_younger_one() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    assert not bench.pull(claim("large", 50 * MB, at=5))
    bench.released(MB)
    assert bench.pull(claim("older", 5 * MB, at=1))


def test_room_is_kept_for_an_hour_after_it_came_last() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    assert not bench.pull(claim("large", 50 * MB, at=1))
    bench.released(10 * MB)
    bench.time = 3600.0
    assert not bench.pull(claim("small", 9 * MB, at=2))
    bench.time = 3601.0
    assert bench.room.fits() == ["of-small"]
    assert bench.pull(claim("small", 9 * MB, at=2))


def test_room_is_never_kept_for_what_can_never_fit() -> None:
    bench = Bench(Disk(whole=100 * MB, used=95 * MB, keep_free=10 * MB))
    assert not bench.pull(claim("giant", 91 * MB, at=1))
    bench.released(40 * MB)
    assert bench.pull(claim("small", 9 * MB, at=2))
    assert not bench.room.can_ever_hold(91 * MB)
    full = SpoolFull("dock room is full")
    assert "dock room is too small" in bench.room.refusal(claim("giant", 91 * MB), full).message
    assert bench.room.refusal(claim("small", 9 * MB), full) is full
    nothing = Bench(Disk(whole=10 * MB, keep_free=11 * MB))
    assert nothing.room.refusal(claim("small", 9 * MB), full) is full, "that is no fault of the file's"
    assert bench.room.can_ever_hold(90 * MB - BESIDE)


def test_no_more_is_kept_than_fits_into_an_empty_spool() -> None:
    bench = Bench(Disk(whole=100 * MB, used=99 * MB))
    many = [Claim(segment=f"{n}", camera="C", size=30 * MB, captured_at=float(n)) for n in range(8)]
    bench.room.wait("C", many)
    bench.released(99 * MB)
    assert not bench.pull(claim("large", 15 * MB, at=9)), "three of them are kept their room"
    assert bench.pull(claim("small", 9 * MB, at=9)), "what is left beside those that fit together is anybody's"


def test_one_that_was_put_further_back_does_not_wait_for_itself() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    assert not bench.pull(claim("one", 50 * MB, at=1))
    bench.released(50 * MB)
    assert bench.pull(claim("one", 50 * MB, at=7)), "its camera's clock was compared since"


def test_a_camera_that_leaves_waits_no_more() -> None:
    bench = Bench(Disk(whole=100 * MB, used=90 * MB))
    assert not bench.pull(claim("large", 50 * MB, at=1))
    bench.room.wait("of-large", ())
    bench.released(5 * MB)
    assert bench.room.line == []
    assert bench.pull(claim("small", 9 * MB, at=2))


def test_a_disk_that_says_there_is_room_and_takes_nothing_is_not_tried_again_at_once() -> None:
    bench = Bench(Disk(whole=100 * MB, used=0))
    one = claim("one", 20 * MB)
    with contextlib.suppress(SpoolFull), bench.room.taken(one):
        raise SpoolFull("a quota")
    bench.room.wait(one.camera, [one])
    assert bench.room.fits() == []
    bench.disk.used -= MB + BESIDE
    assert bench.room.fits() == ["of-one"]


def test_copies_under_way_count_before_a_byte_of_them_is_written() -> None:
    bench = Bench(Disk(whole=100 * MB, keep_free=10 * MB))
    with bench.room.taken(claim("a", 50 * MB)):
        with pytest.raises(SpoolFull), bench.room.taken(claim("b", 40 * MB)):
            raise AssertionError
        with bench.room.taken(claim("c", 40 * MB - 2 * BESIDE)):
            assert bench.disk.free() == 0


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 40), st.integers(1, 60))
def test_the_floor_is_never_crossed_and_nobody_is_forgotten(chance: random.Random, floor: int, cameras: int) -> None:
    """Any number of copies at once, in any order, with anything else growing on the disk; then the store takes all, and all is brought in."""
    bench = Bench(Disk(whole=200 * MB, keep_free=floor * MB))
    waiting = [claim(f"{n:03d}", chance.randrange(1, 60 * MB), at=chance.random()) for n in range(cameras)]
    under_way: list[tuple[contextlib.ExitStack, Claim]] = []
    done: list[Claim] = []
    for _ in range(200):
        if under_way and chance.random() < 0.4:
            stack, one = under_way.pop(chance.randrange(len(under_way)))
            bench.disk.used += with_its_description(one.size)
            stack.close()
            done.append(one)
        elif waiting:
            one = waiting.pop(chance.randrange(len(waiting)))
            stack = contextlib.ExitStack()
            try:
                stack.enter_context(bench.room.taken(one))
                under_way.append((stack, one))
            except SpoolFull:
                bench.room.wait(one.camera, [one])
                waiting.append(one)
        assert bench.disk.free() >= 0
    for stack, one in under_way:
        bench.disk.used += with_its_description(one.size)
        stack.close()
        done.append(one)
    for _ in range(4 * cameras + 4):  # the line is back: the store takes one after the other
        if done:
            bench.released(with_its_description(done.pop().size))
        for one in sorted(waiting, key=lambda _one: chance.random()):
            if bench.pull(one):
                waiting.remove(one)
                done.append(one)
            assert bench.disk.free() >= 0
    assert waiting == []
    assert bench.room.line == []
