"""What lies beside a segment in a store that has room for it: a bucket or a folder explains itself without dockd.

`<segment>.json` says what the bytes are and where they come from; `<segment>.custody.json` is the custody excerpt (`ingest.ledger.excerpt`);
that of a ledger which was made anew gets a name of its own, for it knows less than the one before.
The same description is the same bytes: keys sorted, ASCII, one line.
"""

from __future__ import annotations

import base64
import json

from ingest.model import SegmentDescription, shown, whole_text

DESCRIPTION = ".json"
"""What is put behind the segment's own name."""


def custody_ending(since: str) -> str:
    """What is put behind the segment's name for a custody record.

    >>> custody_ending(""), custody_ending("1a2b3c4d")
    ('.custody.json', '.custody-1a2b3c4d.json')
    """
    return f".custody-{since}.json" if since else ".custody.json"


def describing(segment: SegmentDescription) -> bytes:
    """The JSON document of a segment. `path` as text, `path_b64` beside it where that is no UTF-8."""
    path = shown(segment.path)
    said: dict[str, object] = {
        "dockd": 1, "segment": segment.id, "camera": segment.camera, "station": segment.station, "path": whole_text(path),
        "size": segment.digest.size, "sha256": segment.digest.sha256, "xxh3_128": segment.digest.xxh3_128,
        "captured_at": segment.captured_at, "evidential": segment.evidential,
    }  # fmt: skip
    if said["path"] != path:
        said["path_b64"] = base64.b64encode(segment.path).decode("ascii")
    return json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"
