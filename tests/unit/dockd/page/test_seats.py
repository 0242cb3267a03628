"""For how many viewers there is room, and that none of them takes it all."""

from __future__ import annotations

from dockd.page.seats import MOST, Seat, Seats


def seat(number: int, *, who: str = "", place: str = "", wall: bool = False) -> Seat:
    return Seat(who=who or f"session {number}", place=place or f"192.0.2.{number}", wall=wall)


def taken(seats: Seats, *wanted: Seat) -> int:
    return sum(seats.take(one) for one in wanted)


def test_there_are_so_many_seats_and_who_leaves_makes_room() -> None:
    seats = Seats()
    assert taken(seats, *(seat(number) for number in range(300))) == MOST
    seats.leave(seat(7))
    assert taken(seats, seat(301), seat(302)) == 1


def test_one_token_or_session_takes_a_dozen() -> None:
    for wall in (True, False):
        seats = Seats()
        assert taken(seats, *(seat(number, who="token x", wall=wall) for number in range(100))) == 12
        assert taken(seats, seat(101)) == 1


def test_one_address_leaves_room_for_others_and_a_station_has_one() -> None:
    seats = Seats()
    assert taken(seats, *(seat(number, place="198.51.100.1") for number in range(300))) == 120, "fifty are no trouble"
    assert taken(seats, seat(301)) == 1


def test_without_users_nobody_has_a_session() -> None:
    seats = Seats()
    assert taken(seats, *(Seat(who="", place="127.0.0.1", wall=False) for _ in range(50))) == 50


def test_walls_leave_room_for_those_who_have_signed_in() -> None:
    seats = Seats()
    assert taken(seats, *(seat(number, who=f"token {number}", wall=True) for number in range(300))) == 100
    assert taken(seats, *(seat(number) for number in range(300))) == 100
