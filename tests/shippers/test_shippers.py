"""Lines from a dock to a far machine with the shippers that Debian has, by the files of config/shippers, while everything on the way is restarted, killed,
rotated and cut. What arrived is judged by `dockd logs verify` alone, and held against what was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.shippers.scene import CUT, SHORT_CUT, Outcome, passage
from tests.shippers.talker import event

ACKNOWLEDGED = ("journal-relp", "file-relp", "journal-upload")
UNACKNOWLEDGED = ("journal-tls", "journal-syslog-ng", "file-syslog-ng")
ALL = ("stop", "kill", "rotate", "cut", "far-stop", "far-kill")
MOST = {"journal-relp": 0, "file-relp": 2, "journal-upload": 0}
"""Lines that may be lost where the shipper is killed: rsyslog writes down how far it read before the last two are acknowledged. For the journal,
config/shippers/rsyslog-relp-rewind makes up for it; for a file nothing does."""


Record = Callable[[str, object], None]


def passed(record: Record, name: str, folder: Path, *, lines: int, rate: float, faults: Sequence[str], patience: float = 60.0, cut: float = CUT) -> Outcome:  # fmt: skip
    """One passage, and its row for the table."""
    found = passage(name, folder, lines=lines, rate=rate, faults=faults, patience=patience, cut=cut)
    record("passage", found.row(name, faults))
    return found


def adds_up(found: Outcome) -> None:
    """Whatever became of a line is told: it arrived, or its number is missing; and nothing on the way could not be read."""
    verdict = found.verdict
    assert found.lost_on_dock == 0
    assert (verdict["broken"], verdict["unnumbered"], verdict["torn"]) == (0, 0, [])
    (run,) = verdict["runs"]
    ends_early = found.said - run["last"] if run["end"] != "closed" else 0
    assert found.arrived + verdict["missing"] + ends_early == found.said, verdict
    # What came again is taken out, and nothing else.
    assert (found.once["lines"], found.once["missing"], found.once["twice"]) == (found.arrived, verdict["missing"], 0)


@pytest.mark.shippers_short
@pytest.mark.parametrize(
    ("name", "faults"),
    [("journal-relp", ("kill", "rotate", "cut", "far-kill")), ("file-relp", ("rotate", "stop", "far-stop")), ("journal-upload", ("kill", "far-stop"))],
)  # fmt: skip
def test_a_short_passage_loses_nothing(
    folder: Path, record_property: Record, name: str, faults: tuple[str, ...]
) -> None:
    found = passed(record_property, name, folder, lines=2_000, rate=500, faults=faults, cut=SHORT_CUT)
    adds_up(found)
    assert (found.arrived, found.verdict["missing"]) == (found.said, 0), found.verdict["runs"]


@pytest.mark.shippers
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ACKNOWLEDGED)
def test_nothing_is_lost_whatever_befalls(folder: Path, record_property: Record, name: str) -> None:
    found = passed(record_property, name, folder, lines=20_000, rate=800, faults=ALL)
    adds_up(found)
    assert found.verdict["missing"] <= MOST[name], found.verdict["runs"]
    assert found.verdict["runs"][0]["end"] == "closed"


@pytest.mark.shippers
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["journal-relp", "file-relp"])
def test_nothing_is_lost_and_nothing_twice_where_nothing_ends(folder: Path, record_property: Record, name: str) -> None:
    faults = ("rotate", "cut")
    found = passed(record_property, name, folder, lines=10_000, rate=800, faults=faults)
    assert found.verdict["whole"], found.verdict["runs"]


@pytest.mark.shippers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ACKNOWLEDGED)
def test_a_shipper_that_is_stopped_in_good_order_loses_nothing(
    folder: Path, record_property: Record, name: str
) -> None:
    faults = ("stop", "stop", "far-stop", "stop")
    found = passed(record_property, name, folder, lines=10_000, rate=1_500, faults=faults)
    adds_up(found)
    assert found.verdict["missing"] == 0, found.verdict["runs"]


@pytest.mark.shippers
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ACKNOWLEDGED)
def test_both_ends_killed_and_the_shipper_stopped_while_the_line_is_cut(
    folder: Path, record_property: Record, name: str
) -> None:
    faults = ("cut-kill", "cut-stop")
    found = passed(record_property, name, folder, lines=8_000, rate=500, faults=faults)
    adds_up(found)
    assert found.verdict["missing"] <= MOST[name], found.verdict["runs"]


@pytest.mark.shippers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", UNACKNOWLEDGED)
def test_without_acknowledgement_nothing_is_lost_as_long_as_both_ends_stand(
    folder: Path, record_property: Record, name: str
) -> None:
    found = passed(record_property, name, folder, lines=8_000, rate=800, faults=("rotate", "cut"))
    assert found.verdict["whole"], found.verdict["runs"]


@pytest.mark.shippers
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", UNACKNOWLEDGED)
def test_without_acknowledgement_what_is_lost_is_told_to_the_line(
    folder: Path, record_property: Record, name: str
) -> None:
    """What is in the buffers of the line goes with either end, none or many; no number of it is unknown."""
    faults = ("stop", "kill", "far-stop", "far-kill", "cut-kill")
    found = passed(record_property, name, folder, lines=12_000, rate=800, faults=faults, patience=20)
    adds_up(found)


def test_hard_lines_are_hard() -> None:
    assert any("\n" in event(number).message() for number in range(0, 64, 8))
