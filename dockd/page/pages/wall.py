"""The screen on the wall: every bay at once in rack order, readable from across the room; no names, no footage.

Rules kept here: it shows of a bay its number, a word, a shape, a colour and a share in per cent, and nothing else (a wall is read by everybody who
passes); its words are short enough to be large, and say the same as the long ones; it is opened by whoever has the right `wall` and leads nowhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from dockd.page.documents import Document
from dockd.page.language import said
from dockd.page.looks import LOOKS, BayState, Shape, Tone, Verb
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs

# For these the sergeant's word is too long for a cell that is read from five metres.
_SHORT: Mapping[BayState, str] = {
    "usable": said("May go out"), "queued": said("Waiting"), "copying": said("Copying"), "unconfirmed": said("Leave in"), "charging": said("Charging"),
    "clock_wrong": said("Clock"), "will_not_charge": said("Battery"),
}  # fmt: skip
_SIZES = (8, 16, 32, 64)
_PERCENT = re.compile(r"\b(\d{1,3})%")
_NIGHT = (22, 6)
# Roughly how wide letters are, a small n being 1, and how many of those a cell holds at full size and somewhat smaller.
_WIDE, _NARROW = frozenset("mwMW"), frozenset("iIjlftr' ")
_FITS, _FITS_SMALLER = 8.2, 9.7
_READ_AGAIN = 86_400


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A bay on the wall. `percent`: how far it is, where it says so;"""

    number: int
    state: BayState
    word: str
    verb: Verb
    shape: Shape
    tone: Tone
    percent: str = ""

    def fit(self, word: str) -> str:
        """How a word, as it is read, gets into the cell: as it is, `long` (in smaller letters), or `longer` (in two lines).

        >>> cell = Cell(number=1, state="ready", word="", verb="take", shape="circle", tone="green")
        >>> [cell.fit(word) for word in ("Checking", "May go out", "Rhowch yn ôl")]
        ['', 'long', 'longer']
        """
        wide = sum(
            (1.5 if one in _WIDE else 0.62 if one in _NARROW else 1) * (1.2 if one.isupper() else 1) for one in word
        )
        return "" if wide <= _FITS else "long" if wide <= _FITS_SMALLER else "longer"


class Wall:
    """`/wall`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/wall", self.wall)

    @needs("wall")
    async def wall(self, request: web.Request) -> web.Response:
        """All bays, on one screen."""
        snapshot = await self._view.look()
        cells = [cell(bay) for bay in snapshot.bays.values()]
        now = self._sources.clock.now()
        return await self._rendering.page(
            request, "wall.html", snapshot=snapshot, cells=cells, size=size_for(len(cells)), night=is_night(now), reload=until_reload(now)
        )  # fmt: skip


def cell(bay: Document) -> Cell:
    """What of a bay's document may stand on a wall."""
    state: BayState = bay["state"]
    percent = _PERCENT.search(str(bay["word"])) if bay["verb"] == "leave" else None
    return Cell(
        number=bay["number"], state=state, word=_SHORT.get(state) or LOOKS[state].word, verb=bay["verb"], shape=bay["shape"], tone=bay["tone"],
        percent=f"{percent[1]}%" if percent else "",
    )  # fmt: skip


def size_for(count: int) -> int:
    """The layout that holds so many bays.

    >>> size_for(3), size_for(16), size_for(33), size_for(90)
    (8, 16, 64, 128)
    """
    return next((size for size in _SIZES if count <= size), 128)


def is_night(now: float) -> bool:
    """Whether the light in the room is down, by the station's own clock."""
    hour = time.localtime(now).tm_hour
    return hour >= _NIGHT[0] or hour < _NIGHT[1]


def until_reload(now: float) -> int:
    """Seconds until the page is to be loaded anew: when night begins or ends, so that no screen runs longer than a day on one load."""
    local = time.localtime(now)
    seconds = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec
    turns = [hour * 3600 + 5 for hour in _NIGHT]
    return min((turn - seconds) % _READ_AGAIN or _READ_AGAIN for turn in turns)
