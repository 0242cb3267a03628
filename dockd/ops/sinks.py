"""Where the log's records go: a file or standard error, as JSON or for people, or the systemd journal.

Rules kept here: a line is one line, and whole, or the next one begins on a line of its own; a file that was moved away (logrotate) is noticed before
the next line, with no signal; a file that is made here may be read by its group (0640), whatever the process's mask says, for shippers read it.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from dockd.ops.journald import Journal

LogFormat = Literal["json", "console", "journald"]
Record = dict[str, Any]
_COLOURS = {"debug": "2", "info": "0", "warning": "33", "error": "31"}
_MODE = 0o640


class Sink(Protocol):
    """Where records go. `write`, `reopen` and `close` may raise OSError."""

    def write(self, record: Record) -> None:
        """One record."""

    def moved(self) -> bool:
        """Whether what is written to is no longer what goes by its name."""
        ...

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
        self._fd = _open(file) if file is not None else sys.stderr.fileno()
        self._colour = console and file is None and os.isatty(self._fd) and not os.environ.get("NO_COLOR")
        self._torn = False

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

    def moved(self) -> bool:
        """Looked at before each line: what is compressed next must not be written to any more."""
        if self._file is None:
            return False
        mine = os.fstat(self._fd)
        try:
            there = os.stat(self._file)
        except OSError:
            return True
        return (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino)

    def reopen(self) -> None:
        """The same name again; the old file stays in use where that fails."""
        if self._file is not None:
            fresh = _open(self._file)
            os.close(self._fd)
            self._fd = fresh
            self._torn = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._fd)


def _open(file: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
    try:
        fd = os.open(file, flags | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return os.open(file, flags | os.O_CREAT, _MODE)
    os.fchmod(fd, _MODE)
    return fd


class JournalSink:
    """The systemd journal."""

    def __init__(self) -> None:
        self._journal = Journal()

    def write(self, record: Record) -> None:
        """One record; tried once more on a new socket, for the journal may have been restarted."""
        try:
            self._journal.send(record)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise
            self.reopen()
            self._journal.send(record)

    def moved(self) -> bool:
        """It says so itself, by an error."""
        return False

    def reopen(self) -> None:
        """Connect anew."""
        fresh = Journal()
        self._journal.close()
        self._journal = fresh

    def close(self) -> None:
        """Let go."""
        self._journal.close()


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
