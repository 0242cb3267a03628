"""Until when: as a person at the station says it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import click
import pytest

from dockd.cli.bandwidth import moment_meant

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("23:30", "2026-11-20T23:30:00+01:00"),
        (" 23:30 ", "2026-11-20T23:30:00+01:00"),
        ("22:00", "2026-11-21T22:00:00+01:00"),  # now: the next one is tomorrow's
        ("06:00", "2026-11-21T06:00:00+01:00"),
        ("2026-11-20T23:30", "2026-11-20T23:30:00+01:00"),
        ("2026-11-20 23:30", "2026-11-20T23:30:00+01:00"),
        ("2026-11-20T23:30:00Z", "2026-11-20T23:30:00+00:00"),
        ("2026-11-20T23:30:00-05:00", "2026-11-20T23:30:00-05:00"),
    ],
)
def test_a_time_without_a_zone_is_this_machines(said: str, meant: str) -> None:
    now = datetime.fromisoformat("2026-11-20T21:00:00+00:00")
    assert moment_meant(said, now=now, zone=BERLIN) == meant


def test_the_night_in_which_clocks_are_set() -> None:
    now = datetime.fromisoformat("2026-10-24T22:00:00+02:00")
    assert moment_meant("06:00", now=now, zone=BERLIN) == "2026-10-25T06:00:00+01:00"


@pytest.mark.parametrize(
    "said", ["soon", "24:00", "7:30", "", "23:30\n23", "2026-02-30 10:00", "9999-12-31T23:59-23:59x"]
)
def test_what_is_no_time(said: str) -> None:
    with pytest.raises(click.UsageError, match="--until"):
        moment_meant(said, now=datetime.now().astimezone())
