"""The shapes of the local API (docs/api.md): values in, plain JSON documents out. Pure.

Times are RFC 3339 UTC, bytes integers. A path that is no UTF-8 is shown with surrogate escapes and carries `path_b64`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from dockd.page.problem_book import Kept
from dockd.page.state import Shown
from ingest.bandwidth import Bandwidth, Holding
from ingest.clock import rfc3339
from ingest.events import REGISTRY
from ingest.ledger.custody import Entry
from ingest.ledger.issues import Issue
from ingest.ledger.marks import Mark
from ingest.ledger.rack import OutOfUse
from ingest.ledger.segments import Segment
from ingest.ledger.views import Camera
from ingest.model import Balance, CameraId, shown

Document = dict[str, Any]
_COMING = 8  # changes of the bandwidth that are told ahead


def when(seconds: float | None) -> str | None:
    """RFC 3339, or null."""
    return None if seconds is None else rfc3339(seconds)


def bandwidth_part(holding: Holding) -> Document:
    """What may be sent now; null is no limit."""
    return {
        "limit_bytes_per_second": whole(holding.rate), "source": holding.source, "until": when(holding.until),
    }  # fmt: skip


def bandwidth_document(bandwidth: Bandwidth) -> Document:
    """`GET /bandwidth`: what holds now, and what will."""
    rules = bandwidth.rules
    return {
        **bandwidth_part(bandwidth.now),
        "configured": {
            "limit_bytes_per_second": whole(rules.limit), "timetable_lines": len(rules.lines),
            "evidential": "unlimited" if rules.bypass else "limited",
        },
        "next": [
            {"at": rfc3339(one.at), "limit_bytes_per_second": whole(one.rate), "source": one.source}
            for one in bandwidth.coming(_COMING)
        ],
    }  # fmt: skip


def whole(rate: float | None) -> int | None:
    """Whole bytes per second, or null."""
    return None if rate is None else round(rate)


def camera_part(camera: CameraId, *, assigned_to: str | None) -> Document:
    """A camera inside a bay."""
    return {"id": camera.id, "serial": camera.serial, "profile": camera.profile, "assigned_to": assigned_to}


def bay_document(
    *, number: int, said: Shown, since: float, camera: Document | None, balance: Balance, battery: int | None,
    clock_offset: float | None, out_of_use: OutOfUse | None = None, ready_at: float | None = None,
) -> Document:  # fmt: skip
    """`GET /bays/{n}`; beside the contract's names `verb`, `shape` and `tone` say how it looks."""
    look = said.look
    coming = ready_at if look.verb == "leave" else None
    return {
        "number": number, "state": said.state, "word": said.word, "why": said.why, "since": rfc3339(since), "camera": camera,
        "segments": balance.segments.as_dict(), "bytes": balance.bytes.as_dict(), "battery_percent": battery,
        "clock_offset_seconds": None if clock_offset is None else round(clock_offset, 1), "ready_at": when(coming),
        "verb": look.verb, "shape": look.shape, "tone": look.tone,
        "out_of_use": None if out_of_use is None else {"reason": out_of_use.reason, "by": out_of_use.by, "since": rfc3339(out_of_use.since)},
    }  # fmt: skip


def camera_document(
    camera: Camera, *, bay: int | None, assigned_to: str | None, issue: Issue | None = None
) -> Document:
    """`GET /cameras/{id}`; `bay` is where it is now. `assigned_to`: to whom it was issued, else (as given) whose it is by the site's list."""
    return {
        "id": camera.id, "profile": camera.profile, "serial": camera.serial, "card": camera.card or None, "assigned_to": issue.officer if issue is not None else assigned_to,
        "issued": None if issue is None else {"officer": issue.officer, "by": issue.by, "since": rfc3339(issue.since)},
        "bay": bay, "last_bay": camera.last_bay, "first_seen": rfc3339(camera.first_seen), "last_seen": rfc3339(camera.last_seen),
    }  # fmt: skip


def segment_document(segment: Segment, receipt: Mapping[str, Any] | None, *, mark: Mark | None = None) -> Document:
    """`GET /segments/{id}`; `kind` is segment, sidecar or other, `clock_offset_seconds` what its camera's clock was off by when it was docked;
    `evidential_at_store`: of evidence that the store has, whether it knows: known, waiting (it is told until it knows), cannot (it has no marks).
    """
    return {
        "id": segment.id, "camera": segment.camera, **path_part(segment.path), "size": segment.size, "sha256": segment.sha256,
        "xxh3_128": segment.xxh3_128, "copies": sorted(copy.value for copy in segment.copies),
        "held": segment.held, "held_message": segment.held_message, "evidential": bool(segment.evidential), "evidential_at_store": _at_store(segment, mark),
        "captured_at": rfc3339(segment.captured_at), "listed_at": rfc3339(segment.listed_at), "pulled_at": when(segment.pulled_at),
        "verified_at": when(segment.verified_at), "confirmed_at": when(segment.confirmed_at), "wiped_at": when(segment.wiped_at),
        "receipt": dict(receipt) if receipt is not None else None, "kind": segment.kind or "segment", "recording": segment.recording,
        "part": segment.part, "clock_offset_seconds": segment.clock_offset,
    }  # fmt: skip


def _at_store(segment: Segment, mark: Mark | None) -> str | None:
    if not (segment.evidential and segment.in_store):
        return None
    if mark is None or mark.told_at is None:
        return "waiting"
    return "cannot" if mark.cannot else "known"


def path_part(path: bytes) -> Document:
    """`path`, and `path_b64` where the path is no UTF-8."""
    said: Document = {"path": shown(path)}
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        said["path_b64"] = base64.b64encode(path).decode("ascii")
    return said


def entry_document(entry: Entry) -> Document:
    """One entry of the custody chain; `text` is the canonical JSON whose SHA-256 is `hash`."""
    return {
        "seq": entry.seq, "at": entry.at, "action": entry.action, "data": entry.data, "hash": entry.hash, "text": entry.text,
    }  # fmt: skip


def activity_document(entry: Entry) -> Document:
    """One thing that happened, in words."""
    event = REGISTRY.get(entry.action)
    words: Mapping[str, Any] = _Unknown(entry.data)
    return {
        "seq": entry.seq, "at": entry.at, "action": entry.action, "camera": entry.data.get("camera"), "segment": entry.data.get("segment"),
        "bay": entry.data.get("bay"), "message": event.text.format_map(words) if event is not None else entry.action,
    }  # fmt: skip


class _Unknown(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def problem_document(kept: Kept) -> Document:
    """One thing that is wrong. `since`: when it began, `worse`: when it last grew; `seen_by` until `seen_until`; `closable`: a person can close it."""
    problem = kept.problem
    return {
        "id": problem.id, "problem": problem.problem, "text": problem.text, "advice": problem.advice, "bay": problem.bay,
        "camera": problem.camera, "detail": problem.detail, "since": rfc3339(kept.since), "worse": when(kept.worse), "seen_by": kept.seen_by,
        "seen_until": when(kept.seen_until), "closable": kept.closable,
    }  # fmt: skip
