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
from dockd.ops.logs import LineSink, Logs, Record, console_line, json_line
from ingest.events import BayOutOfUse, CameraUndocked, SegmentCopied, StoreChanged


class Kept:
    """A sink that remembers; `stuck` holds every write up, `broken` fails it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.stuck = threading.Event()
        self.stuck.set()
        self.broken = False
        self.closed = False

    def write(self, record: Record) -> None:
        self.stuck.wait(10)
        if self.broken:
            raise OSError(28, "No space left on device")
        self.records.append(record)

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
    first, second = sink.records
    assert first["message"] == "a.mp4 was pulled from camera C and verified by a second read"
    assert (first["event.action"], first["event.outcome"], first["event.sequence"]) == ("segment.copied", "success", 1)
    assert (first["dockd.camera"], first["dockd.bytes"], first["dockd.custody"]) == ("C", 5, 7)
    assert (first["service.name"], first["service.version"]) == ("dockd", "1.2.3")
    assert (second["error.message"], second["event.sequence"]) == ("no route", 2)
    assert "dockd.custody" not in second
    assert sink.closed


def test_which_token_did_it_is_told() -> None:
    sink = Kept()
    logs = Logs(sink=sink).start()
    logs.hear(BayOutOfUse(bay=6, reason="its token=s3cr3t is broken", by="token:desk"), 1)
    logs.close()
    (line,) = sink.records
    assert (line["dockd.by"], "out of use by token:desk: " in line["message"]) == ("token:desk", True), line
    assert "s3cr3t" not in json.dumps(line)


def test_what_is_below_the_level_takes_no_number() -> None:
    sink = Kept()
    logs = Logs(sink=sink, level="warning").start()
    logs.hear(CameraUndocked(camera="C", docking=1), 1)
    logs.level = "info"
    logs.hear(CameraUndocked(camera="C", docking=1), 2)
    logs.close()
    assert [(record["event.sequence"], record["dockd.custody"]) for record in sink.records] == [(1, 2)]


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
        while len(sink.records) + logs.lost < said + count and time.monotonic() < deadline:
            time.sleep(0.001)

    said = 0
    say(2)
    sink.broken, said = True, 2
    say(3)
    sink.broken, said = False, 5
    say(1)
    logs.close()
    assert [record["event.sequence"] for record in sink.records] == [1, 2, 6]
    assert logs.lost == 3
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
    (line,) = sink.records
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
