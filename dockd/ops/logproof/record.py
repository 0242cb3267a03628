"""What dockd said in one line of a log, in whatever form a shipper has left it.

Read are: dockd's own JSON, the same with nested objects, the journal's fields as JSON (`journalctl -o json`, rsyslog's imjournal), dockd's JSON as
text in a field of another JSON object, or behind a syslog header. Rules kept here: a line is hostile until it has been looked at: nothing of it is
believed but bounded numbers and words; whatever does not fit is told apart (another program's, no JSON, without a number), never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from dockd.ops.logproof.lines import Cut

Line = Literal["other", "broken", "unnumbered"]
"""Not dockd's; dockd's perhaps, but not to be read; dockd's, but it has no run or no number (an older dockd, or a shipper that dropped fields)."""
_HIGHEST = 1 << 53
_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADERS = ('{"@timestamp"', '{"MESSAGE"')
_SPLIT = re.compile(
    rb" dockd(\[\d{1,10}\])?: ?(\{.*)?$"
)  # a syslog line of dockd's that ends before there is a number in it
_WRAPPERS = ("MESSAGE", "message", "msg", "log", "line", "_raw", "event.original")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "run": ("service.ephemeral_id", "DOCKD_SERVICE_EPHEMERAL_ID"),
    "sequence": ("event.sequence", "DOCKD_EVENT_SEQUENCE"),
    "action": ("event.action", "DOCKD_EVENT_ACTION"),
    "host": ("host.name", "_HOSTNAME", "HOST", "hostname"),
    "time": ("DOCKD_TIMESTAMP", "@timestamp", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One line of dockd's. `at`: seconds since the epoch, None where it does not say; `fields`: what only some lines are asked for."""

    run: str
    sequence: int
    action: str
    host: str
    at: float | None
    fields: Mapping[str, Any]

    def number(self, name: str) -> int | None:
        """`dockd.NAME` as a number above 0 that can be one."""
        return _number(_found(self.fields, (f"dockd.{name}", f"DOCKD_{name.upper()}")))

    def word(self, name: str) -> str:
        """`dockd.NAME` as a short word; empty where there is none."""
        value = _found(self.fields, (f"dockd.{name}", f"DOCKD_{name.upper()}"))
        return value if isinstance(value, str) and len(value) <= 64 else ""


def what_it_says(line: bytes) -> Said | Line:
    """What is in this line.

    >>> what_it_says(b'{"service.name":"dockd","service.ephemeral_id":"a","event.sequence":7}').sequence
    7
    >>> what_it_says(b'{"SYSLOG_IDENTIFIER":"sshd"}'), what_it_says(b'{"service.name":"dockd", "event'), what_it_says(b'{"service.name":"dockd"}')
    ('other', 'broken', 'unnumbered')
    >>> what_it_says(b'<30>Nov 21 10:00:00 dock1 dockd[7]: {"@'), what_it_says(bytes(500)), what_it_says(b'dock1 dockd[7]: a word')
    ('broken', 'broken', 'other')
    """
    found = _what(line)
    return "broken" if found == "other" and (isinstance(line, Cut) or b"\0" in line or _SPLIT.search(line)) else found


def _what(line: bytes) -> Said | Line:
    if b"dockd" not in line:
        return "other"
    try:
        text = line.decode("utf-8", "replace")
        document = _object(text)
        if document is None:
            return "broken" if '"service.name":"dockd"' in text else "other"
        return _of(document)
    except (ValueError, RecursionError):
        return "broken"


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that a line is, or that stands behind a syslog header. Raises ValueError."""
    if not text.startswith("{"):
        begins = [at for at in (text.find(header) for header in _HEADERS) if at >= 0]
        if not begins:
            return None
        text = text[min(begins) :]
    document = json.loads(text)
    return document if isinstance(document, dict) else None


def _of(document: dict[str, Any]) -> Said | Line:
    own = _is_own(document)
    if not own or _found(document, _NAMES["sequence"]) is None:
        inner = _inner(document)
        if inner is None:
            return "unnumbered" if own else "other"
        document = inner
    run = _found(document, _NAMES["run"])
    sequence = _number(_found(document, _NAMES["sequence"]))
    if sequence is None or not isinstance(run, str) or not _RUN.fullmatch(run):
        return "unnumbered"
    action, host = (_found(document, _NAMES[name]) for name in ("action", "host"))
    return Said(
        run=run,
        sequence=sequence,
        action=action if isinstance(action, str) else "",
        host=host[:255] if isinstance(host, str) else "",
        at=_time(document),
        fields=document,
    )


def _is_own(document: Mapping[str, Any]) -> bool:
    return (
        _found(document, ("service.name",)) == "dockd"
        or document.get("SYSLOG_IDENTIFIER") == "dockd"
        or "DOCKD_EVENT_SEQUENCE" in document
    )


def _inner(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """dockd's own JSON, where a shipper has put the whole line into a field of its own object. Raises ValueError."""
    for name in _WRAPPERS:
        value = _found(document, (name,))
        if isinstance(value, str) and '"service.name":"dockd"' in value:
            found = _object(value.strip())
            if found is not None and _is_own(found):
                return found
    return None


def _found(document: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """A field by any of its names, written flat (`event.sequence`) or as objects in objects."""
    for name in names:
        if (value := document.get(name)) is not None:
            return value
        first, dot, rest = name.partition(".")
        if dot and isinstance(inside := document.get(first), dict):
            value = inside.get(rest)
            if value is not None:
                return value
    return None


def _number(value: Any) -> int | None:
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16
    if digits or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return value if type(value) is int and 0 < value < _HIGHEST else None


def _time(document: Mapping[str, Any]) -> float | None:
    for name in _NAMES["time"]:
        value = document.get(name)
        if isinstance(value, str) and len(value) <= 40:
            try:
                if value.isascii() and value.isdigit():
                    return min(int(value), 253_402_300_799_000_000) / 1e6
                found = datetime.fromisoformat(value)
                return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError):
                continue
    return None
