"""The newest of what dockd has said: of its file, and of the journal. Bounded, and never read whole where it is longer."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dockd.doctor.machine import NotSeen
from dockd.support.gathered import Gathered
from ingest.clock import rfc3339

_UNITS = ("dockd.service", "dockd-mount.service")
_AT = re.compile(r'"@timestamp":\s*"([^"]{20,30})"')
_ASIDE = re.compile(r"\.\d{1,4}|-\d{6,8}(?:-\d{1,12})?")
_KEPT = frozenset({"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_PID", "_UID", "UNIT", "_SYSTEMD_UNIT", "__REALTIME_TIMESTAMP", "EXIT_CODE", "EXIT_STATUS", "UNIT_RESULT", "MESSAGE_ID"})  # fmt: skip
_LONGEST = 64 << 10


def of_file(path: Path, *, since: float, most: int) -> Gathered:
    """The end of the log's file, and of those that were put aside before it as far as there is room. Raises OSError, NotSeen."""
    tail, notes = _tail(path, most), []
    aside = _put_aside(path)
    for at, before in aside:
        if len(tail) >= most or at < since:
            break
        with contextlib.suppress(OSError, NotSeen):  # it went meanwhile, or is no log
            tail = _tail(before, most - len(tail), os.O_NOFOLLOW) + tail
    lines = tail.decode("utf-8", "backslashreplace").splitlines()
    if len(tail) >= most:
        lines = lines[1:]  # a piece of one
        notes.append(f"its newest {most} bytes")
    asked = rfc3339(since)
    times = [_AT.search(line) for line in lines]
    kept = [line[:_LONGEST] for line, at in zip(lines, times, strict=True) if at is None or at[1] >= asked]
    if len(kept) < len(lines):
        notes.append(f"{len(lines) - len(kept)} lines older than --since left out")
    elif (
        all(at >= since for at, _before in aside)
        and (first := next((at[1] for at in times if at is not None), "")) > asked
    ):
        notes.append(f"the log begins at {first}, which is later than --since")
    return Gathered(text="\n".join([*kept, ""]) if kept else "", notes=notes)


def _put_aside(path: Path) -> list[tuple[float, Path]]:
    """By logrotate, with a number or a date, and when each was written last; the newest first."""
    found: list[tuple[float, Path]] = []
    for one in path.parent.iterdir():
        if one.name.startswith(path.name) and _ASIDE.fullmatch(one.name, len(path.name)) is not None:
            with contextlib.suppress(OSError):
                status = one.lstat()
                if stat.S_ISREG(status.st_mode):
                    found.append((status.st_mtime, one))
    return sorted(found, reverse=True)


def _tail(path: Path, most: int, flags: int = 0) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | flags)
    with open(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotSeen(f"{path} is no regular file")
        opened.seek(max(0, status.st_size - most))
        return opened.read(most)


def of_journal(*, since: float, most: int) -> Gathered:
    """What the journal has of dockd and its mount helper, the oldest first, a JSON document a line. Raises NotSeen."""
    words = [
        "journalctl",
        "--no-pager",
        "--quiet",
        "-r",
        "-o",
        "json",
        f"--since=@{int(since)}",
        *(f"-u{unit}" for unit in _UNITS),
    ]
    try:
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as asked:
            kept, size = [], 0
            for line in _bounded(asked.stdout) if asked.stdout is not None else ():
                size += len(line)
                if size > most:
                    break
                kept.append(line)
            asked.kill()
    except FileNotFoundError as error:
        raise NotSeen("there is no journalctl on this machine") from error
    if not kept:
        raise NotSeen(
            "the journal has nothing of dockd since then, or may not be read by this user (group systemd-journal)"
        )
    notes = [f"its newest {most} bytes"] if size > most else []
    return Gathered(text="\n".join([*reversed(kept), ""]), notes=notes)


def _bounded(stream: Any) -> Iterator[str]:
    """Each record as a line with the fields that say something."""
    while raw := stream.readline(1 << 20):
        try:
            record = json.loads(raw)
        except ValueError:
            continue
        fields = {
            key: value[:_LONGEST] for key, value in record.items()
            if isinstance(value, str) and (key in _KEPT or key.startswith("DOCKD_"))
        }  # fmt: skip
        yield json.dumps(fields)
