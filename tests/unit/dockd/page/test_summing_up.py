"""What is said of all bays at once: how many of each kind, when the next is ready, runs of bays; and what of a bay may stand on a wall."""

from __future__ import annotations

import doctest
import time
from typing import Any

import pytest

from dockd.docking import Bay
from dockd.page.documents import bay_document, camera_part
from dockd.page.doings import LONGEST_REASON
from dockd.page.language import LANGUAGES, Language
from dockd.page.looks import LOOKS
from dockd.page.pages import handover, reading, wall
from dockd.page.pages.folded import folded
from dockd.page.pages.summing_up import KINDS, key, kind_of, looked_at, next_ready
from dockd.page.rendering import templates
from dockd.page.state import Shown
from ingest.ledger.views import Away
from ingest.model import Balance, CameraId

STATUS: dict[str, Any] = {"trouble": None}


def bay(number: int, state: Any, *, ready_at: str | None = None, word: str = "") -> dict[str, Any]:
    camera = camera_part(CameraId(profile="dcim", serial="X60A1", card="c"), assigned_to="PC 1234 Jones")
    said = Shown(state=state, word=word or LOOKS[state].word, what="Why it is so.", advice="What to do.")
    found = bay_document(
        number=number, said=said, since=0.0, camera=camera, balance=Balance(), battery=50, clock_offset=1.0
    )
    return {**found, "ready_at": ready_at}


