"""Who comes first, who gives up the place, and that nobody waits for ever: a delivery over a store in memory that counts requests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import StoreBusy, UploadBlocked
from ingest.ledger import segments
from ingest.model import CameraId, Span
from ingest.store.base import Slices
from tests.simulators.stores.in_memory import InMemoryStore, times
from tests.unit.ingest.station import Station, station

_DAY = 86400.0
_PIECE = 1000


class Watched(InMemoryStore):
    """Calls `then` before the request with this number (from 1 on)."""

    then: tuple[int, Callable[[], Awaitable[object]]] | None = None

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        if self.then is not None and self.calls("send") + 1 == self.then[0]:
            (_, act), self.then = self.then, None
            await act()
        return await super().send(upload, offset=offset, length=length, size=size, slices=slices)


class InParts(Watched):
    """Takes pieces of its own size in any order, and says which it lacks."""

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        return _PIECE

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        there = len(self.things[upload])
        return [Span(offset=at, length=min(_PIECE, size - at)) for at in range(there, size, _PIECE)]

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        await super().send(upload, offset=offset, length=length, size=size, slices=slices)
        return offset + length


def camera(name: str) -> CameraId:
    return CameraId(profile="folder", serial=name)


def runs(place: Station, names: dict[str, str]) -> list[tuple[str, int]]:
    """Who was sent, and by how many requests in a row."""
    sent = [names[segment] for what, segment in place.store.asked if what == "send"]
    return [(name, len(list(group))) for name, group in itertools.groupby(sent)]


@pytest.mark.parametrize("store", [Watched, InParts])
@pytest.mark.parametrize("by_hand", [False, True])
async def test_evidence_and_what_was_moved_up_pass_what_is_being_sent_which_goes_on_where_it_was(
    tmp_path: Path, store: type[Watched], by_hand: bool
) -> None:
    far = store()
    async with station(tmp_path, store=far, parallel=1, chunk=_PIECE) as place:
        names = {await place.of_camera(camera("A"), b"a" * 20 * _PIECE): "large"}

        async def arrives() -> None:
            for name in ("plain", "urgent"):
                names[(found := await place.of_camera(camera(name), name.encode() * 300))] = name
            change = segments.move_up if by_hand else segments.mark_evidential
            assert await place.ledger.commit(lambda tx: change(tx, found))

        far.then = (5, arrives)
        async with place.at_work():
            await place.until(lambda: place.confirmed(*names))
        assert runs(place, names)[:3] == [("large", 5), ("urgent", 2), ("large", 15)]
        assert far.calls("send") == 20 + 2 + 2  # nothing was thrown away, nothing sent twice
        assert far.calls("announce") == 3


async def test_of_one_rank_a_small_one_waits_for_a_turn_and_not_for_the_whole(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1, chunk=_PIECE, turn=5 * _PIECE) as place:
        names = {
            await place.of_camera(camera(name), name.encode() * pieces * _PIECE): name
            for name, pieces in (("A", 20), ("B", 1), ("C", 20))
        }
        async with place.at_work():
            await place.until(lambda: place.confirmed(*names))
        told = runs(place, names)
        assert [pieces for name, pieces in told if name == "B"] == [1]
        assert max(pieces for _name, pieces in told) <= 6
        assert [name for name, _pieces in told].index("B") <= 2
        assert place.store.calls("send") == 41
        assert place.store.calls("offset") == len(told)  # a turn costs one question, and no more


async def test_who_is_alone_gives_nothing_up(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1, chunk=_PIECE, turn=_PIECE) as place:
        first = await place.of_camera(camera("A"), b"a" * 10 * _PIECE, number=1)
        after = await place.of_camera(camera("A"), b"b" * _PIECE, number=2)  # its own later one waits
        newer = await place.of_camera(camera("B"), b"c" * _PIECE, number=3, captured=3 * _DAY)  # and another day's
        async with place.at_work():
            await place.until(lambda: place.confirmed(first, after, newer))
        names = {first: "first", after: "after", newer: "newer"}
        assert runs(place, names) == [("first", 10), ("after", 1), ("newer", 1)]
        assert place.store.calls("offset") == 3


async def test_an_old_backlog_goes_before_todays_and_within_a_day_cameras_take_turns(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1) as place:
        names: dict[str, str] = {}
        for day, name, count in ((9, "A", 3), (9, "B", 2), (3, "C", 2)):
            for number in range(count):
                at = day * _DAY + number
                names[await place.of_camera(camera(name), b"x" * 100, number=number, captured=at)] = f"{name}{number}"
        async with place.at_work():
            await place.until(lambda: place.confirmed(*names))
        order = [names[segment] for what, segment in place.store.asked if what == "send"]
        assert order == ["C0", "C1", "A0", "B0", "A1", "B1", "A2"]


async def test_a_segment_that_waits_for_its_next_try_is_not_forgotten_among_others(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1) as place:
        place.store.troubles["claim"] = times(2, lambda: StoreBusy("busy"))
        wanted = await place.spooled(*(b"x" * 10 for _ in range(5)))
        async with place.at_work():
            await place.until(lambda: place.confirmed(*wanted))


_ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.integers(0, 12 * _PIECE), st.sampled_from([0.0, 3 * _DAY, 5 * _DAY]),
        st.sampled_from(["", "evidential", "moved up"]), st.integers(1, 30),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=_ARRIVALS, parallel=st.integers(1, 4))
async def test_nothing_is_starved(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[tuple[str, int, float, str, int]], parallel: int
) -> None:
    """In any order of arrival, before and while others are sent, each is delivered whole, and each turn brings it further."""
    far = Watched()
    folder = tmp_path_factory.mktemp("station")
    async with station(folder, store=far, parallel=parallel, chunk=_PIECE, turn=2 * _PIECE) as place:
        wanted: dict[str, int] = {}

        async def arrive(name: str, size: int, captured: float, how: str) -> None:
            segment = await place.of_camera(camera(name), b"x" * size, number=len(wanted), captured=captured)
            wanted[segment] = size
            if how:
                change = segments.mark_evidential if how == "evidential" else segments.move_up
                await place.ledger.commit(lambda tx: change(tx, segment))

        first, later = arrivals[: len(arrivals) // 2 + 1], arrivals[len(arrivals) // 2 + 1 :]
        for name, size, captured, how, _when in first:
            await arrive(name, size, captured, how)
        if later:

            async def others() -> None:
                for name, size, captured, how, _when in later:
                    await arrive(name, size, captured, how)

            far.then = (later[0][4], others)
        async with place.at_work():
            await place.until(lambda: place.confirmed(*wanted))
            if far.then is not None:
                await far.then[1]()
            await place.until(lambda: place.confirmed(*wanted))
        pieces = sum(-(-size // _PIECE) for size in wanted.values())
        assert far.calls("send") == pieces
        assert far.calls("offset") <= pieces + len(wanted)


class Stuck(InMemoryStore):
    """Requests of the segments in `stuck` take for ever."""

    stuck: frozenset[str] = frozenset()

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        if self.of[upload] in self.stuck:
            self.asked.append(("stuck", self.of[upload]))
            await asyncio.Event().wait()
        return await super().send(upload, offset=offset, length=length, size=size, slices=slices, sha256=sha256)


async def _behind_requests_that_take_for_ever(place: Station, far: Stuck, *, cameras: int) -> frozenset[str]:
    """As many of them as there are lanes are under way, and the other places wait for a lane."""
    far.stuck = frozenset([await place.of_camera(camera(f"C{one}"), b"x" * 3000) for one in range(cameras)])
    return far.stuck


@pytest.mark.parametrize("places", [2, 4])
async def test_evidence_waits_for_nobodys_request(tmp_path: Path, places: int) -> None:
    """All lanes and all places are taken, and none of them ends: two of evidence, that come then, are delivered."""
    far = Stuck()
    async with station(tmp_path, store=far, parallel=places, chunk=_PIECE) as place:
        stuck = await _behind_requests_that_take_for_ever(place, far, cameras=6)
        async with place.at_work():
            await place.until(lambda: far.calls("stuck") == 2 and len(place.delivery._places.busy) == places)
            evidence = [await place.of_camera(camera(name), b"e" * 2500) for name in ("E1", "E2")]
            for one in evidence:
                await place.ledger.commit(lambda tx, one=one: segments.mark_evidential(tx, one))  # type: ignore[misc]
            await place.until(lambda: place.confirmed(*evidence), seconds=5)
            assert far.calls("stuck") == 2
            assert all([(await place.row(one)).confirmed_at is None for one in stuck])


async def test_what_is_called_evidence_while_it_waits_for_a_lane_waits_no_longer(tmp_path: Path) -> None:
    far = Stuck()
    async with station(tmp_path, store=far, parallel=4, chunk=_PIECE) as place:
        await _behind_requests_that_take_for_ever(place, far, cameras=2)
        async with place.at_work():
            await place.until(lambda: far.calls("stuck") == 2)
            late = await place.of_camera(camera("L"), b"e" * 2500)
            await place.until(lambda: place.delivery._places._lanes._waiting)
            await place.ledger.commit(lambda tx: segments.mark_evidential(tx, late))
            await place.until(lambda: place.confirmed(late), seconds=5)


async def test_who_waits_for_a_lane_gives_its_place_up_at_once_to_what_was_moved_up(tmp_path: Path) -> None:
    far = Stuck()
    async with station(tmp_path, store=far, parallel=4, chunk=_PIECE) as place:
        await _behind_requests_that_take_for_ever(place, far, cameras=6)
        async with place.at_work():
            busy = place.delivery._places.busy
            await place.until(lambda: far.calls("stuck") == 2 and len(busy) == 4)
            urgent = [await place.of_camera(camera(name), b"u" * 2500) for name in ("U1", "U2", "U3")]
            for one in urgent:
                await place.ledger.commit(lambda tx, one=one: segments.move_up(tx, one))  # type: ignore[misc]
            await place.until(lambda: {*urgent[1:]} <= {*busy}, seconds=5)
            assert len(busy) == 4  # what has a request under way keeps its place


async def test_a_wait_that_is_over_is_seen_while_another_one_is_being_sent(tmp_path: Path) -> None:
    far = Stuck()
    async with station(tmp_path, store=far, parallel=2) as place:
        stuck = await place.of_camera(camera("A"), b"x" * 100)
        far.stuck = frozenset([stuck])
        async with place.at_work():
            await place.until(lambda: far.calls("stuck") == 1)
            far.troubles["announce"] = times(1, lambda: UploadBlocked("it is another one's just now"))
            waits = await place.of_camera(camera("B"), b"y" * 100)
            await place.until(lambda: place.confirmed(waits), seconds=5)
