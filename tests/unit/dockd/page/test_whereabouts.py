"""Footage that the store does not have is counted once, wherever it is, and the page's tiles are calm only where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.page.pages.strip import all_of, not_coming, oldest, on_its_way
from dockd.page.whereabouts import Amount, whereabouts
from ingest.ledger.views import Unproven

UNPROVEN = st.builds(
    Unproven, camera=st.sampled_from(["HERE", "AWAY", "GONE"]), in_spool=st.booleans(), held=st.booleans(), segments=st.integers(1, 5),
    bytes=st.integers(1, 5),
)  # fmt: skip


@given(st.lists(UNPROVEN))
def test_each_segment_is_in_one_place(unproven: list[Unproven]) -> None:
    found = whereabouts(unproven, {"HERE"})
    places = (found.coming, found.held, found.away)
    assert sum(one.segments for one in places) == sum(one.segments for one in unproven)
    assert sum(one.bytes for one in places) == sum(one.bytes for one in unproven)
    assert (found.cameras > 0) == (found.away.segments > 0)


def test_where_each_is() -> None:
    def one(camera: str, segments: int, *, in_spool: bool = False, held: bool = False) -> Unproven:
        return Unproven(camera=camera, in_spool=in_spool, held=held, segments=segments, bytes=10 * segments)

    found = whereabouts(
        [one("HERE", 1), one("AWAY", 2, in_spool=True), one("HERE", 4, held=True), one("AWAY", 8, held=True), one("GONE", 16)], {"HERE"}
    )  # fmt: skip
    assert (found.coming, found.held, found.away, found.cameras) == (
        Amount(segments=3, bytes=30), Amount(segments=4, bytes=40), Amount(segments=24, bytes=240), 2,
    )  # fmt: skip
    assert found.uncopied == Amount(segments=1, bytes=10), "the dock has no copy of it yet"


def status(**changes: Any) -> dict[str, Any]:
    calm: dict[str, Any] = {
        "backlog": {"segments": 0, "bytes": 0, "eta_seconds": None}, "held": {"segments": 0, "bytes": 0},
        "away": {"segments": 0, "bytes": 0, "cameras": 0}, "lost_segments": 0, "in_doubt_segments": 0, "sound": True, "trouble": None,
    }  # fmt: skip
    return {**calm, **changes}


def test_calm_where_all_is_in_the_store() -> None:
    for tile in (on_its_way(status()), not_coming(status())):
        assert (tile.value, tile.note, tile.tone) == ("Nothing", "", "good")


def test_of_a_camera_that_nobody_has_listed_nothing_is_claimed() -> None:
    known = status(
        oldest_unconfirmed=None, time="2026-03-01T12:00:00Z", bandwidth={"limit_bytes_per_second": None, "until": None},
        store={"state": "connected", "since": "2026-03-01T10:00:00Z"}, spool={"free_bytes": 9, "size_bytes": 10, "days_left": None},
    )  # fmt: skip

    def tiles(*states: str, listed: int = 0) -> list[tuple[str, str, str]]:
        bays = [{"number": n, "state": state, "segments": {"listed": listed}} for n, state in enumerate(states, 1)]
        return [(tile.value, tile.note, tile.tone) for tile in all_of(known, bays)[:3]]

    calm = [("None", "all footage is confirmed", "good"), ("Nothing", "", "good"), ("Nothing", "", "good")]
    assert tiles() == tiles("ready", "empty") == tiles("reading", listed=2) == calm
    assert tiles("ready", "reading") == [
        ("None", "all that was listed is confirmed", "plain"), ("Nothing of what was listed", "", "plain"),
        ("Nothing of what was listed", "nothing is listed of 1 bay", "plain"),
    ]  # fmt: skip
    assert tiles("copy_failed", "bay_fault")[2][1] == "nothing is listed of 2 bays"
    away = not_coming(status(away={"segments": 3, "bytes": 4000, "cameras": 1}), 2)
    assert away.note == "3 segments on 1 camera that is not here, nothing is listed of 2 bays"


@pytest.mark.parametrize(
    "changes",
    [
        {"backlog": {"segments": 1, "bytes": 5, "eta_seconds": None}}, {"held": {"segments": 1, "bytes": 5}},
        {"away": {"segments": 1, "bytes": 5, "cameras": 1}}, {"lost_segments": 1}, {"in_doubt_segments": 1}, {"sound": False}, {"trouble": "the ledger is damaged"},
    ],
)  # fmt: skip
def test_never_green_while_any_segment_is_not_in_the_store(changes: dict[str, Any]) -> None:
    said = status(**changes)
    assert "good" not in (on_its_way(said).tone, not_coming(said).tone)


def test_what_cannot_be_read_is_not_known() -> None:
    said = status(trouble="the ledger is damaged", oldest_unconfirmed=None)
    for tile in (on_its_way(said), not_coming(said), oldest(said)):
        assert (tile.value, tile.tone) == ("Not known", "bad")


def test_lost_footage_is_not_confirmed_footage() -> None:
    tile = oldest(status(lost_segments=1, oldest_unconfirmed=None))
    assert (tile.value, tile.note, tile.tone) == ("None", "1 segment has no copy left", "bad")
    tile = oldest(status(oldest_unconfirmed=None))
    assert (tile.value, tile.note, tile.tone) == ("None", "all footage is confirmed", "good")


def test_the_tiles_say_what_they_count() -> None:
    said = status(
        backlog={
            "segments": 2, "bytes": 2_000_000, "on_cameras_alone": {"segments": 1, "bytes": 500_000}, "eta_seconds": {"low": 300, "high": 600},
        }, held={"segments": 1, "bytes": 1000},
        away={"segments": 3, "bytes": 4000, "cameras": 1},
    )  # fmt: skip
    tile = on_its_way(said)
    assert (tile.name, tile.value, tile.note) == (
        "On its way to the store", "2.0 MB", "there in 5 to 10 min, 2 segments, 500 kB of it on cameras alone",
    )  # fmt: skip
    tile = not_coming(said)
    assert (tile.name, tile.value, tile.tone) == ("Not in the store, and not on its way", "5.0 kB", "bad")
    assert tile.note == "3 segments on 1 camera that is not here, 1 segment held here"
    gone = not_coming(status(away={"segments": 3, "bytes": 4000, "cameras": 2}))
    assert gone.note == "3 segments on 2 cameras that are not here"
