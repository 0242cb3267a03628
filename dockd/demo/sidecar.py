"""The small files that cameras write beside a clip: when it began, where it was, what the officer marked.

Why it exists: some cameras put a JSON file beside each clip (FOO.MP4, FOO.json), whose start time includes the seconds
before the button was pressed. It is footage too: pulled, proven and deleted with its clip. Rules kept here: no
officer's name or number is written; the places lie on a walk around a made-up point at sea; what a camera with a
wrong clock would write is written, for the times are those that the caller gives.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

_FIX_EVERY_SECONDS = 2.0
_NOWHERE = (50.2, -1.9)  # degrees north and east: in the Channel
_STEP_DEGREES = 0.00003  # some three metres


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    """A moment that the officer marked: seconds from the beginning of the clip."""

    at_seconds: float
    label: str


def write_sidecar(
    segment: Path,
    *,
    camera: str,
    began_at: datetime,
    seconds: float,
    pre_record_seconds: float = 0.0,
    bookmarks: Sequence[Bookmark] = (),
    with_hash: bool = False,
) -> Path:
    """Write the sidecar of the clip `segment` beside it, as NAME.json, and answer its path.

    `began_at` (with a time zone, by the camera's clock) is the first picture, `pre_record_seconds` before the button;
    `seconds` is the length. `with_hash` adds the SHA-256 of the clip, as some cameras do. The file gets the clip's
    modification time. Raises ValueError for a time without a zone, FileExistsError, OSError.
    """
    if began_at.tzinfo is None:
        raise ValueError(f"{segment.name}: the time {began_at} has no time zone")
    content: dict[str, object] = {
        "version": 1,
        "file": segment.name,
        "camera": camera,
        "start": _text(began_at),
        "record_pressed": _text(began_at + timedelta(seconds=pre_record_seconds)),
        "end": _text(began_at + timedelta(seconds=seconds)),
        "pre_record_seconds": pre_record_seconds,
        "gps": _walk(began_at, seconds=seconds, start=f"{camera} {segment.name}"),
        "bookmarks": [
            {"at": _text(began_at + timedelta(seconds=mark.at_seconds)), "label": mark.label} for mark in bookmarks
        ],
    }
    if with_hash:
        with segment.open("rb") as clip:
            content["sha256"] = hashlib.file_digest(clip, "sha256").hexdigest()
    target = segment.with_suffix(".json")
    with target.open("x", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1) + "\n")
    modified = segment.stat().st_mtime_ns
    os.utime(target, ns=(modified, modified))
    return target


def _walk(began_at: datetime, *, seconds: float, start: str) -> list[dict[str, object]]:
    """A place every two seconds, each some metres from the one before, the same for the same `start`."""
    chance = random.Random(start)
    north, east = _NOWHERE[0] + chance.uniform(-0.1, 0.1), _NOWHERE[1] + chance.uniform(-0.1, 0.1)
    heading = chance.uniform(0, 2 * math.pi)
    trail: list[dict[str, object]] = []
    for step in range(int(seconds / _FIX_EVERY_SECONDS) + 1):
        at = began_at + timedelta(seconds=step * _FIX_EVERY_SECONDS)
        trail.append({"at": _text(at), "lat": round(north, 6), "lon": round(east, 6)})
        heading += chance.uniform(-0.4, 0.4)
        north += _STEP_DEGREES * math.cos(heading)
        east += _STEP_DEGREES * math.sin(heading)
    return trail


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
