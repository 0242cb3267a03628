"""The one writer of the log: what is in a line, and what becomes of it where it cannot be written."""

from __future__ import annotations

import doctest
import json
import logging
import os
import resource
import sys
import threading
import time
from pathlib import Path

import pytest

from dockd.ops import happenings, redaction
from dockd.ops.logs import Logs
from dockd.ops.mark import Mark, Stood
from dockd.ops.sinks import LineSink, Record, console_line, json_line
from ingest.events import BayOutOfUse, CameraUndocked, PermitIssued, SegmentCopied, StoreChanged


class Kept:
    """A sink that remembers; `stuck` holds every write up, `broken` fails it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.stuck = threading.Event()
        self.stuck.set()
        self.broken = False
        self.closed = False

    @property
    def said(self) -> list[Record]:
        """What is not of the log itself."""
        return [record for record in self.records if not record["event.action"].startswith("log.")]

    def write(self, record: Record) -> None:
        self.stuck.wait(10)
        if self.broken:
            raise OSError(28, "No space left on device")
        self.records.append(record)

    def moved(self) -> bool:
        return False

    def reopen(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


def test_an_event_becomes_ecs_fields() -> None:
    sink = Kept()
    logs = Logs(sink=sink, version="1.2.3").start()
    logs.hear(
        SegmentCopied(
            camera="C", segment="ab", path="a.mp4", bytes=5, sha256="00", xxh3_128="11", second_read="direct"
        ),
        7,
    )
    logs.hear(StoreChanged(state="down", error="no route"), 0)
    logs.close()
    first, second = sink.said
    assert first["message"] == "a.mp4 was pulled from camera C and verified by a second read"
    assert (first["event.action"], first["event.outcome"], first["event.sequence"]) == ("segment.copied", "success", 2)
    assert (first["dockd.camera"], first["dockd.bytes"], first["dockd.custody"]) == ("C", 5, 7)
    assert (first["service.name"], first["service.version"]) == ("dockd", "1.2.3")
    assert (second["error.message"], second["event.sequence"]) == ("no route", 3)
    assert "dockd.custody" not in second
    assert sink.closed


def test_which_token_did_it_is_told() -> None:
    sink = Kept()
    logs = Logs(sink=sink).start()
    logs.hear(BayOutOfUse(bay=6, reason="its token=s3cr3t is broken", by="token:desk"), 1)
    logs.close()
    (line,) = sink.said
    assert (line["dockd.by"], "out of use by token:desk: " in line["message"]) == ("token:desk", True), line
    assert "s3cr3t" not in json.dumps(line)


def test_what_is_below_the_level_takes_no_number() -> None:
    sink = Kept()
    logs = Logs(sink=sink, level="warning").start()
    logs.hear(CameraUndocked(camera="C", docking=1), 1)
    logs.level = "info"
    logs.hear(CameraUndocked(camera="C", docking=1), 2)
    logs.close()
    assert [(record["event.sequence"], record.get("dockd.custody")) for record in sink.records] == [(1, 2), (2, None)]


@pytest.mark.parametrize(
    ("state", "level"),
    [("down", "warning"), ("wrong-store", "warning"), ("dishonest", "error"), ("slow", None), ("connected", None)],
)
def test_an_outage_is_told_to_who_wants_warnings_alone(state: str, level: str | None) -> None:
    sink = Kept()
    logs = Logs(sink=sink, level="warning").start()
    logs.hear(StoreChanged(state=state, error="so it is"), 0)
    logs.close()
    assert [record["log.level"] for record in sink.records] == ([level] if level else [])


def test_a_reload_is_told_in_a_sentence() -> None:
    for module in (happenings, redaction):
        assert doctest.testmod(module).failed == 0


def test_a_line_that_cannot_be_written_leaves_a_gap(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Kept()
    logs = Logs(sink=sink).start()

    def say(count: int) -> None:
        for _ in range(count):
            logs.hear(CameraUndocked(camera="C", docking=1), 0)
        deadline = time.monotonic() + 30
        while len(sink.said) + logs.lost < said + count and time.monotonic() < deadline:
            time.sleep(0.001)

    said = 0
    say(2)
    sink.broken, said = True, 2
    say(3)
    sink.broken, said = False, 5
    say(1)
    while len(sink.records) < 5:
        time.sleep(0.001)
    logs.close()
    assert [(record["event.action"], record["event.sequence"]) for record in sink.records] == [
        ("log.opened", 1), ("camera.undocked", 2), ("camera.undocked", 3), ("camera.undocked", 7), ("log.lost", 8), ("log.closed", 9),
    ]  # fmt: skip
    (told,) = (record for record in sink.records if record["event.action"] == "log.lost")
    assert [told[f"dockd.{name}"] for name in ("lines", "first", "last")] == [3, 4, 6]
    assert (logs.lost, sink.records[-1]["dockd.lines_lost"]) == (3, 3)
    assert capfd.readouterr().err.count("No space left on device") == 1


def test_nobody_waits_for_a_log_that_stands_still() -> None:
    sink = Kept()
    sink.stuck.clear()
    logs = Logs(sink=sink).start()
    began = time.monotonic()
    for _ in range(25_000):
        logs.hear(CameraUndocked(camera="C", docking=1), 0)
    assert time.monotonic() - began < 30
    assert logs.lost >= 4_990
    logs.close(patience=0.05)
    sink.stuck.set()


def test_libraries_speak_through_it_too() -> None:
    sink = Kept()
    logs = Logs(sink=sink).start()
    try:
        raise ValueError("token=abcdef and more")
    except ValueError:
        record = logging.LogRecord("lib", logging.ERROR, __file__, 1, "it failed: %s", ("password: hunter2",), None)
        record.exc_info = sys.exc_info()
    logs.library(record)
    logs.close()
    (line,) = sink.said
    assert (line["log.logger"], line["log.level"], line["error.type"]) == ("lib", "error", "ValueError")
    assert "hunter2" not in json_line(line)
    assert "abcdef" not in json_line(line)
    assert "Traceback" in line["error.stack_trace"]


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    record: Record = {
        "@timestamp": "2026-11-20T10:00:00.000Z",
        "log.level": "info",
        "message": "a\nb\u2028c\udcff\x1b[31m",
    }
    assert json_line(record).count("\n") == 0
    assert json.loads(json_line(record)) == record
    text = console_line(record, colour=False)
    assert text.isprintable()
    assert text == r"10:00:00 info    a\nb\u2028c\udcff\x1b[31m"


def test_a_torn_line_is_ended_before_the_next(tmp_path: Path) -> None:
    file = tmp_path / "log"
    sink = LineSink(file=file, console=False)
    sink.write({"n": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            sink.write({"n": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sink.write({"n": 3})
    sink.close()
    assert file.read_text().splitlines() == ['{"n":1}', '{"n"', '{"n":3}']


def test_reopening_goes_on_under_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "log"
    sink = LineSink(file=file, console=False)
    sink.write({"n": 1})
    file.rename(tmp_path / "old")
    sink.write({"n": 2})
    sink.reopen()
    sink.write({"n": 3})
    os.rename(file, tmp_path / "newer")
    (tmp_path / "log").mkdir()
    with pytest.raises(IsADirectoryError):
        sink.reopen()
    sink.write({"n": 4})
    sink.close()
    assert (tmp_path / "old").read_text() == '{"n":1}\n{"n":2}\n'
    assert (tmp_path / "newer").read_text() == '{"n":3}\n{"n":4}\n'


def test_a_run_says_where_the_one_before_ended(tmp_path: Path) -> None:
    file = tmp_path / "log.mark"
    first, second, third = Kept(), Kept(), Kept()
    one = Logs(sink=first, mark=Mark(file)).start()
    one.hear(CameraUndocked(camera="C", docking=1), 0)
    one.close()
    two = Logs(sink=second, mark=Mark(file)).start()
    two.close()
    file.write_bytes(b"\xff" * 4096)
    Logs(sink=third, mark=Mark(file)).start().close()
    assert "dockd.before" not in first.records[0]
    opened = second.records[0]
    assert (opened["dockd.before"], opened["dockd.before_last"], opened["dockd.before_boot"]) == (one.run, 3, one.boot)
    assert opened["service.ephemeral_id"] == opened["dockd.run"] == two.run != one.run
    assert "dockd.before" not in third.records[0]


def test_a_run_knows_whether_the_one_before_ended_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "log.mark"
    found = []
    for level, killed in (
        ("info", False),
        ("info", True),
        ("error", False),
        ("error", True),
        ("info", False),
        ("info", False),
    ):
        logs = Logs(sink=Kept(), mark=Mark(file), level=level).start()  # type: ignore[arg-type]
        found.append(logs.ended_before)
        logs.hear(CameraUndocked(camera="C", docking=1), 0)
        deadline = time.monotonic() + 5
        while file.exists() and '"ended": false' not in file.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        if killed:
            there = file.read_text()
            logs.close()
            file.write_text(there)  # what a killed process leaves
        else:
            logs.close()
    assert found == [None, True, False, True, False, True]


def test_a_mark_of_a_version_before_does_not_say_how_its_run_ended(tmp_path: Path) -> None:
    file = tmp_path / "log.mark"
    file.write_text('{"run": "%s", "boot": "", "last": 7}' % ("a" * 32))
    assert Mark(file).before == Stood(run="a" * 32, boot="", last=7, ended=None)


@pytest.mark.parametrize(
    "text",
    ['{"run": "x", "boot": "", "last": 1}', '{"run": 1, "boot": "", "last": 1}', "[]", "", "[" * 256, '{"run": "%s", "boot": "", "last": true}' % ("a" * 32)],
)  # fmt: skip
def test_a_mark_that_is_nonsense_says_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "log.mark"
    file.write_text(text)
    mark = Mark(file)
    assert mark.before is None
    mark.write(Stood(run="a" * 32, boot="", last=7))
    mark.close()
    assert Mark(file).before == Stood(run="a" * 32, boot="", last=7)


def test_a_log_goes_on_where_nothing_can_be_marked(tmp_path: Path) -> None:
    sink = Kept()
    logs = Logs(sink=sink, mark=Mark(tmp_path / "none" / "log.mark")).start()
    logs.close()
    assert (len(sink.records), logs.lost) == (2, 0)


def test_a_file_that_was_moved_away_is_noticed_without_a_signal(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs = Logs(sink=LineSink(file=file, console=False)).start()

    def say_and_wait(number: int) -> None:
        logs.hear(CameraUndocked(camera="C", docking=number), 0)
        deadline = time.monotonic() + 5
        while not (file.exists() and f'"dockd.docking":{number}' in file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    say_and_wait(1)
    file.rename(tmp_path / "log.1")
    say_and_wait(2)
    file.unlink()
    say_and_wait(3)
    logs.close()
    assert [json.loads(line)["event.sequence"] for line in (tmp_path / "log.1").read_text().splitlines()] == [1, 2]
    assert [json.loads(line)["event.sequence"] for line in file.read_text().splitlines()] == [4, 5]


def test_its_group_may_read_a_file_that_is_made_here_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        LineSink(file=tmp_path / "log", console=False).close()
        (tmp_path / "given").touch(0o600)
        LineSink(file=tmp_path / "given", console=False).close()
    finally:
        os.umask(mask)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("log", "given")] == [0o640, 0o600]


def test_no_line_is_so_long_that_a_shipper_would_cut_it() -> None:
    sink = Kept()
    logs = Logs(sink=sink).start()
    logs.hear(PermitIssued(camera="C", permit=1, count=9000, segments=["a" * 32] * 9000), 0)
    logs.hear(StoreChanged(state="down", error="é" * 100_000), 0)
    logs.close()
    permit, down = sink.said
    assert (len(permit["dockd.segments"]), permit["dockd.segments_left_out"], permit["dockd.count"]) == (
        200,
        8800,
        9000,
    )
    assert (len(down["error.message"]), len(down["message"])) == (16_385, 16_385)
    assert max(len(json_line(record)) for record in sink.said) < 256 << 10
