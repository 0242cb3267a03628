"""What a file on a camera is, by its place and name. Pure.

Rules kept here: every regular file that is not named as ignorable is pulled; only segments and their sidecars are ever wiped; names are
bytes, and a name that is no text is told as it is. Who names no rules (folders, `dockd ingest`) has segments only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

FileKind = Literal["segment", "sidecar", "other", "ignorable"]


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """How segments belong together. `pattern`: a regular expression over the path with the groups `recording` and, optionally, `part`.

    `pre_record` seconds before the button was pressed lie in the first part's beginning (0: none, or not known); `post_record` after it.
    """

    pattern: str = ""
    pre_record: float = 0.0
    post_record: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a segment belongs: its recording's name and which part of it, where that can be told."""

    recording: str = ""
    part: int | None = None


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """Patterns over whole paths below the volume's root, `/` between names, case ignored.

    `*` and `?` stay within a name, `**` crosses folders. A path that several lists name is the first of: ignorable, segment, sidecar.
    """

    segments: tuple[str, ...] = ("**",)
    sidecars: tuple[str, ...] = ()
    ignorable: tuple[str, ...] = ()
    grouping: Grouping = field(default_factory=Grouping)

    @cached_property
    def _compiled(self) -> tuple[tuple[FileKind, re.Pattern[str]], ...]:
        lists: tuple[tuple[FileKind, tuple[str, ...]], ...] = (
            ("ignorable", self.ignorable), ("segment", self.segments), ("sidecar", self.sidecars),
        )  # fmt: skip
        return tuple((kind, pattern_of(one)) for kind, patterns in lists for one in patterns)

    def kind(self, path: bytes) -> FileKind:
        """What the file at `path` is.

        >>> FileRules(segments=("DCIM/*/*.MP4",), ignorable=("**/*.THM",)).kind(b"DCIM/100MEDIA/A.mp4")
        'segment'
        """
        text = path.decode("utf-8", "surrogateescape")
        return next((kind for kind, pattern in self._compiled if pattern.fullmatch(text)), "other")

    def wiped(self, path: bytes) -> bool:
        """Whether a file at `path` may ever be deleted from the camera."""
        return self.kind(path) in ("segment", "sidecar")

    def place(self, path: bytes) -> Place:
        """Recording and part of a segment's path; empty where the name does not say."""
        if not self.grouping.pattern:
            return Place()
        found = re.search(self.grouping.pattern, path.decode("utf-8", "surrogateescape"), re.IGNORECASE)
        if found is None:
            return Place()
        groups = found.groupdict()
        part = groups.get("part")
        return Place(recording=groups.get("recording") or "", part=int(part) if part and part.isdecimal() else None)


EVERYTHING = FileRules()


def pattern_of(glob: str) -> re.Pattern[str]:
    """The regular expression of one pattern.

    >>> bool(pattern_of("DCIM/**/*.MP4").fullmatch("dcim/a.mp4"))
    True
    """
    out, rest = "", glob
    while rest:
        if rest.startswith("**/"):
            out, rest = out + "(?:[^/]+/)*", rest[3:]
        elif rest.startswith("**"):
            out, rest = out + ".*", rest[2:]
        elif rest[0] == "*":
            out, rest = out + "[^/]*", rest[1:]
        elif rest[0] == "?":
            out, rest = out + "[^/]", rest[1:]
        else:
            out, rest = out + re.escape(rest[0]), rest[1:]
    return re.compile(out, re.IGNORECASE | re.DOTALL)
