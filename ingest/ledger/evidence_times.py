"""When a segment was, by both clocks, and which of them is to be trusted: for the page, the API and the certificate, in the same words.

The camera's own time is kept as it was read; what it was off by is known of cameras that can be asked. The station's time is trusted where
the kernel called it synchronised when the segment was listed. Where it was not, and the clock was set right later in the same boot, the same
moment is told by that clock too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ingest.clock import from_rfc3339, rfc3339
from ingest.ledger.timekeeping import ClockEntry, last_word

Execute = Callable[..., Any]
LISTED = ("segment.listed", "segment.recovered")


@dataclass(frozen=True, kw_only=True)
class EvidenceTimes:
    """Times are RFC 3339 UTC. `camera_time` as the camera wrote it; `camera_offset_seconds` camera minus station, None where nobody knows.

    `station_synchronised`: when it was listed; None in older ledgers. `listed_corrected`: the moment of listing by the clock as it was set
    later in the same boot. `trusted`: "station", "station, as corrected" or "neither"; `words`: one plain sentence.
    """

    camera_time: str
    camera_offset_seconds: float | None
    listed_at: str
    station_synchronised: bool | None
    listed_corrected: str | None
    trusted: str
    words: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def evidence_times(execute: Execute, segment: str) -> EvidenceTimes:
    """Both times of one segment. Raises KeyError."""
    row = execute("SELECT mtime_ns, listed_at, clock_offset FROM segments WHERE id = ?", (segment,)).fetchone()
    if row is None:
        raise KeyError(segment)
    mtime_ns, listed_at, offset = row
    seq, at = execute(
        "SELECT min(seq), at FROM custody WHERE segment = ? AND action IN (?, ?)", (segment, *LISTED)
    ).fetchone()
    wall = from_rfc3339(at) if at is not None else listed_at
    said = stations_clock(execute, seq=seq, wall=wall) if seq is not None else StationsClock()
    trusted = "station" if said.synchronised else "station, as corrected" if said.corrected else "neither"
    return EvidenceTimes(
        camera_time=rfc3339(mtime_ns / 1e9), camera_offset_seconds=offset, listed_at=rfc3339(wall),
        station_synchronised=said.synchronised, listed_corrected=said.corrected, trusted=trusted,
        words=f"{cameras_clock(offset)}. {said.words}",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StationsClock:
    """What the record says of the station's clock when a segment was listed. `entry`: where it says so; the rest as in `EvidenceTimes`."""

    synchronised: bool | None = None
    corrected: str | None = None
    entry: int | None = None

    @property
    def words(self) -> str:
        """Which times are to be trusted, in one sentence. There is no other: what goes to court says it once."""
        where = f" (entry {self.entry})" if self.entry is not None else ""
        if self.synchronised is None:
            return "Whether the station's clock was synchronised when the file was listed is not recorded."
        if self.synchronised:
            return f"The station's clock was synchronised when the file was listed{where}: trust its times over the camera's."
        if self.corrected is not None:
            return f"The station's clock was NOT synchronised when the file was listed{where}, and was set later: by that clock it was listed at {self.corrected}."
        return f"The station's clock was NOT synchronised when the file was listed{where}: without other evidence trust the store's times alone."


def stations_clock(execute: Execute, *, seq: int, wall: float) -> StationsClock:
    """When entry `seq` was written, at `wall` by the station's clock. What is damaged in the record is not trusted."""
    try:
        said = last_word(execute, before=seq)
        if said is None:
            return StationsClock()
        corrected = None if said.synchronised else _corrected(execute, seq, said, wall)
        return StationsClock(synchronised=said.synchronised, corrected=corrected, entry=said.seq)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return StationsClock(synchronised=False)


def cameras_clock(offset: float | None) -> str:
    """What the camera's clock was off by (camera minus station, seconds), a clause."""
    if offset is None:
        return "How far the camera's clock was off is not known"
    return f"The camera's clock was {abs(offset):.0f} s {'ahead of' if offset >= 0 else 'behind'} the station's when it was docked"


def _corrected(execute: Execute, seq: int, said: ClockEntry, wall: float) -> str | None:
    """The same moment by the clock as it stood when it was first called synchronised again, in this boot."""
    moved = 0.0
    for action, body in execute(
        "SELECT action, body FROM custody WHERE action IN ('clock.trust', 'clock.jumped') AND seq > ? ORDER BY seq",
        (seq,),
    ):
        data = json.loads(body)["data"]
        if said.boot is None or data.get("boot") != said.boot:
            return None
        moved += data["seconds"] if action == "clock.jumped" else 0
        if data.get("synchronised") is True:
            return rfc3339(wall + moved)
    return None
