"""Who may watch, and for how many there is room: a viewer costs a connection, a queue and a part of every change.

Rules kept here: so many in all; no session and no token more than a dozen (a browser whose tabs share no line has one for each), no address (of IPv6
network) more than three fifths, and the screens on walls no more than half, so that neither a token that hangs on a wall for everybody to read, nor
one browser, nor one machine, keeps those out who have signed in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aiohttp import web

from dockd.access.limits import near
from dockd.page.nearby import address_of_peer
from dockd.page.rights import CSRF, WHO

MOST = 200
_OF_ONE = 12


@dataclass(frozen=True, kw_only=True)
class Seat:
    """Of one viewer. `who`: this very session or token; empty as long as nobody needs one; `place`: the address that counts; `wall`: a screen's on a wall."""

    who: str
    place: str
    wall: bool


class Seats:
    """See the module."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, seat: Seat) -> bool:
        """Whether there was room; then the seat is taken until `leave`."""
        if any(self._taken[key] >= at_most for key, at_most in self._counted(seat)):
            return False
        self._taken.update(key for key, _ in self._counted(seat))
        return True

    def leave(self, seat: Seat) -> None:
        """It is free again."""
        self._taken.subtract(key for key, _ in self._counted(seat))
        self._taken = +self._taken

    def _counted(self, seat: Seat) -> list[tuple[tuple[str, str], int]]:
        """What this viewer counts for, and how many of it there may be."""
        found = [(("all", ""), self._most), (("place", seat.place), self._most * 3 // 5)]
        if seat.who:
            found.append((("who", seat.who), _OF_ONE))
        if seat.wall:
            found.append((("wall", ""), self._most // 2))
        return found


def seat_of(request: web.Request) -> Seat:
    """Of whoever asks, as the doorkeeper found out."""
    me = request.get(WHO)
    how = me.how if me is not None else "stranger"
    who = {
        "session": f"session {request.get(CSRF, b'').hex()}",
        "token": f"token {me.name if me is not None else ''}",
    }.get(how, "")
    return Seat(who=who, place=near(address_of_peer(request)), wall=me is not None and me.role == "wall")
