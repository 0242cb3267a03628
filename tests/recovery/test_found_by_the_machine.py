"""What the state machine and the fuzzers have found, each as a story of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

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
