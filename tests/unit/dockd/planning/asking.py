"""Questions for the tests of planning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dockd.planning.question import Line, Question, Station
from dockd.planning.steps import Steps

HOUR = 3600.0
DAY = 24 * HOUR


def line(up: float | Steps, *, limit: Steps | None = None, down: float | Steps | None = None) -> Line:
    """A line of `up` bytes/s."""
    going = up if isinstance(up, Steps) else Steps.constant(up)
    coming = going if down is None else (down if isinstance(down, Steps) else Steps.constant(down))
    return Line(up=going, down=coming, limit=limit or Steps.constant(math.inf))


def asking(*, over: Line, ends: Sequence[float] = (0.0, 8 * HOUR), **station: Any) -> Question:
    """A station that has bays enough and reads cameras in no time, unless said otherwise."""
    plain: dict[str, Any] = {"bays": 1000, "cameras": 1, "footage": 1e9, "camera_rate": 1e11, "together": 1e11}
    return Question(station=Station(**(plain | station)), line=over, ends=ends)
