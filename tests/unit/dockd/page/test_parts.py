"""The page's small decisions: figures in words, when an end can be foretold, the site's list, what is wrong."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.page import words
from dockd.page.estimate import Estimate
from dockd.page.looks import BayState
from dockd.page.problems import PROBLEMS, AwayFact, BayFact, FullFact, Problem, problems
from dockd.page.registry import Registry, read_registry
from dockd.page.state import Facts, derive
from ingest.model import CameraId, folder_camera


def test_examples_in_words() -> None:
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12 MB"), (5 * 10**15, "5000 TB"), (None, "not known")]
)  # fmt: skip
def test_sizes(size: int | None, said: str) -> None:
    assert words.size_words(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "under a minute"), (59, "under a minute"), (60, "1 min"), (3600, "1 h"), (86399, "23 h 59 min"), (86400, "1 day"), (90000, "1 day 1 h"), (1.5e9, "17361 days")]
)  # fmt: skip
def test_ages(seconds: float, said: str) -> None:
    assert words.age_words(seconds) == said


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0, 60, "about a minute"), (0, 300, "up to 5 min"), (300, 600, "5 to 10 min"), (3600, 7200, "1 h to 2 h")]
)  # fmt: skip
def test_spans(low: int, high: int, said: str) -> None:
    assert words.span_words(low, high) == said


def fed(rates: list[float], *, every: float = 5.0) -> Estimate:
    estimate, sent = Estimate(), 0.0
    for number, rate in enumerate(rates):
        estimate.sample(number * every, int(sent))
        sent += rate * every
    return estimate


def test_a_steady_line_gives_a_rounded_range() -> None:
    assert fed([1000.0] * 30).seconds(1_000_000) == (900, 1200)
    assert fed([1000.0] * 30).seconds(20_000) == (0, 60)
    assert fed([1000.0] * 30).seconds(10**9) == (277 * 3600, 278 * 3600)


@pytest.mark.parametrize(
    "rates", [[], [1000.0] * 6, [0.0] * 60, [1000.0] * 30 + [0.0] * 10, [10.0] * 15 + [1000.0] * 15], ids=["nothing", "too short", "idle", "stopped", "jumped"]
)  # fmt: skip
def test_an_unsteady_line_gives_nothing(rates: list[float]) -> None:
    assert fed(rates).seconds(1_000_000) is None


def test_nothing_to_send_has_no_end_to_foretell() -> None:
    assert fed([1000.0] * 30).seconds(0) is None


@given(st.lists(st.floats(100, 10_000), min_size=10, max_size=80), st.integers(1, 10**13))
def test_a_range_holds_the_plain_figure(rates: list[float], backlog: int) -> None:
    estimate = fed(rates)
    found = estimate.seconds(backlog)
    if found is not None:
        last = estimate.rates()[-8:]
        assert found[0] <= backlog / max(last) <= backlog / min(last) <= found[1]


def test_the_sites_list(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"\xef\xbb\xbfCamera, assigned_to ,note\n0001, PC Jones ,x\nCAM02,,\n\n" + "0003,Zoë\n".encode())
    found = read_registry(file)
    assert found.trouble == ""
    assert found.assigned_to(CameraId(profile="p", serial="0001", card="c")) == "PC Jones"
    assert found.assigned_to(folder_camera(b"0003")) == "Zoë"
    assert found.assigned_to(folder_camera(b"CAM02")) is None
    assert found.assigned_to(folder_camera(b"other")) is None
    assert read_registry(None) == Registry()


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"serial,who\n1,2\n", "no column named camera"), (b"", "is empty"), (b"camera\n\xff\n", "2: is not UTF-8 text"),
     (b'camera\n"' + b"x" * 200_000, "cannot be read"), (b"x" * (5 << 20), "larger than 4 MiB"), (b"camera,note\n,nobody\n", "2: names no camera"),
     (b"camera,assigned_to\nC3441,PC 1204\nC3441,PC 7\n", '3: "C3441" is already in line 2')],
)  # fmt: skip
def test_a_list_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    found = read_registry(file)
    assert why in found.trouble
    assert found.assigned == {}
    assert "registry.file: is a directory" in read_registry(tmp_path).trouble


def test_problems_open_and_close_with_their_cause() -> None:
    bays = [
        BayFact(number=1, state="ready", what="fine", camera="A"), BayFact(number=2, state="copy_failed", what="bad sector", camera="B"),
        BayFact(number=3, state="removed_early", what="put back C", camera="C"), BayFact(number=4, state="removed_early", what="put back D", camera="D"),
    ]  # fmt: skip
    found = problems(
        bays=bays, away=[AwayFact(camera="C", bay=3, segments=2)], store="down", store_message="no route", spool_full=FullFact(since="09:05 on 3 March", cameras=2, waiting="14 GB"), lost=1,
        troubles={"ledger_unusable": "the disk is full"},
    )  # fmt: skip
    assert sorted((one.problem, one.bay or 0) for one in found) == [
        ("copy_failed", 2), ("footage_lost", 0), ("ledger_unusable", 0), ("removed_early", 3), ("removed_early", 4), ("spool_full", 0),
        ("store_down", 0),
    ]  # fmt: skip
    assert len({one.id for one in found}) == len(found)
    assert all(one.text for one in found)
    calm = problems(bays=bays[:1], away=[], store="connected", store_message="", spool_full=None, lost=0, troubles={})
    assert calm == []


def of_bays(*bays: BayFact, away: tuple[AwayFact, ...] = ()) -> list[Problem]:
    return problems(bays=bays, away=away, store="connected", store_message="", spool_full=None, lost=0, troubles={})


def test_a_bays_problem_says_once_what_to_do() -> None:
    said = derive(
        Facts(docked=False, occupied="not_ours", occupied_why="This is a keyboard: no camera profile names it.")
    )
    (found,) = of_bays(
        BayFact(number=1, state=said.state, what=said.what, advice=said.advice, detail=said.detail, camera=None)
    )
    assert (found.text, found.advice) == ("This is a keyboard: no camera profile names it.", "Take it out.")


def test_two_cameras_that_left_one_bay_are_two_problems() -> None:
    bay = BayFact(number=3, state="removed_early", what="Camera D was taken out early.", camera="D")
    found = of_bays(bay, away=(AwayFact(camera="C", bay=3, segments=2),))
    assert [one.camera for one in found] == ["C", "D"]


def test_the_worst_is_first() -> None:
    states: list[BayState] = ["not_ours", "clock_wrong", "bay_fault", "store_refused", "copy_failed", "removed_early", "integrity_failed", "ready"]  # fmt: skip
    found = problems(
        bays=[BayFact(number=n, state=state, what=state, camera=f"C{n}") for n, state in enumerate(states, 1)],
        away=[AwayFact(camera="AWAY", bay=9, segments=1)], store="down", store_message="", spool_full=FullFact(since="09:05 on 3 March", cameras=2, waiting="14 GB"), lost=2,
        troubles={"registry_unread": "it cannot be read", "new_one": "something", "dock_unwatched": "it ended", "ledger_unusable": "full"},
    )  # fmt: skip
    assert [one.problem for one in found] == [
        "footage_lost", "ledger_unusable", "store_down", "spool_full", "new_one", "dock_unwatched",
        "integrity_failed", "removed_early", "removed_early", "copy_failed", "store_refused", "bay_fault", "clock_wrong", "not_ours", "registry_unread",
    ]  # fmt: skip


def test_what_the_usb_dock_says_of_itself() -> None:
    assert "usb_trouble" in PROBLEMS
    (found,) = problems(
        bays=[], away=[], store="connected", store_message="", spool_full=None, lost=0, troubles={"usb_trouble": "udev does not answer."},
    )  # fmt: skip
    assert (found.text, found.advice) == ("udev does not answer.", "Leave the cameras in and tell ops.")


def test_a_dock_that_spoils_copies_is_a_problem_of_the_dock() -> None:
    (found,) = problems(
        bays=[], away=[], store="connected", store_message="", spool_full=None, lost=0, troubles={}, spoilt=2
    )
    assert (found.problem, found.bay) == ("spool_spoils", None)
    assert found.problem in PROBLEMS
    assert found.text.startswith("This dock spoils its copies of 2 segments: its disk or its memory fails.")
    assert found.advice == "Tell ops to look at the dock. Leave the cameras in, or put them into another dock."
