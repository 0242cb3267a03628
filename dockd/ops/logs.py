"""The log: every event of the one registry, and whatever libraries say, as one line each, through one writer.

Rules kept here: nobody waits for a log (lines are handed to a thread; a disk that is full or a reader that stands still costs lines, never
footage); `event.sequence` counts every line that dockd had to say, so that a line that could not be written is a gap, and loss can be
proved; no secret is written; a line is one line, whatever a camera calls its files.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import queue
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from dockd.ops.happenings import LibraryLine
from dockd.ops.journald import Journal
from dockd.ops.redaction import redacted
from ingest.clock import rfc3339
from ingest.events import Event, Level

LogFormat = Literal["json", "console", "journald"]
Record = dict[str, Any]
_RANK: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"debug": "2", "info": "0", "warning": "33", "error": "31"}
_MOST_WAITING = 20_000
_SAY_AGAIN = 10.0


class Sink(Protocol):
    """Where records go. Every method may raise OSError."""

    def write(self, record: Record) -> None:
        """One record."""

    def reopen(self) -> None:
        """After the file was moved away."""

    def close(self) -> None:
        """The end."""


def json_line(record: Mapping[str, Any]) -> str:
    """One line of ECS JSON.

    >>> json_line({"message": "a\\nb"})
    '{"message":"a\\\\nb"}'
    """
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True)


def console_line(record: Mapping[str, Any], *, colour: bool) -> str:
    """One line for people."""
    level = str(record["log.level"])
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(record["message"])
    )
    line = f"{str(record['@timestamp'])[11:19]} {level:<7} {text}"
    if "error.stack_trace" in record:
        line += "\n" + str(record["error.stack_trace"])
    return f"\x1b[{_COLOURS.get(level, '0')}m{line}\x1b[0m" if colour else line


class LineSink:
    """Lines into a file, or into a descriptor that somebody else opened (standard error)."""

    def __init__(self, *, file: Path | None, console: bool) -> None:
        self._file = file
        self._console = console
        self._fd = self._open() if file is not None else sys.stderr.fileno()
        self._colour = console and file is None and os.isatty(self._fd) and not os.environ.get("NO_COLOR")
        self._torn = False

    def _open(self) -> int:
        return os.open(str(self._file), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o640)

    def write(self, record: Record) -> None:
        """Whole, or the next one begins on a line of its own."""
        line = console_line(record, colour=self._colour) if self._console else json_line(record)
        body = (b"\n" if self._torn else b"") + line.encode("utf-8", "backslashreplace") + b"\n"
        done = 0
        try:
            while done < len(body):
                done += os.write(self._fd, body[done:])
        finally:
            if done:
                self._torn = done < len(body)

    def reopen(self) -> None:
        """The same name again; the old file stays in use where that fails."""
        if self._file is not None:
            fresh = self._open()
            os.close(self._fd)
            self._fd = fresh

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._fd)


class JournalSink:
    """The systemd journal."""

    def __init__(self) -> None:
        self._journal = Journal()

    def write(self, record: Record) -> None:
        """One datagram; tried once more on a new socket, for the journal may have been restarted."""
        try:
            self._journal.send(record)
        except OSError:
            self.reopen()
            self._journal.send(record)

    def reopen(self) -> None:
        """Connect anew."""
        fresh = Journal()
        self._journal.close()
        self._journal = fresh

    def close(self) -> None:
        """Let go."""
        self._journal.close()


class Logs:
    """The one writer. `hear` is a subscriber of the ledger; `start()` before, `close()` at the end. Safe from any thread."""

    def __init__(self, *, sink: Sink, level: Level = "info", version: str = "") -> None:
        self._sink = sink
        self.level: Level = level
        self._fixed = {"service.name": "dockd", "service.version": version, "host.name": platform.node()}
        self._waiting: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._sequence = 0
        self._reopen = threading.Event()
        self._closed = False
        self.lost = 0
        self._said_at = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> Logs:
        """Begin to write."""
        self._thread.start()
        return self

    def hear(self, event: Event, seq: int) -> None:
        """An event of the registry; `seq` its custody number, 0 for none."""
        extra: Record = {"dockd.custody": seq} if seq else {}
        by = _by_whom(event)
        fields = {**_fields_of(event, by), **extra}
        self._put(event.severity(), event.action, event.outcome, event.message(), fields, by=by)

    def library(self, record: logging.LogRecord) -> None:
        """A record of the standard library's logging."""
        level: Level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "info" if record.levelno >= 20 else "debug"  # fmt: skip
        extra: Record = {"log.logger": record.name}
        if record.exc_info is not None and record.exc_info[0] is not None:
            extra["error.type"] = record.exc_info[0].__name__
            extra["error.stack_trace"] = redacted(logging.Formatter().formatException(record.exc_info))
        self._put(level, LibraryLine.action, LibraryLine.outcome, record.getMessage(), extra)

    def _put(self, level: Level, action: str, outcome: str, message: str, extra: Record, *, by: str = "") -> None:
        if _RANK[level] < _RANK[self.level]:
            return
        record: Record = {
            "@timestamp": rfc3339(time.time()), "log.level": level, "message": redacted(message, by=by), "event.action": action,
            "event.outcome": outcome, "event.sequence": 0, **self._fixed, **extra,
        }  # fmt: skip
        with self._turn:
            if self._closed:
                return
            self._sequence += 1
            record["event.sequence"] = self._sequence
            if self._waiting.qsize() >= _MOST_WAITING:
                self.lost += 1  # a gap in the sequence says so too
            else:
                self._waiting.put(record)

    def reopen(self) -> None:
        """Open the file anew before the next line (its old one was moved away)."""
        self._reopen.set()

    def close(self, *, patience: float = 2.0) -> None:
        """Write what waits, for at most `patience` seconds."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join(patience)

    # -- the writer's thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (record := self._waiting.get()) is not None:
            try:
                if self._reopen.is_set():
                    self._reopen.clear()
                    self._sink.reopen()
            except OSError as error:
                self._say(f"the log cannot be opened anew ({error.strerror}): the old file stays in use")
            try:
                self._sink.write(record)
            except OSError as error:
                with self._turn:
                    self.lost += 1
                self._say(
                    f"the log cannot be written ({error.strerror or error}); dockd goes on, and lines are missing"
                )
        with contextlib.suppress(OSError):
            self._sink.close()

    def _say(self, text: str) -> None:
        """The log itself is in trouble: tell standard error, not too often."""
        now = time.monotonic()
        if now - self._said_at < _SAY_AGAIN:
            return
        self._said_at = now
        with contextlib.suppress(OSError, ValueError):
            os.write(2, f"dockd: {text}\n".encode("utf-8", "backslashreplace"))


_NAMES = {"error": "error.message", "url": "url.full"}
_NOT_LOGGED = frozenset({"officer"})  # who has a camera is for custody and the page


def _by_whom(event: Event) -> str:
    """Who did it, where the event is of somebody's doing."""
    by = getattr(event, "by", None)
    return by if isinstance(by, str) else ""


def _fields_of(event: Event, by: str) -> Record:
    found: Record = {}
    for name, value in event.data().items():
        if name in _NOT_LOGGED:
            continue
        found[_NAMES.get(name, f"dockd.{name}")] = redacted(value, by=by) if isinstance(value, str) else value
    return found


class _Handler(logging.Handler):
    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        try:
            self._logs.library(record)
        except (TypeError, ValueError):  # a record that cannot be put together
            self.handleError(record)


def take_over(logs: Logs) -> None:
    """From now on everything that libraries say goes through `logs`, and nowhere else."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(_Handler(logs))
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("watchdog").setLevel(logging.WARNING)


def open_sink(*, form: LogFormat, file: Path | None) -> tuple[Sink, str]:
    """The sink that the settings ask for, and a warning: the one that is there, where that cannot be had."""
    if form == "journald":
        try:
            return JournalSink(), ""
        except OSError as error:
            text = f"the journal cannot be reached ({error.strerror}): JSON on standard error instead"
            return LineSink(file=None, console=False), text
    try:
        return LineSink(file=file, console=form == "console"), ""
    except OSError as error:
        text = f"the log file {file} cannot be opened ({error.strerror}): standard error instead"
        return LineSink(file=None, console=form == "console"), text
