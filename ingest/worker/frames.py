"""How the agent and a worker speak: length-prefixed JSON over pipes.

A frame is four bytes of length, most significant first, and that many bytes of a JSON object. Paths travel as hex. A frame is at
most 4 MiB: what is longer, or no JSON object, is nonsense and ends the worker.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict
from typing import Any

from ingest.model import Listed, PermittedSegment, Skipped, Vitals, WipePermit

LARGEST = 4 << 20
_LENGTH = struct.Struct(">I")
Frame = dict[str, Any]


class Nonsense(ValueError):
    """What came is no frame."""


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Raises ValueError where it is too long."""
    body = json.dumps(frame, separators=(",", ":")).encode("utf-8")
    if len(body) > LARGEST:
        raise ValueError(f"a frame of {len(body)} bytes is too long")
    return _LENGTH.pack(len(body)) + body


def length(prefix: bytes) -> int:
    """How many bytes follow these four. Raises Nonsense."""
    (size,) = _LENGTH.unpack(prefix)
    if size > LARGEST:
        raise Nonsense(f"a frame of {size} bytes is too long")
    return int(size)


def decode(body: bytes) -> Frame:
    """The frame in these bytes. Raises Nonsense."""
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Nonsense("a frame is no JSON") from error
    if not isinstance(frame, dict):
        raise Nonsense("a frame is no JSON object")
    return frame


def number(value: Any) -> int:
    """A whole number that a ledger can keep. Raises Nonsense."""
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 63:
        raise Nonsense("no number of 64 bits")
    return value


def of_listed(file: Listed) -> Frame:
    """A listed file as a frame's part."""
    return {**asdict(file), "path": file.path.hex()}


def to_listed(frame: Frame) -> Listed:
    """Raises Nonsense."""
    try:
        numbers = {key: number(frame[key]) for key in ("size", "mtime_ns", "ctime_ns", "dev", "ino")}
        if numbers["size"] < 0:
            raise Nonsense("a file of fewer than no bytes")
        return Listed(path=bytes.fromhex(frame["path"]), **numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise Nonsense("not a listed file") from error


def of_skipped(item: Skipped) -> Frame:
    """A skipped item as a frame's part."""
    return {**asdict(item), "path": item.path.hex()}


def to_skipped(frame: Frame) -> Skipped:
    """Raises Nonsense."""
    try:
        return Skipped(
            path=bytes.fromhex(frame["path"]),
            kind=str(frame["kind"]),
            message=str(frame["message"]),
            hides=bool(frame["hides"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Nonsense("not a skipped item") from error


def of_vitals(vitals: Vitals) -> Frame:
    """What a camera says of itself as a frame's part."""
    return asdict(vitals)


def to_vitals(frame: Frame) -> Vitals:
    """Raises Nonsense."""
    try:
        battery, offset = frame["battery_percent"], frame["clock_offset_seconds"]
        return Vitals(
            battery_percent=None if battery is None else number(battery),
            clock_offset_seconds=None if offset is None else _finite(offset),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Nonsense("not a camera's vitals") from error


def _finite(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise Nonsense("no number of seconds")
    return found


def of_permit(permit: WipePermit) -> Frame:
    """A permit as a frame's part."""
    segments = [{**asdict(item), "path": item.path.hex()} for item in permit.segments]
    return {**asdict(permit), "segments": segments}


def to_permit(frame: Frame) -> WipePermit:
    """A permit that the ledger has issued, on the worker's side of the pipe. Raises Nonsense."""
    try:
        segments = tuple(
            PermittedSegment(
                segment=str(item["segment"]),
                path=bytes.fromhex(item["path"]),
                size=int(item["size"]),
                sha256=str(item["sha256"]),
            )
            for item in frame["segments"]
        )
        return WipePermit(
            id=int(frame["id"]), camera=str(frame["camera"]), device=str(frame["device"]), segments=segments,
            deadline_ns=int(frame["deadline_ns"]), boot_id=str(frame["boot_id"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Nonsense("not a permit") from error
