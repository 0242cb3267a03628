"""What is wrong with the rack as a whole: it stands first, is never cut, and headline, tab, icon and wall say it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.page.facts import Sums
from dockd.page.moment import Moment
from dockd.page.pages.summing_up import at_most
from dockd.page.pages.system import troubles
from dockd.page.problems import AwayFact, BayFact, Problem, problems
from dockd.page.registry import Registry
from dockd.page.rendering import icon_of, templates
from dockd.page.whole_rack import rack_problem, status_of
from dockd.page.words import headline_of
from ingest.ledger.views import Away
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import dock_at

REFUSED = "the store answered 403 to a look: it does not take this dock's credentials; check store.token_file"


def found(*, store: str = "connected", message: str = "", troubles: dict[str, str] | None = None, **more: Any) -> list[Problem]:  # fmt: skip
    asked: dict[str, Any] = {"bays": [], "away": [], "spool_full": None, "lost": 0, **more}
    return problems(store=store, store_message=message, troubles=troubles or {}, **asked)


def status(*wrong: Problem, ready: int = 4) -> dict[str, Any]:
    needs = sum(one.needs_somebody for one in wrong)
    return {"ready": ready, "usable": 0, "needs_action": needs, "rack_problem": rack_problem(wrong), "trouble": None}


def test_of_cameras_that_left_the_one_with_most_that_is_nowhere_else_is_first() -> None:
    away = [AwayFact(camera="SAFE", bay=5, segments=200), AwayFact(camera="ALONE", bay=7, segments=51, alone=51)]
    assert [one.camera for one in found(away=away)] == ["ALONE", "SAFE"]


@pytest.mark.parametrize(
    ("segments", "alone", "told"),
    [
        (300, 63, "300 segments not yet in the store. 63 of them are on it alone."),
        (63, 63, "63 segments not yet in the store. All of them are on the camera alone."),
        (1, 1, "1 segment not yet in the store. It is on the camera alone."),
        (63, 0, "63 segments not yet in the store. They are safe on this dock."),
    ],
)
def test_the_worse_it_is_the_more_is_said_of_a_camera_that_left(segments: int, alone: int, told: str) -> None:
    (one,) = found(away=[AwayFact(camera="CAM0007", bay=7, segments=segments, alone=alone)])
    assert one.text == f"Camera CAM0007 left with {told}"


def test_what_is_of_the_rack_stands_before_bays_and_is_never_cut() -> None:
    bays = [BayFact(number=n, state="removed_early", what="x", camera=f"C{n}") for n in range(1, 40)]
    wrong = [
        {"problem": one.problem, "bay": one.bay, "camera": one.camera}
        for one in found(store="down", bays=bays, troubles={"registry_unread": "it cannot be read"})
    ]
    shown = at_most(wrong, 12)
    assert len(shown) == 12
    assert [shown[0]["problem"], shown[-1]["problem"]] == ["store_down", "registry_unread"]


def test_a_store_that_goes_on_by_itself_is_said_and_nobody_has_to_act() -> None:
    said_of_it = status(*found(store="down"))
    assert headline_of(said_of_it) == "4 ready. The central store cannot be reached."
    assert headline_of(said_of_it, whole=False) == "4 ready"
    assert icon_of(said_of_it) == "icon-action.svg"


def test_a_store_that_a_person_has_to_mend_needs_somebody() -> None:
    (one,) = found(store="down", message=REFUSED)
    assert headline_of(status(one)) == "4 ready, 1 needs action. The central store does not take this dock's key."


@pytest.mark.parametrize("name", ["ledger_unusable", "spool_failed", "access_unreadable", "one_that_nobody_knows"])
def test_what_the_dock_says_of_itself_is_counted_and_told_without_its_paths(name: str) -> None:
    told = headline_of(status(*found(troubles={name: "/var/lib/dockd/x: Input/output error"})))
    assert told.startswith("4 ready, 1 needs action. ")
    assert "/var" not in told
    assert told.endswith(".")


@pytest.mark.parametrize(("name", "counted"), [("dock_unwatched", 0), ("usb_trouble", 1)])
def test_who_has_to_act(name: str, counted: int) -> None:
    assert status(*found(troubles={name: "x"}))["needs_action"] == counted


def test_lost_footage_is_counted_and_a_store_that_lied_is_said() -> None:
    assert headline_of(status(*found(lost=2))) == "4 ready, 1 needs action. Footage is lost."
    assert headline_of(status(*found(store="dishonest"))).endswith("The store is not to be believed.")


def test_what_the_site_has_set_up_so_is_not_shouted() -> None:
    quiet = found(troubles={"page_in_clear": "x"})
    assert (rack_problem(quiet), quiet[0].needs_somebody, icon_of(status(*quiet))) == (None, False, "icon-ready.svg")


def test_what_is_of_a_camera_is_the_bays_to_count() -> None:
    (one,) = found(away=[AwayFact(camera="C", bay=None, segments=1)])
    assert (one.needs_somebody, one.is_said_above, rack_problem([one])) == (False, False, None)


def test_an_older_agent_does_not_say() -> None:
    assert headline_of({"ready": 1, "needs_action": 0}) == "1 ready"


def test_the_wall_has_a_line_of_its_own() -> None:
    wall = templates().get_template("wall_head.html")
    wrong = status(*found(store="dishonest"))
    above = {"headline": headline_of(wrong), "counts": headline_of(wrong, whole=False), "icon": "icon-action.svg"}
    told = wall.render(said={**wrong, "station": "S", "rack": "1", "time": "2026-03-01T06:00:00Z"}, **above)
    assert 'data-title="4 ready, 1 needs action. The store is not to be believed. · S 1"' in told
    assert "</svg> The store is not to be believed.</p>" in told
    assert told.count("believed") == 2, "the large line has the figures alone"
    calm = wall.render(said={**status(), "station": "S", "rack": "1", "time": "2026-03-01T06:00:00Z"}, **above)
    assert 'id="of-rack" class="of-rack" hidden' in calm, "it is there for the script to fill"


@pytest.mark.parametrize(("synchronised", "told"), [(False, 1), (True, 0), (None, 0)])
def test_a_dock_whose_clock_is_wrong_does_not_say_that_nothing_is(synchronised: bool | None, told: int) -> None:
    assert len(troubles([{"problem": "removed_early"}], synchronised=synchronised)) == told


async def test_a_camera_that_left_and_of_which_no_bay_speaks_is_counted(tmp_path: Path) -> None:
    """Its bay has another by now."""
    async with dock_at(tmp_path) as dock:
        gone = Away(camera="GONE", profile="dcim", serial="GONE", card="", bay=1, segments=2, since=0.0)
        moment = Moment(sources=sources(tmp_path, dock.ledger), registry=Registry(), sums=Sums(away=(gone,)))
        other = BayFact(number=1, state="ready", what="", camera="CAM")
        assert status_of(moment, {}, [other], wrong=[], eta=None)["needs_action"] == 1
        speaks = BayFact(number=1, state="removed_early", what="", camera="GONE")
        assert status_of(moment, {}, [speaks], wrong=[], eta=None)["needs_action"] == 0, "its bay is counted"
        assert (
            status_of(replace(moment, closed=frozenset({"GONE"})), {}, [other], wrong=[], eta=None)["needs_action"] == 0
        )
