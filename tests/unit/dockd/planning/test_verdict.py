"""What an answer means, in words and pictures."""

from __future__ import annotations

import math
from datetime import date, time
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from dockd.planning.calendar import Place, parse_outage
from dockd.planning.drawing import as_svg, as_text
from dockd.planning.question import Line, Question
from dockd.planning.simulation import simulate
from dockd.planning.steps import Steps
from dockd.planning.verdict import Plan, plan
from dockd.planning.words import COLUMNS, Spoken, amount, rows, verdict
from tests.unit.dockd.planning.asking import asking, line

HERE = Place(first=date(2026, 3, 2), days=7, zone=ZoneInfo("UTC"))
ENDS = HERE.ends([time(6), time(14), time(22)])
SHIFT = 8 * 3600.0


def spoken(*, link: float | None = 2e6, limited: bool = False, wipe: bool = True) -> Spoken:
    return Spoken(place=HERE, link=link, limited=limited, wipe=wipe)


def question(*, over: Line, share: float, **station: float) -> Question:
    """Footage that takes `share` of a shift's time at 2 MB/s."""
    return asking(over=over, footage=2e6 * SHIFT * share, ends=ENDS, **station)


def test_a_line_that_carries_it_and_the_least_that_would() -> None:
    found = plan(question(over=line(2e6), share=0.5))
    assert found.fits
    assert found.least == pytest.approx(0.5, rel=0.01)
    assert found.least is not None
    assert found.least >= 0.5 * 0.999
    said = verdict(found, spoken())
    assert said[0].startswith(
        "The line carries it: all cameras are empty before the next shift's come, at the tightest with 4 h to spare"
    )
    assert said[1] == "It needs 28.8 GB of spool, above what is kept free."
    assert said[2] == "A line of at least 8.1 Mbit/s would do, on days without an outage."


def test_the_least_line_does_and_one_a_per_cent_slower_does_not() -> None:
    for asked in (question(over=line(2e6), share=0.7), question(over=line(2e6), share=3.0, cameras=2)):
        least = plan(asked).least
        assert least is not None
        for factor, fits in ((least, True), (least * 0.99, False)):
            over = asked.line.times(factor)
            assert simulate(Question(station=asked.station, line=over, ends=ENDS)).fits is fits


def test_a_line_that_is_too_thin_falls_behind_for_good() -> None:
    found = plan(question(over=line(2e6), share=1.25))
    assert not found.fits
    assert found.left_at_end == pytest.approx(0.25 * 2e6 * SHIFT * 21, rel=0.01)
    said = verdict(found, spoken())
    assert said[0].startswith(
        "It falls behind on day 1: the cameras docked Mon 2 Mar 06:00 are empty at 16:00, and the next come at 14:00. So it is at 21 of 21 shift ends."
    )
    assert "It does not catch up: when these days are over, 302 GB are not in the store." in said[0]


def test_an_outage_is_caught_up_with_and_the_least_line_is_that_of_ordinary_days() -> None:
    up = HERE.up([parse_outage("Wed 05:00 12 h")], rate=2e6)
    found = plan(question(over=line(up), share=0.5), ordinary=line(2e6))
    assert [shift.at for shift in found.late] == ENDS[6:8]
    assert found.caught_up is not None
    assert found.caught_up.at == ENDS[8]
    assert found.least == pytest.approx(0.5, rel=0.01)
    assert verdict(found, spoken())[0].endswith(
        "So it is at 2 of 21 shift ends. From the shift of Wed 4 Mar 22:00 on it has caught up."
    )
    assert rows(found, spoken())[6][2:6] == ["06:00", "21:00", "21:00", "no, but copied"]


def test_a_spool_that_is_too_small_and_what_it_would_need() -> None:
    found = plan(question(over=line(2e6), share=0.5, spool=10e9))
    assert not found.fits
    assert not found.late
    assert found.spool_needed == pytest.approx(28.8e9, rel=1e-3)
    assert (
        "The spool is too small: with room for 10 GB it is full from Mon 2 Mar 06:00 on" in verdict(found, spoken())[1]
    )
    assert found.least is None  # no line is as fast as these cameras are read


def test_cameras_that_are_read_too_slowly_are_helped_by_no_line() -> None:
    found = plan(question(over=line(2e6), share=0.5, camera_rate=1e6))
    assert found.least is None
    assert verdict(found, spoken())[-1].startswith("No line would do by itself")


def test_a_limit_is_spoken_of_with_the_line_it_limits() -> None:
    found = plan(question(over=line(4e6, limit=Steps.constant(2e6)), share=2.0))
    assert verdict(found, spoken(limited=True, link=4e6))[-1] == (
        "2.1 times the line and the limits on it would do (a line of 65 Mbit/s), on days without an outage."
    )
    assert "(a line" not in verdict(found, spoken(limited=True, link=None))[-1]


def test_a_row_for_each_shift() -> None:
    found = rows(plan(question(over=line(2e6), share=0.5)), spoken())
    assert len(found) == 21
    assert found[2] == [
        "Mon 2 Mar 22:00",
        "28.8 GB",
        "22:00",
        "Tue 3 Mar 02:00",
        "Tue 3 Mar 02:00",
        "yes",
        "-",
        "28.8 GB",
    ]
    assert {len(row) for row in found} == {len(COLUMNS)}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (1500, "1.5 kB"),
        (99.96e9, "100 GB"),
        (1.2e12, "1.2 TB"),
        (5e18, "5000 PB"),
    ],
)
def test_amounts(size: float, text: str) -> None:
    assert amount(size) == text


def drawn(found: Plan) -> str:
    return as_svg(
        found.outcome,
        HERE,
        title="A <line> & more",
        says=verdict(found, spoken()),
        up=found.question.line.up,
        spool=found.question.station.spool,
    )


@pytest.mark.parametrize("spool", [None, 40e9, 1e15])
def test_the_picture_is_xml_and_says_what_it_shows(spool: float | None) -> None:
    up = HERE.up([parse_outage("Wed 05:00 12 h")], rate=2e6)
    found = plan(question(over=line(up), share=0.5, **({} if spool is None else {"spool": spool})), ordinary=line(2e6))
    tree = ElementTree.fromstring(drawn(found))
    texts = [node.text or "" for node in tree.iter()]
    assert "A <line> & more" in texts
    assert any(text.startswith("It falls behind on day 3") for text in texts)
    assert "nan" not in drawn(found)
    assert "inf" not in drawn(found)
    assert ("stroke-dasharray" in drawn(found)) is (spool == 40e9)
    numbers = [
        float(one)
        for one in drawn(found).split('fill="#2f7f9e"')[1].split('d="M')[0].split()
        if one.replace(".", "").isdigit()
    ]
    assert all(0 <= number <= 960 for number in numbers)


@pytest.mark.parametrize("plain", [True, False])
def test_the_plot_rises_and_falls_with_the_backlog(plain: bool) -> None:
    found = plan(question(over=line(2e6), share=0.5)).outcome
    lines = as_text(found, HERE, width=80, plain=plain)
    assert max(map(len, lines)) <= 80
    assert all(text.isascii() for text in lines) is plain
    assert lines[1].split()[0] == "30"
    bottom = lines[10][11:]
    assert " " in bottom.strip()  # between shifts there is nothing
    assert lines[-1].split()[:4] == ["Mon", "2", "Tue", "3"]


def test_a_backlog_of_nothing_is_drawn() -> None:
    found = simulate(asking(over=line(1e12), footage=1.0, ends=ENDS))
    assert len(as_text(found, HERE, width=40)) == 13
    assert not math.isnan(sum(point.backlog for point in found.curve))