@pytest.mark.parametrize("module", [wall, handover, reading])
def test_examples(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_each_bay_is_of_one_kind_and_all_are_counted() -> None:
    bays = [bay(number, state) for number, state in enumerate(LOOKS, 1)]
    found = key(bays)
    assert sum(one.count for one in found) == len(bays)
    assert {kind_of(one) for one in bays} == {kind.show for kind in KINDS}
    assert next(one.count for one in found if one.show == "take") == 1, (
        "what may go out if cameras are short is not counted as ready"
    )


def test_what_may_go_out_is_left_out_where_none_may() -> None:
    assert [one.show for one in key([bay(1, "ready")])] == ["take", "leave", "act", "none"]


def test_the_next_is_the_first_that_is_on_its_way() -> None:
    bays = [
        bay(1, "charging", ready_at="2026-11-20T07:40:00Z"), bay(2, "copying", ready_at="2026-11-20T06:40:00Z"), bay(3, "queued"),
        bay(4, "copy_failed", ready_at="2026-11-20T05:00:00Z"), bay(5, "ready"),
    ]  # fmt: skip
    assert "in bay 2" in next_ready(STATUS, bays)
    assert next_ready(STATUS, [bay(3, "queued")]) == "When the next one is ready cannot be told yet."
    assert next_ready(STATUS, [bay(5, "ready"), bay(6, "copy_failed")]) == ""
    assert next_ready({"trouble": "blind"}, bays) == "", "nothing is foretold by a dock that cannot know"


def test_a_problem_looks_as_its_bay_does() -> None:
    assert looked_at({"problem": "not_ours"})["look"] == {"shape": "triangle", "tone": "yellow"}
    assert looked_at({"problem": "footage_lost"})["look"] == {"shape": "octagon", "tone": "red"}
    assert looked_at({"problem": "one that nobody ranked"})["look"] == {"shape": "octagon", "tone": "red"}


def test_groups_of_the_handover_hold_every_bay_once() -> None:
    bays = [bay(number, state) for number, state in enumerate(LOOKS, 1)]
    found = handover.groups(bays)
    assert sum(one.count for one in found) == len(bays)
    assert {one.show for one in found} == {kind.show for kind in KINDS}


def wrong(problem: str, text: str, *, bay: int | None = None, camera: str | None = None) -> dict[str, Any]:
    return looked_at({"problem": problem, "text": text, "advice": "Do it.", "bay": bay, "camera": camera})


def test_paper_has_what_is_wrong_with_the_rack_first_and_whole_and_names_the_bays_of_the_rest() -> None:
    bays = [wrong("removed_early", f"Camera C{n} left.", bay=n, camera=f"C{n}") for n in range(1, 8)]
    found = folded(
        [*bays, wrong("removed_early", "Camera Z left.", camera="Z"), wrong("store_down", "The store."), wrong("spool_full", "Full.")],
        runs=handover.runs, most=8,
    )  # fmt: skip
    assert [entry.text for one in found.folds for entry in one.entries] == [
        "The store.", "Full.", "Camera Z left.", "Camera C1 left.", "Camera C2 left."
    ]  # fmt: skip
    assert (found.more, found.more_bays) == (5, "3 to 7")
    nothing_cut = folded([wrong("store_down", f"Store {n}.") for n in range(9)], runs=handover.runs, most=4)
    assert sum(len(one.entries) for one in nothing_cut.folds) == 9


def away(camera: CameraId, *, bay: int | None) -> Away:
    return Away(
        camera=camera.id, profile=camera.profile, serial=camera.serial, card=camera.card, bay=bay, segments=9, since=0.0
    )


def test_paper_names_who_went_out_of_each_bay_with_footage_that_is_not_confirmed() -> None:
    one, two, three = (CameraId(profile="dcim", serial=f"X{n}", card="c") for n in (1, 2, 3))
    bays = {
        1: Bay(number=1, last_camera=one), 2: Bay(number=2, last_camera=two), 3: Bay(number=3, last_camera=three, camera=one),
        4: Bay(number=4, last_camera=one), 5: Bay(number=5, last_camera=three, still=three),
    }  # fmt: skip
    assert handover.left(bays, [away(one, bay=1), away(three, bay=3), away(three, bay=5)]) == {1: one}, (
        "all of the second's is confirmed; another is in bay 3; the first went out of bay 1, not of 4; and the one in bay 5 is still in it"
    )


def test_paper_has_each_reason_whole_unless_most_of_the_rack_is_out_of_use() -> None:
    assert handover.longest([]) >= LONGEST_REASON
    assert handover.longest([bay(n, "out_of_use") for n in range(8)]) >= LONGEST_REASON
    assert handover.longest([bay(n, "out_of_use") for n in range(64)]) == 40


def test_paper_says_what_is_equal_once() -> None:
    found = folded(
        [wrong("bay_fault", "It does not work.", bay=n) for n in (3, 4, 5, 9)] + [wrong("not_ours", "A stick.", bay=1)],
        runs=handover.runs,
    )
    assert [(entry.text, entry.bays) for one in found.folds for entry in one.entries] == [
        ("It does not work.", "3 to 5, 9"), ("A stick.", "1")
    ]  # fmt: skip


# -- the wall ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", LOOKS)
def test_the_wall_names_nobody_and_nothing(state: Any, language: Language) -> None:
    """Whatever its document has, the wall has of a bay its number, a word, a shape and a share."""
    drawn = templates(language).get_template("wall_tile.html").render(cell=wall.cell(bay(7, state)))
    for name in ("X60A1", "Jones", "dcim", "Why it is so", "What to do"):
        assert name not in drawn
    assert 'id="bay-7"' in drawn
    assert f'href="#{LOOKS[state].shape}"' in drawn
    assert 'href="/' not in drawn, "it leads nowhere"


def test_the_wall_shows_how_far_a_camera_is_and_no_other_figure() -> None:
    assert wall.cell(bay(1, "copying", word="Copying 42%")).percent == "42%"
    assert wall.cell(bay(1, "charging", word="Charging 61%, about 06:40")).percent == "61%"
    assert wall.cell(bay(1, "copy_failed", word="Fault 3%")).percent == ""


@pytest.mark.parametrize("state", LOOKS)
def test_in_english_every_word_fits_a_cell_in_large_letters(state: Any) -> None:
    cell = wall.cell(bay(1, state))
    assert cell.fit(str(cell.word)) in ("", "long")
    if LOOKS[state].verb == "act":
        assert cell.fit(str(cell.word)) == "", "what somebody must act on is as large as can be"


@pytest.mark.parametrize(
    ("hour", "night"), [(21, False), (22, True), (23, True), (0, True), (5, True), (6, False), (12, False)]
)
def test_the_light_is_down_from_ten_to_six(hour: int, night: bool) -> None:
    local = time.localtime(1_790_000_000)
    moment = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, hour, 30, 0, 0, 0, -1))
    assert wall.is_night(moment) is night
    assert 0 < wall.until_reload(moment) <= 86_400
    assert wall.is_night(moment + wall.until_reload(moment)) is not night, "it is loaded anew when that changes"
