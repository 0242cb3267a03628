"""The log: every event of the one registry, and whatever libraries say, as one line each, through one writer.

Rules kept here: nobody waits for a log (lines are handed to a thread; a disk that is full or a reader that stands still costs lines, never
footage); `event.sequence` counts every line that dockd had to say in this run, and each line names the run, so that a line that could not be
written is a gap, and loss can be proved; a run's first line says where the run before ended, its last that it is the last; lines that were lost
here are told as soon as one can be written again; no secret is written.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import queue
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from dockd.ops.happenings import LibraryLine, LogClosed, LogLost, LogOpened
from dockd.ops.mark import Mark, Stood, this_boot
from dockd.ops.redaction import redacted
from dockd.ops.sinks import Record, Sink
from ingest.clock import rfc3339
from ingest.events import Event, Level

HEARTBEAT = 60
"""Seconds between two lines that say how things are: a run that says nothing for longer is not well, or lines of it are missing."""
_RANK: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MOST_WAITING = 20_000
_SAY_AGAIN = 10.0
_LONGEST_TEXT = 16 << 10
_LONGEST_LIST = 200


class Logs:
    """The one writer. `hear` is a subscriber of the ledger; `start()` before, `close()` at the end. Safe from any thread."""

    def __init__(self, *, sink: Sink, level: Level = "info", version: str = "", mark: Mark | None = None) -> None:
        self._sink = sink
        self.level: Level = level
        self.run = uuid.uuid4().hex
        self.boot = this_boot()
        self._mark = mark
        self._stood = mark.before if mark is not None else None
        self.ended_before = self._stood.ended if self._stood is not None else None
        """Whether the run before this one ended by itself; None where nobody knows."""
        self._fixed = {
            "service.name": "dockd",
            "service.version": version,
            "service.ephemeral_id": self.run,
            "host.name": platform.node(),
        }
        self._waiting: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._sequence = 0
        self._reopen = threading.Event()
        self._closed = False
        self.lost = 0
        self._untold: list[int] = []  # how many, the first and the last of those that were lost since it was last told
        self._said_at = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> Logs:
        """Begin to write: first, what this run is, and where the one before ended."""
        before = self._stood
        self.hear(
            LogOpened(
                run=self.run, boot=self.boot, threshold=self.level, heartbeat_seconds=HEARTBEAT,
                before=before.run if before else None, before_last=before.last if before else None, before_boot=before.boot if before else None,
            ),
            0,
        )  # fmt: skip
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
            extra["error.stack_trace"] = _short(redacted(logging.Formatter().formatException(record.exc_info)))
        self._put(level, LibraryLine.action, LibraryLine.outcome, record.getMessage(), extra)

    def _put(self, level: Level, action: str, outcome: str, message: str, extra: Record, *, by: str = "") -> None:
        if _RANK[level] < _RANK[self.level]:
            return
        record: Record = {
            "@timestamp": rfc3339(time.time()), "log.level": level, "message": _short(redacted(message, by=by)), "event.action": action,
            "event.outcome": outcome, "event.sequence": 0, **self._fixed, **extra,
        }  # fmt: skip
        with self._turn:
            if self._closed:
                return
            self._closed = action == LogClosed.action
            self._sequence += 1
            record["event.sequence"] = self._sequence
            if self._waiting.qsize() >= _MOST_WAITING:
                self._has_lost(self._sequence)
            else:
                self._waiting.put(record)

    def _has_lost(self, sequence: int) -> None:
        """A gap in the sequence says so too. The caller has the turn."""
        self.lost += 1
        known = self._untold or [0, sequence, sequence]
        self._untold = [known[0] + 1, min(known[1], sequence), max(known[2], sequence)]

    def reopen(self) -> None:
        """Open the file anew before the next line (its old one was moved away)."""
        self._reopen.set()

    def close(self, *, patience: float = 2.0) -> None:
        """Write what waits, and that this was all, for at most `patience` seconds."""
        self.hear(LogClosed(lines_lost=self.lost), 0)
        with self._turn:
            self._closed = True
            self._waiting.put(None)
        self._thread.join(patience)

    # -- the writer's thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._keep(ended=False)
        while (record := self._waiting.get()) is not None:
            try:
                if self._reopen.is_set() or self._sink.moved():
                    self._reopen.clear()
                    self._sink.reopen()
            except OSError as error:
                self._say(f"the log cannot be opened anew ({error.strerror}): the old file stays in use")
            try:
                self._sink.write(record)
            except OSError as error:
                with self._turn:
                    self._has_lost(record["event.sequence"])
                self._say(
                    f"the log cannot be written ({error.strerror or error}); dockd goes on, and lines are missing"
                )
            else:
                self._written(record["event.sequence"])
        with contextlib.suppress(OSError):
            self._sink.close()
        self._keep(ended=True)
        if self._mark is not None:
            self._mark.close()

    def _keep(self, *, ended: bool) -> None:
        """How far the log got, and whether this run is over; nothing before the first line that a dock ever wrote."""
        if self._mark is not None and self._stood is not None:
            with contextlib.suppress(OSError):  # the ledger on the same disk says so, loudly
                self._mark.write(replace(self._stood, ended=ended))

    def _written(self, sequence: int) -> None:
        """Keep how far it got, and tell what was lost before, once there is room to tell it."""
        self._stood = Stood(run=self.run, boot=self.boot, last=sequence)
        self._keep(ended=False)
        if self._untold and self._waiting.qsize() < _MOST_WAITING // 2:
            with self._turn:
                (lines, first, last), self._untold = self._untold, []
            self.hear(LogLost(lines=lines, first=first, last=last), 0)

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
        if isinstance(value, list) and len(value) > _LONGEST_LIST:
            found[f"dockd.{name}_left_out"] = len(value) - _LONGEST_LIST
            value = value[:_LONGEST_LIST]
        found[_NAMES.get(name, f"dockd.{name}")] = _short(redacted(value, by=by)) if isinstance(value, str) else value
    return found


def _short(text: str) -> str:
    """No line is so long that a shipper would cut it: custody has the whole of it."""
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


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
