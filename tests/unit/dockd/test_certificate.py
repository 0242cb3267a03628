"""A certificate says what the record says, escapes what comes from outside, and is one page long."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dockd.certificate import Certificate, as_html, as_text, facts
from ingest.ledger import Ledger, Transaction, history, page_history, segments
from ingest.ledger.audit import moment
from ingest.ledger.custody import canonical
from ingest.ledger.evidence_times import evidence_times
from tests.unit.ingest.ledger.day import STORE, STORE_PUBLIC, a_day, forger

SCRIPT = Path(__file__).parents[3] / "docs" / "verify_export.py"
NASTY = "<script>alert(1)</script>\x1b[2J" + "W" * 400


def made(state: Path, segment: str) -> Certificate:
    with moment(state / "ledger.db") as reader:
        return facts(reader, segment, now=1_800_000_000.0)


def values(found: Certificate) -> dict[str, str]:
    return {label: value for _title, rows in found.sections for label, value in rows}


async def test_what_it_says(tmp_path: Path) -> None:
    one, _two, three = await a_day(tmp_path)
    found = made(tmp_path, one)
    said = values(found)
    assert found.faults == ()
    assert "6 receipts carry the store's signature" in found.verdict
    assert (said["Segment"], said["Camera"], said["Size"]) == (one, "CAM01", "10 bytes")
    assert f"signed by the store's key {STORE.keys[0]}" in said["Nonce, signature"]
    assert "confirm-0" in dict(found.sections[2][1][:2])["Nonce, signature"]
    assert said["Recorded (camera's clock)"] == "2001-09-09T01:46:40.000Z"
    assert re.fullmatch(r"20\d\d-.*Z \(entry \d+\)", said["Deleted from the camera"])
    assert values(made(tmp_path, three))["Deleted from the camera"] == "not recorded"
    assert said["Head"].split()[-1] in "".join(found.check)
    assert found.story[0][2].startswith("DCIM/DOC_0.MP4 was found on camera CAM01")


@pytest.mark.parametrize(
    ("synchronised", "told"),
    [
        (True, "was synchronised when the file was listed (entry"),
        (False, "was NOT synchronised when the file was listed (entry"),
        (None, "is not recorded"),
    ],
)
async def test_which_clock_is_to_be_trusted(tmp_path: Path, *, synchronised: bool | None, told: str) -> None:
    one, *_rest = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        connection.execute(
            "UPDATE custody SET body = json_set(body, '$.data.clock_offset_ms', -90400) WHERE segment = ? AND action = 'segment.copied'",
            (one,),
        )
        connection.execute("UPDATE custody SET action = 'clock.other' WHERE action = 'clock.trust'")
        if synchronised is not None:
            trust = canonical({"data": {"synchronised": synchronised}})
            connection.execute("UPDATE custody SET action = 'clock.trust', body = ? WHERE seq = 2", (trust,))
    said = values(made(tmp_path, one))["Clocks"]
    assert told in said
    assert "The camera's clock was 90 s behind the station's when it was docked" in said


@pytest.mark.parametrize("synchronised", [True, False])
async def test_the_files_page_says_the_same(tmp_path: Path, *, synchronised: bool) -> None:
    """Which times are to be trusted, in the same words; and the same entries, the leave to delete it among them."""
    day = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        trust = canonical({"data": {"synchronised": synchronised}})
        connection.execute("UPDATE custody SET body = ? WHERE action = 'clock.trust'", (trust,))
    for one in day:
        with moment(tmp_path / "ledger.db") as reader:
            words = evidence_times(reader.execute, one).words
            told = list(history.records(reader, history.Wanted(segment=one), up_to=1 << 62))
            page = page_history.of_segment(reader.execute, one, after=0, count=100)
            second = page_history.of_segment(reader.execute, one, after=page[1].seq, count=2)
        assert values(made(tmp_path, one))["Clocks"].startswith(words)
        assert ("trust the store's times alone" in words) is not synchronised
        assert [entry.seq for entry in page] == [entry.seq for entry in told]
        assert ("permit.issued" in [entry.action for entry in page]) == (one != day[-1])
        assert second == page[2:4], "a page of it has no other order"


async def test_a_row_that_somebody_edited_is_not_certified(tmp_path: Path) -> None:
    one, *_rest = await a_day(tmp_path)
    before = made(tmp_path, one)
    with forger(tmp_path) as connection:
        connection.execute(
            "UPDATE segments SET path = CAST('DCIM/FORGED.MP4' AS BLOB), captured_at = 0, xxh3_128 = '00', clock_offset = -3600, listed_at = 0,"
            " size = 7, held = 'failed', held_message = 'forged', on_camera = 1 WHERE id = ?",
            (one,),
        )
    found = made(tmp_path, one)
    assert found.verdict.startswith("THE RECORD IS NOT WHOLE: ")
    assert found.sections[:2] == before.sections[:2]


async def test_what_only_the_ledger_has_is_called_so(tmp_path: Path) -> None:
    """Of a segment that was copied before dockd recorded the camera's times."""
    one, *_rest = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        connection.execute(
            "UPDATE custody SET body = json_remove(body, '$.data.captured_at') WHERE segment = ?", (one,)
        )
        connection.execute("UPDATE segments SET clock_offset = 7 WHERE id = ?", (one,))
    said = values(made(tmp_path, one))
    assert said["Recorded (camera's clock)"] == "2001-09-09T01:46:40.000Z (by the ledger, not in the record)"
    assert "7 s ahead of the station's when it was docked (by the ledger, not in the record)" in said["Clocks"]


