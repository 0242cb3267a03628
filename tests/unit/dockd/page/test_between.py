"""Between two steps of one work nothing else is told, and never that a camera may be taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dockd.page.bay_facts import BayDocuments
from dockd.page.channels import Face, Rendered
from dockd.page.facts import Sources, Sums
from dockd.page.known_of_bay import Facts
from dockd.page.moment import Moment
from dockd.page.registry import Registry
from dockd.page.snapshot import Change
from dockd.page.state import derive
from dockd.page.view import View
from ingest.activity import Phase
from ingest.ledger.views import Docking
from ingest.model import Tally
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import dock_at

_TALLY = Tally(listed=72, copied=72, confirmed=72, wiped=20)
_EMPTYING: dict[str, Any] = {
    "phase": "reading",
    "listed_once": True,
    "counts": _TALLY,
    "on_camera": 52,
    "store": "connected",
}


def test_a_look_between_two_lots_of_an_emptying_is_a_part_of_it() -> None:
    assert derive(Facts(**_EMPTYING)).state == "wiping"
    assert derive(Facts(**{**_EMPTYING, "phase": "wiping"})).state == "wiping"


@pytest.mark.parametrize(
    "other",
    [
        {"counts": Tally(listed=72, copied=72, confirmed=72)}, {"counts": Tally(listed=72, copied=72, confirmed=71, wiped=20)}, {"wipes": False},
        {"unsafe": "it may hold the only copy"}, {"on_camera": 0}, {"listed_once": False},
    ],
)  # fmt: skip
def test_any_other_look_is_a_look(other: dict[str, Any]) -> None:
    assert derive(Facts(**{**_EMPTYING, **other})).state == "reading"


async def states(found: Sources, *, before: Phase) -> tuple[str, str]:
    """What its bay said in this phase, and when nobody worked on its camera any more."""
    view = View(found)
    (camera,) = found.activity.cameras
    found.activity.camera(camera, before)
    await view.look(anew=True)
    said = (await view.look(anew=True)).bays[1]["state"]
    found.activity.camera_left(camera)
    return said, (await view.look(anew=True)).bays[1]["state"]


async def test_a_camera_that_is_being_pulled_is_what_it_was_until_it_is_gone(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        assert await states(sources(tmp_path, dock.ledger), before="copying") == ("copying", "copying")


async def test_what_was_to_be_taken_is_not_by_what_was_so(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        assert await states(sources(tmp_path, dock.ledger), before="done") == ("ready", "reading")


async def test_it_is_not_left_so(tmp_path: Path) -> None:
    """A session that ended, of a camera that stays, is told after some seconds."""
    async with dock_at(tmp_path) as dock:
        found, passed = sources(tmp_path, dock.ledger), 100.0
        bay = found.rack.bays[1]
        documents = BayDocuments(passed=lambda: passed)
        assert bay.camera is not None

        def state() -> str:
            moment = Moment(sources=found, registry=Registry(), sums=Sums(dockings={1: Docking()}))
            return str(documents.of(bay, moment, outrun=lambda _bay: False)["state"])

        found.activity.camera(bay.camera.id, "copying")
        assert state() == "copying"
        found.activity.camera_left(bay.camera.id)
        assert state() == "copying"
        passed += 2.9
        assert state() == "copying"
        passed += 0.2
        assert state() == "reading"


async def test_the_headline_comes_with_the_bay_that_it_counts(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        view, passed = View(found), 100.0
        face = Face(tile=lambda _l, _b: "", head=lambda _l, _s: {"html": "head"}, label=lambda bay: bay["word"])
        await view.look(anew=True)
        channel = Rendered(view, "en", face, passed=lambda: passed)
        changes: list[Change] = []
        view.listen(changes.append)
        (camera,) = found.activity.cameras
        found.activity.camera(camera, "copying")
        await view.look(anew=True)
        channel.news(changes)
        passed += 0.2
        found.activity.camera(camera, "failed", message="x", reason="copy_failed")
        await view.look(anew=True)
        assert view.now.status["needs_action"] == 1
        assert b'"head":{"html":"head"}' in channel.news(changes[-2:])
        passed += 0.2
        assert channel.news([]) == b"", "and once"
