"""How many lanes, and how much in one request: on lines whose measure is known, in simulated time."""

from __future__ import annotations

import pytest

from ingest.goodput import SMALLEST, UNDER_LIMIT, Piece, lanes_under
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


@pytest.mark.parametrize(
    ("rate", "size"),
    [(0.1 * _MBIT, SMALLEST), (1 * _MBIT, 1_000_000), (8 * _MBIT, 8_000_000), (1000 * _MBIT, 64 << 20)],
)
def test_a_request_takes_some_seconds(rate: float, size: int) -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=piece.size / rate)
    assert piece.size == size
    assert piece.part() == max(SMALLEST, size // 4)


def test_after_a_cut_less_goes_at_once_and_it_grows_step_by_step() -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=0.001)
    sizes = [piece.size]
    for second in range(4):
        piece.cut(began=float(second), now=second + 1.0)
        sizes.append(piece.size)
    for _ in range(3):
        piece.worked(piece.size, seconds=0.001)
        sizes.append(piece.size)
    assert [size >> 18 for size in sizes] == [256, 64, 16, 4, 1, 2, 4, 8]


def test_what_a_short_request_costs_is_not_what_the_line_does() -> None:
    piece = Piece(64 << 20)
    piece.worked(2000, seconds=1.0)
    piece.worked(700 << 10, seconds=4.0)
    assert piece.size == 2 << 20


def test_a_chunk_smaller_than_the_smallest_piece_is_kept_to() -> None:
    piece = Piece(16 << 10)
    piece.cut(began=0.0, now=1.0)
    assert piece.size == piece.part() == 16 << 10


def test_a_line_that_is_cut_under_eight_requests_is_cut_once() -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=0.001)
    for number in range(8):
        piece.cut(began=100.0 + number, now=120.0 + number / 10)
    assert piece.size == 16 << 20
    piece.cut(began=120.8, now=121.0)  # the next one
    assert piece.size == 4 << 20


@pytest.mark.parametrize(("limit", "most"), [(1 * _MBIT, 1_000_000), (0.05 * _MBIT, 50_000), (125.0, UNDER_LIMIT)])
def test_a_request_follows_the_limit_whatever_the_line_did_before(limit: float, most: int) -> None:
    piece = Piece(64 << 20)
    assert piece.next(limit=limit) == most
    for _ in range(6):
        piece.worked(piece.size, seconds=0.001)
    assert (piece.next(), piece.next(limit=limit)) == (64 << 20, most)
    assert piece.part(limit=limit) == max(UNDER_LIMIT, most // 4)


def test_where_nothing_else_waits_a_request_takes_longer() -> None:
    piece = Piece(64 << 20)
    for _ in range(6):
        piece.worked(piece.size, seconds=piece.size / (8 * _MBIT))
    assert (piece.next(), piece.next(alone=True)) == (8_000_000, 20_000_000)
    assert piece.next(alone=True, limit=_MBIT) == 20 * _MBIT
    assert piece.part() == 2_000_000


def test_a_low_limit_is_divided_among_few() -> None:
    assert [lanes_under(limit) for limit in (None, 125.0, 4000.0, 8000.0, 1e6)] == [None, 1, 1, 2, 250]


def test_more_and_fewer_may_be_used_from_now_on() -> None:
    sender = Sender(most=2)
    sender.run(THIN_AND_FAR, seconds=60)
    assert sender.width.lanes <= 2
    sender.width.resize(8, now=sender.now)
    sender.run(THIN_AND_FAR, seconds=60)
    assert sender.rate(last=30) >= 0.9 * THIN_AND_FAR.rate, "what was found before is no measure"
    sender.width.resize(3, now=sender.now)
    assert sender.width.lanes == 3
    sender.run(THIN_AND_FAR, seconds=60)
    assert max(sender.widths[-60:]) <= 3


def test_smaller_and_larger_pieces_from_the_next_one_on() -> None:
    piece = Piece(64 << 20)
    piece.worked(2 << 20, seconds=0.1)
    piece.resize(1 << 20)
    assert piece.next() == 1 << 20
    piece.worked(1 << 20, seconds=0.01)
    assert piece.next() == 1 << 20
    piece.resize(100_000)
    assert piece.next() == 100_000
    piece.resize(64 << 20)
    piece.worked(piece.size, seconds=0.001)
    piece.worked(piece.size, seconds=0.001)
    assert piece.next() > 256 << 10
