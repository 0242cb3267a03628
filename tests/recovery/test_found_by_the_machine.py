"""What the state machine and the fuzzers have found, each as a story of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.recovery.any_order.far_ends import Simulated
from tests.recovery.any_order.scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    """An embedded store, and five cards without files."""
    scene = Scene()
    scene.begin(simulated=None, site_pins=False, keep_confirmed=0.0)
    try:
        yield scene
        assert scene.watching.faults() == []
    finally:
        scene.close()


def test_a_file_of_a_year_that_no_counter_of_nanoseconds_reaches(scene: Scene) -> None:
    """A camera whose clock is wrong dates files as it likes: that ended every session of the agent, for a database takes 64 bits."""
    scene.cards.records(0, "a.mp4", b"footage")
    moment = (2300 - 1970) * 31_557_600
    os.utime(scene.cards.root(0) / "a.mp4", (moment, moment))
    scene.watching.remember(scene.cards.root(0))
    scene.cards.records(2, "b.mp4", b"of another camera")
    scene.whole_run([0, 2], wipe=True)
    assert scene.watching.delivered() == []


def test_a_store_that_was_mended_and_pinned_anew_is_not_caught_by_what_it_had_spoilt_before() -> None:
    """It kept other bytes of two segments, was caught at the first, and mended: each pin was undone by what it still had of the next."""
    scene = Scene()
    scene.begin(simulated="digests", site_pins=False, keep_confirmed=0.0)
    try:
        for name in ("a.mp4", "b.mp4"):
            scene.cards.records(0, name, name.encode() * 20)
        assert isinstance(scene.far, Simulated)
        scene.far.tell("FlipsABit")
        scene.lied = True
        scene.run(scene.work([0], wait=0.3))
        assert len(scene.cards.files(0)) == 2
        scene.honest_again()
        scene.whole_run([0], wipe=True)
        assert scene.watching.faults() == []
        assert scene.watching.delivered() == []
    finally:
        scene.close()
