"""How many lanes, and how much in one request: on lines whose measure is known, in simulated time."""

from __future__ import annotations

import pytest

from ingest.goodput import SMALLEST, Piece
from tests.unit.ingest.simulated_line import Line, Sender

_MBIT = 125_000.0
_WINDOW = 64 << 10  # bytes that a connection has under way at most
THIN_AND_FAR = Line(20 * _MBIT, each=_WINDOW / 0.15, cost=0.15)
LINES = {
    "20 Mbit/s, 150 ms, 64 KiB under way": (THIN_AND_FAR, 6),
    "20 Mbit/s, a quarter of it each, unsteady": (Line(20 * _MBIT, each=5 * _MBIT, cost=0.05, noise=0.3), 4),
    "100 Mbit/s, 50 ms, 256 KiB under way": (Line(100 * _MBIT, each=4 * _WINDOW / 0.05, cost=0.05), 3),
    "8 Mbit/s": (Line(8 * _MBIT, cost=0.03), 1),
}


@pytest.mark.parametrize("name", LINES)
def test_it_finds_what_fills_the_line_and_stays_there(name: str) -> None:
    line, enough = LINES[name]
    sender = Sender()
    sender.run(line, seconds=60)
    sender.run(line, seconds=60)
    assert sender.rate(last=60) >= 0.95 * line.rate
    sender.run(line, seconds=120)
    assert sender.rate(last=120) >= 0.95 * line.rate
    seen = set(sender.widths[-120:])
    assert max(seen) - min(seen) <= 2, "it tries one more and one fewer, and no others"
    assert sorted(sender.widths[-120:])[60] <= enough + 1, "no more than needed"


def test_it_comes_back_to_one_where_one_is_enough() -> None:
    sender = Sender()
    sender.run(THIN_AND_FAR, seconds=60)
    assert sender.width.lanes >= 5
    sender.run(Line(2 * _MBIT, each=_WINDOW / 0.15, cost=0.05), seconds=120)
    assert sorted(sender.widths[-30:])[15] == 1


def test_it_follows_a_line_from_80_to_8_and_back() -> None:
    sender = Sender()
    for rate in (80, 8, 80):
        line = Line(rate * _MBIT, each=20 * _MBIT, cost=0.05)
        sender.run(line, seconds=60)
        sender.run(line, seconds=60)
        assert sender.rate(last=60) >= 0.94 * line.rate, rate


def test_nothing_is_tried_while_nothing_waits() -> None:
    sender = Sender()
    sender.run(THIN_AND_FAR, seconds=60, wanted=lambda _now: False)
    assert set(sender.widths) == {2}


def test_one_lane_stays_one() -> None:
    sender = Sender(most=1)
    sender.run(THIN_AND_FAR, seconds=60)
    assert set(sender.widths) == {1}


@pytest.mark.parametrize(("rate", "size"), [(1 * _MBIT, SMALLEST), (8 * _MBIT, 8_000_000), (1000 * _MBIT, 64 << 20)])
def test_a_request_takes_some_seconds(rate: float, size: int) -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=piece.size / rate)
    assert piece.size == size
    assert piece.part == max(SMALLEST, size // 4)


def test_after_a_cut_less_goes_at_once_and_it_grows_step_by_step() -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=0.001)
    sizes = [piece.size]
    for _ in range(4):
        piece.cut()
        sizes.append(piece.size)
    for _ in range(3):
        piece.worked(piece.size, seconds=0.001)
        sizes.append(piece.size)
    assert [size >> 20 for size in sizes] == [64, 16, 4, 1, 1, 2, 4, 8]


def test_what_a_short_request_costs_is_not_what_the_line_does() -> None:
    piece = Piece(64 << 20)
    piece.worked(2000, seconds=1.0)
    piece.worked(2 << 20, seconds=4.0)
    assert piece.size == 8 << 20


def test_a_chunk_smaller_than_the_smallest_piece_is_kept_to() -> None:
    piece = Piece(16 << 10)
    piece.cut()
    assert piece.size == piece.part == 16 << 10
