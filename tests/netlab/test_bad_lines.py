"""Thin, lossy, cut, reset and changing lines: everything arrives byte for byte, is wiped only then, and next to nothing is sent twice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.netlab.lab import MBIT, Lab
from tests.netlab.scene import delivered, scene, until_arrived

MB = 1_000_000
LEAST_WASTE = 0.02
"""Of the footage's size: what may be sent above it."""


@dataclass(frozen=True)
class Scale:
    """How much goes over the line, and how long things take, seconds."""

    size: int
    cut: float
    resets: int
    reset_every: float


FULL = Scale(size=100 * MB, cut=60, resets=4, reset_every=10)
SHORT = Scale(size=8 * MB, cut=8, resets=2, reset_every=1)
LONG = [pytest.mark.netlab, pytest.mark.timeout(400)]
QUICK = [pytest.mark.netlab_short, pytest.mark.timeout(120)]
scales = pytest.mark.parametrize(
    "scale", [pytest.param(FULL, id="full", marks=LONG), pytest.param(SHORT, id="short", marks=QUICK)]
)


@scales
def test_a_lossy_line_of_20_mbit(lab: Lab, tmp_path: Path, scale: Scale) -> None:
    with scene(lab, tmp_path) as found:
        lab.loss(per_mille=10)
        found.record("clip.mp4", scale.size)
        sent, _ = delivered(found)
    assert sent.waste_arrived < LEAST_WASTE
    assert sent.waste_sent < 0.01 + LEAST_WASTE  # what the line loses, TCP sends again


@scales
def test_a_line_of_8_mbit(lab: Lab, tmp_path: Path, scale: Scale) -> None:
    lab.rate(8 * MBIT, 8 * MBIT)
    with scene(lab, tmp_path) as found:
        found.record("clip.mp4", scale.size // 4)
        found.record("note.txt", 1000)
        sent, _ = delivered(found)
    assert sent.waste_sent < LEAST_WASTE


@scales
def test_a_cut_in_the_middle_of_a_part(lab: Lab, tmp_path: Path, scale: Scale) -> None:
    back: list[float] = []

    def cut() -> None:
        until_arrived(lab, scale.size // 3)
        lab.cut()
        time.sleep(scale.cut)
        assert found.unproven() == []
        lab.clear()
        began = time.monotonic()
        until_arrived(lab, MB, timeout=60)
        back.append(time.monotonic() - began)

    with scene(lab, tmp_path) as found:
        found.record("clip.mp4", scale.size)
        sent, _ = delivered(found, meanwhile=cut)
    print(f"a megabyte had come {back[0]:.1f} s after the line was back")
    # What stood in the router's queue arrives when the line is cut, and its acknowledgement does not: TCP, any TCP, sends that again.
    assert sent.waste_resumed < LEAST_WASTE
    assert scale is SHORT or sent.waste_sent < LEAST_WASTE
    assert back[0] < 20


@pytest.mark.netlab
@pytest.mark.timeout(120)
def test_a_line_that_comes_back_between_two_of_tcps_own_tries(lab: Lab, tmp_path: Path) -> None:
    """TCP tries at 12.6 s and then not before 25.4 s: a new connection goes on long before."""
    back: list[float] = []

    def cut() -> None:
        until_arrived(lab, 4 * MB)
        lab.cut()
        time.sleep(17)
        lab.clear()
        began = time.monotonic()
        until_arrived(lab, MB)
        back.append(time.monotonic() - began)

    with scene(lab, tmp_path) as found:
        found.record("clip.mp4", 16 * MB)
        sent, _ = delivered(found, meanwhile=cut)
    assert back[0] < 6
    assert sent.waste_resumed < LEAST_WASTE


@pytest.mark.parametrize(
    ("scale", "both"),
    [
        pytest.param(FULL, False, id="full, the station is told", marks=LONG),
        pytest.param(FULL, True, id="full, both are told", marks=LONG),
        pytest.param(SHORT, False, id="short, the station is told", marks=QUICK),
    ],
)
def test_resets_time_and_again(lab: Lab, tmp_path: Path, scale: Scale, both: bool) -> None:
    backs: list[float] = []

    def resets() -> None:
        for _ in range(scale.resets):
            until_arrived(lab, MB)
            time.sleep(scale.reset_every)
            lab.reset(found.port, both=both)
            began = time.monotonic()
            until_arrived(lab, MB)
            backs.append(time.monotonic() - began)

    size = max(scale.size, int(scale.resets * (scale.reset_every + 2) * 20 * MBIT / 8))
    with scene(lab, tmp_path) as found:
        found.record("clip.mp4", size)
        sent, _ = delivered(found, meanwhile=resets)
    print("a megabyte had come again after " + ", ".join(f"{back:.1f} s" for back in backs))
    # Each new connection, anybody's, overfills the router's queue once while it finds the line's rate; TCP sends that again.
    assert sent.waste_resumed < LEAST_WASTE
    assert scale is SHORT or sent.waste_sent < LEAST_WASTE
    assert max(backs) < 6


@scales
def test_a_rate_that_changes_from_80_to_8_and_back(lab: Lab, tmp_path: Path, scale: Scale) -> None:
    def change() -> None:
        until_arrived(lab, scale.size // 4)
        lab.rate(8 * MBIT)
        until_arrived(lab, scale.size // 8)
        lab.rate(80 * MBIT)

    lab.rate(80 * MBIT)
    with scene(lab, tmp_path) as found:
        found.record("clip.mp4", scale.size)
        sent, _ = delivered(found, meanwhile=change)
    assert sent.waste_resumed < LEAST_WASTE
    assert scale is SHORT or sent.waste_sent < LEAST_WASTE
