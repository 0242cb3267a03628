"""The options of `dockd plan`: what is taken, what is refused, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from dockd.cli.plan import plan

USUAL = ("--zone", "UTC", "--from", "2026-03-02", "--days", "3")


def run(*words: str) -> Result:
    return CliRunner().invoke(plan, [*USUAL, *words])


def document(*words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(*words, "--json").stdout)
    return found


def test_what_fits() -> None:
    done = run("--cameras", "10", "--hours", "2", "--link", "20 Mbit/s")
    assert done.exit_code == 0
    assert "10 cameras a shift, 16 bays, 3.6 GB each, over 20 Mbit/s" in done.output
    assert "Mon 2 Mar 22:00" in done.output
    assert "The line carries it" in done.output
    assert "\x1b" not in done.output
    assert done.output.isascii()


def test_what_does_not_fit_is_1() -> None:
    assert run("--hours", "8").exit_code == 1
    assert run("--spool", "30 GB").exit_code == 1
    assert "The spool is too small" in run("--spool", "30 GB").output


def test_one_document() -> None:
    found = document("--cameras", "10")
    assert (found["fits"], found["falls_behind_at"], found["left_at_end_bytes"]) == (True, None, 0)
    shifts = found["shifts"]
    assert isinstance(shifts, list)
    assert len(shifts) == 9
    assert shifts[0]["docked_at"] == "2026-03-02T06:00:00.000Z"
    assert shifts[0]["bytes"] == 36_000_000_000
    assert shifts[0]["confirmed_at"].startswith("2026-03-02T10:12:37.")  # 36 GB at 0.95 * 2.5 MB/s
    assert isinstance(found["least"], dict)
    assert 10_500_000 < found["least"]["link_bits_per_second"] < 10_700_000
    assert document("--hours", "8")["falls_behind_at"] == "2026-03-02T06:00:00.000Z"


def test_timetable_outage_and_bypass() -> None:
    limited = document("--timetable", "Mon-Fri 07:00-19:00 4 Mbit/s", "--cameras", "8")
    assert limited["fits"] is False
    assert document("--limit", "4 Mbit/s", "--evidential", "100", "--cameras", "8")["fits"] is False
    assert document("--limit", "4 Mbit/s", "--evidential", "100", "--bypass", "--cameras", "8")["fits"] is True
    down = document("--link-down", "Tue 00:00 20 h", "--cameras", "8")
    assert down["falls_behind_at"] == "2026-03-02T22:00:00.000Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cameras", "0"), "--cameras"),
        (("--bays", "-1"), "--bays"),
        (("--hours", "1e9"), "no more than a day has"),
        (("--hours", "nan"), "no more than a day has"),
        (("--hours", "0"), "no more than a day has"),
        (("--bit-rate", "4"), "is not a rate"),
        (("--link", "0 Mbit/s"), "would stop everything"),
        (("--link", "20 TB"), "--link"),
        (("--timetable", "never"), "--timetable"),
        (("--link-down", "Fri"), "is no outage"),
        (("--shifts", "25:00"), "is no list of times of day"),
        (("--shifts", ",".join(f"{hour:02}:00" for hour in range(24)), "--days", "92"), "more than 400"),
        (("--days", "1000"), "--days"),
        (("--zone", "Nowhere"), "is no time zone"),
        (("--from", "today"), "--from"),
        (("--from", "9999-12-31"), "--from"),
        (
            ("--spool", "1 GB"),
            "--spool 1 GB: no room at all above what is kept free (5 GiB unless --keep-free says otherwise)",
        ),
        (("--spool", "1 GB", "--keep-free", "2 GB"), "(2 GB, as --keep-free says)"),
        (("--link-down", "2020-01-01 10:00 2 h"), "begins 2020-01-01 10:00, and is none of the days from 2026-03-02"),
        (("--link-down", "Fri 18:00 2 h"), "begins 2026-03-06 18:00"),
        (("--link-down", "2026-03-01 22:00 2 h"), "--from and --days"),
        (("--spool", "lots"), "--spool"),
        (("--usb", "1000 GB/s"), "cameras are read"),
        (("--efficiency", "0"), "per cent"),
        (("--evidential", "nan"), "per cent"),
        (("--proof", "word"), "--proof"),
        (
            ("--cameras", "10000", "--hours", "24", "--bit-rate", "1 Gbit/s", "--days", "92"),
            "more footage than there can be",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_what_a_dock_is_configured_to(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    bays = "".join(f'[[bays]]\nnumber = {number}\nusb_path = "port-{number}"\n' for number in range(1, 5))
    file.write_text(
        f'[store]\nurl = "https://store.example.org"\n[spool]\npath = "{tmp_path}/spool"\n[wipe]\ngrace = "1 h"\n'
        f'[bandwidth]\nlimit = "8 Mbit/s"\n{bays}'
    )
    done = run("--config", str(file))
    assert done.exit_code == 0, done.output
    assert "4 cameras a shift, 4 bays, 3.6 GB each, over the configured limit" in done.output
    assert f"the spool {tmp_path}/spool is not looked at" in done.output
    shifts = document("--config", str(file))["shifts"]
    assert isinstance(shifts, list)
    assert shifts[0]["confirmed_at"] == "2026-03-02T10:00:00.000Z"  # 14.4 GB at 1 MB/s
    assert shifts[0]["emptied_at"] == "2026-03-02T11:04:00.000Z"  # an hour later, and read twice at 120 MB/s


def test_a_wrong_configuration_is_2(tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "none.toml")).exit_code == 2


def test_the_picture(tmp_path: Path) -> None:
    file = tmp_path / "plan.svg"
    assert run("--svg", str(file)).exit_code == 0
    ElementTree.parse(file)
    done = run("--svg", str(tmp_path / "no" / "plan.svg"))
    assert done.exit_code == 3
    assert "The line carries it" in done.stdout  # what was asked is told all the same
    assert "plan.svg cannot be written: No such file" in done.stderr


def test_an_outage_that_begins_before_the_first_day_and_reaches_into_it_counts() -> None:
    assert document("--link-down", "2026-03-01 22:00 26 h", "--cameras", "8")["fits"] is False
