"""What the demo shows, and how fast: who comes with what, and what happens to whom.

Why it exists: the story is data, so that the same one runs in a minute and a half before people and in seconds in a test. Nothing in
dockd is slowed down or patched for it: a pace is made of footage, of the times between arrivals, and of the station's bandwidth.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["early", "clock", "flat", "sidecars"]
ROLES: tuple[Role, ...] = ("sidecars", "early", "clock", "flat")
_ALL_BYTES = 320 << 20
_LEAST_BYTES = 8 << 20
_ALL_SEGMENTS = 480
_ALL_ARRIVE = 30.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Times in seconds. `segments` and `bytes` a camera; `upload`: how long the whole footage takes on the station's line.

    `gap` between two arrivals; `away`: how long the camera that is taken out too early stays out; `outage`: how long the store is
    gone once the dock has noticed; `charge`: per cent a second in a bay; `charged`: whether cameras come with full batteries;
    `busy`: how often a camera puts off having its clock set; `shown`: how long a ready camera stays when others wait for its bay; `retry`: the longest wait between two tries to reach the store.
    """

    segments: int
    bytes: int
    upload: float
    gap: float
    away: float
    outage: float
    charge: float
    charged: bool
    busy: int
    shown: float
    retry: float
    patience: float


WATCHABLE = Pace(
    segments=40, bytes=48 << 20, upload=40.0, gap=2.5, away=8.0, outage=6.0, charge=1.6, charged=False, busy=3, shown=5.0, retry=3.0,
    patience=600.0,
)  # fmt: skip
QUICK = Pace(
    segments=6, bytes=3 << 20, upload=2.0, gap=0.1, away=0.5, outage=0.5, charge=5.0, charged=True, busy=0, shown=0.2, retry=1.0, patience=60.0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Part:
    """One camera's part in the story. `charge` per cent at its arrival, `clock_offset` seconds by which its clock is wrong."""

    serial: str
    roles: frozenset[Role]
    segments: int
    bytes: int
    charge: int
    clock_offset: float
    arrives: float


def paced(pace: Pace, *, cameras: int) -> Pace:
    """The same pace for many cameras: each has less footage and they come faster, so that the whole stays what a desk machine bears."""
    return replace(
        pace, bytes=min(pace.bytes, max(_LEAST_BYTES, _ALL_BYTES // cameras)), segments=min(pace.segments, max(6, _ALL_SEGMENTS // cameras)),
        gap=min(pace.gap, _ALL_ARRIVE / cameras),
    )  # fmt: skip


def parts(pace: Pace, *, cameras: int, shift: int) -> list[Part]:
    """Who plays what. With few cameras one plays several roles. The same arguments give the same parts."""
    shuffle = random.Random(shift)
    roles: list[set[Role]] = [set() for _ in range(cameras)]
    for number, role in enumerate(ROLES):
        roles[number % cameras].add(role)
    return [
        Part(
            serial=f"BW-{1001 + number}",
            roles=frozenset(mine),
            segments=pace.segments,
            bytes=int(pace.bytes * shuffle.uniform(0.6, 1.3)),
            charge=_charge(pace, shuffle, flat="flat" in mine),
            clock_offset=-11_520.0 if "clock" in mine else shuffle.uniform(-4.0, 4.0),
            arrives=number * pace.gap,
        )
        for number, mine in enumerate(roles)
    ]


def _charge(pace: Pace, shuffle: random.Random, *, flat: bool) -> int:
    if pace.charged:
        return shuffle.randrange(85, 100)
    return 3 if flat else shuffle.randrange(35, 78)
