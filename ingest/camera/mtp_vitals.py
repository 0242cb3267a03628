"""Charge and clock of a PTP/MTP camera, by the standard's own device properties. What it does not have, or garbles, is not known.

A time without a zone is the camera's wall clock, and that is the station's: such cameras know no other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ingest.camera.mtp_objects import moment
from ingest.camera.ptp import Dataset, DeviceInfo, Prop, Refused, Session, text
from ingest.errors import Unreadable

_BYTE = 0x0002
_RANGE, _ENUMERATION = 1, 2
_SET_WITHIN = 5.0  # seconds that a clock which was just set may be off: it counts in whole ones, and slowly


def battery_percent(session: Session, info: DeviceInfo) -> int | None:
    """Charge as the level among those that the camera names."""
    if Prop.BATTERY_LEVEL not in info.properties:
        return None
    try:
        dataset = Dataset(session.description(Prop.BATTERY_LEVEL))
        _code, kind, _settable = (dataset.number(n) for n in (2, 2, 1))
        if kind != _BYTE:
            return None
        _default, level, form = (dataset.number(1) for _ in range(3))
        lowest, highest = 0, 100
        if form == _RANGE:
            lowest, highest = dataset.number(1), dataset.number(1)
        elif form == _ENUMERATION:
            levels = [dataset.number(1) for _ in range(dataset.number(2))]
            lowest, highest = min(0, *levels), max(levels)
    except (Refused, Unreadable, TypeError, ValueError):
        return None
    if not lowest <= level <= highest or lowest == highest:
        return None
    return round(100 * (level - lowest) / (highest - lowest))


def clock_offset(session: Session, info: DeviceInfo, *, now: float) -> float | None:
    """The camera's clock minus `now` (seconds since the epoch)."""
    if Prop.DATE_TIME not in info.properties:
        return None
    try:
        told = moment(Dataset(session.property(Prop.DATE_TIME)).text(), zone=None)
        return None if told is None else told.timestamp() - now
    except (Refused, Unreadable, OverflowError):
        return None


def set_clock(session: Session, info: DeviceInfo, *, now: Callable[[], float]) -> bool:
    """Set it to the station's wall clock; whether the camera shows that time then."""
    if Prop.DATE_TIME not in info.properties:
        return False
    wall = datetime.fromtimestamp(now()).astimezone()
    try:
        session.set_property(Prop.DATE_TIME, text(wall.strftime("%Y%m%dT%H%M%S")))
    except Refused:
        return False
    off = clock_offset(session, info, now=now())
    return off is not None and abs(off) <= _SET_WITHIN
