"""What a segment is called where a person may look: in a bucket and on a share, the same name in both.

    <station>/<YYYY>/<MM>/<DD>/<camera>/<HHMMSS>_<name>_<segment id>

Rules: names sort by station, day, camera and time of capture (UTC); the segment's id makes each one its own, in upper and lower case alike; what a
card or a registry says becomes plain ASCII that S3, NFS and SMB all take as it is: no reserved character or name, no dot in front or at
an end, no component over 120 characters. A name that was changed for that gets a few digits of what it was, so that two cameras stay two
folders; the true one is in the description beside the segment (`ingest.store.description`).
"""

from __future__ import annotations

import hashlib
import re

from ingest.model import SegmentDescription

_ODD = re.compile(rb"[^A-Za-z0-9._-]+")
_WHEN = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|clock)(\..*)?", re.IGNORECASE)
_ID = re.compile(r"[0-9a-z-]{1,64}")
_FOLDER, _NAME = 64, 80  # characters of what others have named
_DIGITS = 8
_NO_TIME = ("0000", "00", "00", "00", "00", "00")


def place_of(segment: SegmentDescription) -> str:
    """The segment's name, six components with `/` between them. Raises ValueError for an id that is none."""
    if _ID.fullmatch(segment.id) is None:
        raise ValueError(f"{segment.id!r} is no segment's id")
    found = _WHEN.match(segment.captured_at)
    year, month, day, hour, minute, second = found.groups() if found else _NO_TIME
    name = plain_name(segment.path.rpartition(b"/")[2], longest=_NAME)
    station = plain_name(segment.station.encode("utf-8", "surrogateescape"), longest=_FOLDER)
    camera = plain_name(segment.camera.encode("utf-8", "surrogateescape"), longest=_FOLDER)
    return f"{station}/{year}/{month}/{day}/{camera}/{hour}{minute}{second}_{name}_{segment.id}"


def plain_name(said: bytes, *, longest: int) -> str:
    """One component, at most `longest` characters, that every store takes; `said` itself where it is one.

    >>> plain_name(b"MOV_0001.MP4", longest=80)
    'MOV_0001.MP4'
    >>> plain_name(b"..", longest=80)
    'x-5ec1f7e7'
    """
    text = _ODD.sub(b"-", said).decode("ascii")
    plain = text.strip(".-")
    if plain.encode() == said and 0 < len(plain) <= longest and not _RESERVED.fullmatch(plain):
        return plain
    digits = hashlib.sha256(said).hexdigest()[:_DIGITS]
    stem, dot, kind = plain.rpartition(".")
    kind = kind if dot and stem and len(kind) <= 8 else ""
    stem = (stem if kind else plain)[: longest - len(kind) - _DIGITS - 2].rstrip(".-") or "x"
    return f"{stem}-{digits}.{kind}" if kind else f"{stem}-{digits}"