async def test_what_it_tells_an_auditor_to_do_can_be_done(tmp_path: Path) -> None:
    """Word for word as it is printed, by a shell, in a folder with the script and nothing else."""
    one, *_rest = await a_day(tmp_path / "state")
    printed = " ".join(made(tmp_path / "state", one).check)
    export, script = re.findall("`([^`]+)`", printed)
    shutil.copy(SCRIPT, tmp_path)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(SCRIPT.parents[1]),
    }
    (tmp_path / "dockd.sh").write_text(f'dockd() {{ python3 -m "dockd" "$@" --state {tmp_path / "state"}; }}\n')
    done = subprocess.run(
        ["sh", "-c", f". ./dockd.sh; {export} && {script}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(r"^whole: \d+ entries$", done.stdout, re.MULTILINE)
    other = script.replace(re.findall("[0-9a-f]{64}", script)[0], "0" * 64)
    done = subprocess.run(
        ["sh", "-c", other], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "a head that you know is not in it" in done.stdout) == (1, True)


async def test_a_record_that_is_not_whole_is_said_first(tmp_path: Path) -> None:
    one, *_rest = await a_day(tmp_path)
    with forger(tmp_path) as connection:
        connection.execute("UPDATE custody SET body = replace(body, 'CAM01', 'CAM02') WHERE seq = 7")
    found = made(tmp_path, one)
    assert found.verdict.startswith("THE RECORD IS NOT WHOLE: 1 faults, the first: entry 7: its text was changed")
    assert 'class="verdict wrong"' in as_html(found)
    assert "THE RECORD IS NOT WHOLE" in as_text(found)


async def test_a_segment_without_a_receipt_a_row_or_a_known_key(tmp_path: Path) -> None:
    _one, _two, three = await a_day(tmp_path, confirmed=2)
    assert values(made(tmp_path, three))["Receipts"] == "none: the store has not confirmed this segment"
    with forger(tmp_path) as connection:
        connection.execute("DELETE FROM store_keys")
        assert STORE_PUBLIC
        assert "could not be checked by their signature" in made(tmp_path, three).verdict
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM segments WHERE id = ?", (three,))
    found = made(tmp_path, three)
    assert values(found)["Size"] == "300000 bytes"
    assert f"segment {three} is in the record, but not in the ledger" in found.verdict


class Tags(HTMLParser):
    """Which tags are in a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _value in attrs)

    def handle_data(self, data: str) -> None:
        self.rows.append(data)


async def test_everything_is_escaped_and_bounded(tmp_path: Path) -> None:
    one, *_rest = await a_day(tmp_path)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")

    def nasty(tx: Transaction) -> None:
        tx.execute("UPDATE segments SET path = ? WHERE id = ?", (NASTY.encode() * 6, one))
        for number in range(30):
            segments.hold(tx, one, reason="failed", error=f"{number} {NASTY}")

    await ledger.commit(nasty)
    await ledger.close()
    found = made(tmp_path, one)
    page = as_html(found)
    reader = Tags()
    reader.feed(page)
    assert reader.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th", "td", "ol", "li", "div", "span",
    }  # fmt: skip
    assert "<script" not in page
    assert "\x1b" not in page + as_text(found)
    assert len(found.story) == 9
    assert "… 28 more entries, in the export …" in page
    assert max(len(row) for row in reader.rows if "@page" not in row) < 420
    assert len(page) < 12_000
