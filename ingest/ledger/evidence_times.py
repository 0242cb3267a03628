"""When a segment was, by both clocks, and which of them is to be trusted: for the page, the certificate and `custody show`.

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
        "SELECT min(seq), at FROM custody WHERE segment = ? AND action IN ('segment.listed', 'segment.recovered')", (segment,)
    ).fetchone()  # fmt: skip
    said = last_word(execute, before=seq) if seq is not None else None
    wall = from_rfc3339(at) if at is not None else listed_at
    corrected = None if said is None or said.synchronised else _corrected(execute, seq, said, wall)
    trusted = (
        "station" if said is not None and said.synchronised else "station, as corrected" if corrected else "neither"
    )
    return EvidenceTimes(
        camera_time=rfc3339(mtime_ns / 1e9), camera_offset_seconds=offset, listed_at=rfc3339(wall),
        station_synchronised=None if said is None else said.synchronised, listed_corrected=corrected, trusted=trusted,
        words=_words(said, offset=offset, corrected=corrected),
    )  # fmt: skip


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


def _words(said: ClockEntry | None, *, offset: float | None, corrected: str | None) -> str:
    if offset is None:
        camera = "What the camera's clock was off by is not known."
    else:
        camera = f"The camera's clock was {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} the station's when it was docked."
    if said is None:
        return f"{camera} Whether the station's clock was right then was not recorded."
    if said.synchronised:
        return f"{camera} The station's clock was synchronised when the file was listed: that time is to be trusted."
    if corrected is not None:
        return f"{camera} The station's clock was not synchronised when the file was listed; it was set later: by that clock it was {corrected}."
    return f"{camera} The station's clock was not synchronised when the file was listed: neither time is to be trusted without other evidence."
