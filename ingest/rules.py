"""What a file on a camera is, by its place and name. Pure.

Rules kept here: every regular file that is not named as ignorable is pulled; only segments and their sidecars are ever wiped; names are
bytes, and a name that is no text is told as it is. Who names no rules (folders, `dockd ingest`) has segments only. What a name costs to
look at grows with its length times the pattern's, never faster, whoever chose the name. Case is ignored for the letters of ASCII alone:
a letter that only looks like one of them makes no file a segment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ingest.model import legible

FileKind = Literal["segment", "sidecar", "other", "ignorable"]

_LONGEST_PATTERN = 256
_LONGEST_GROUPED = 512
_DIGITS = 9
_FOLDERS = "(?:[^/]++/)*?"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a segment belongs: its recording's name and which part of it, where that can be told."""

    recording: str = ""
    part: int | None = None


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """How segments belong together. `pattern`: a regular expression over the path with the groups `recording` and, optionally, `part`.

    It is sought in paths of at most 512 characters; a longer one belongs to no recording. Who takes patterns from others bounds what they
    may cost first (`dockd.profiles.regexes`). Raises ValueError where it is no regular expression, or has no such group.
    `pre_record` seconds before the button was pressed lie in the first part's beginning (0: none, or not known); `post_record` after it.
    """

    pattern: str = ""
    pre_record: float = 0.0
    post_record: float = 0.0

    def __post_init__(self) -> None:
        if self.pattern and "recording" not in self._compiled.groupindex:
            raise ValueError("a grouping pattern without the group (?P<recording>...)")

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        try:
            return re.compile(self.pattern, re.IGNORECASE | re.ASCII)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"no regular expression: {error}") from None

    def place(self, path: str) -> Place:
        """Recording and part as the pattern finds them in `path`; empty where it does not."""
        found = self._compiled.search(path) if self.pattern and len(path) <= _LONGEST_GROUPED else None
        if found is None:
            return Place()
        groups = found.groupdict()
        recording, part = groups.get("recording") or "", groups.get("part") or ""
        number = int(part) if part.isdecimal() and len(part) <= _DIGITS else None
        return Place(recording=legible(recording.encode("utf-8", "surrogateescape")), part=number)


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """Patterns over whole paths below the volume's root, `/` between names, case ignored.

    `*` and `?` stay within a name; `**` alone between slashes stands for any number of folders, at the end for everything below. A path that
    several lists name is the first of: ignorable, segment, sidecar. Raises ValueError where a pattern is none (`pattern_of`).
    `time_zone`: in which the camera writes its files' times ("UTC", "local" for the station's, or an IANA name).
    """

    segments: tuple[str, ...] = ("**",)
    sidecars: tuple[str, ...] = ()
    ignorable: tuple[str, ...] = ()
    grouping: Grouping = field(default_factory=Grouping)
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        # At once: a pattern that is none must not come to light while a camera is listed.
        _ = self._compiled

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
        """Recording (as people may read it) and part of a segment's path; empty where the name does not say."""
        return self.grouping.place(path.decode("utf-8", "surrogateescape"))


def pattern_of(glob: str) -> re.Pattern[str]:
    """The regular expression of one pattern. Raises ValueError with what is wrong in words.

    >>> bool(pattern_of("DCIM/**/*.MP4").fullmatch("dcim/a.mp4"))
    True
    """
    names = glob.split("/")
    if len(glob) > _LONGEST_PATTERN:
        raise ValueError(f"is longer than {_LONGEST_PATTERN} characters")
    for name in names:
        if name in ("", ".", ".."):
            raise ValueError("has an empty name, . or .. in it: paths begin below the volume's root, without a slash")
        if "**" in name and name != "**":
            raise ValueError("has ** beside other characters: it stands alone between slashes")
    return re.compile(_anywhere(names), re.IGNORECASE | re.ASCII | re.DOTALL)


# A star is followed by fixed text, the next star or the end. The first place where that text fits is as good as any later one, for what
# comes behind has the more room; so each is taken for good (`(?>…)`), and nothing is ever tried again: folders first, then names.


def _anywhere(names: list[str]) -> str:
    """Names that follow each other as they stand, in runs between the `**`."""
    runs: list[list[str]] = [[]]
    for name in names:
        if name != "**":
            runs[-1].append(_name(name))
        elif len(runs) == 1 or runs[-1]:
            runs.append([])
    first, *others = runs
    if not others:
        return "/".join(first)
    *middle, last = others
    out = "(?>" + "".join(name + "/" for name in first) + ")"
    for run in middle:
        out += f"(?>{_FOLDERS}{''.join(name + '/' for name in run)})"
    return out + (_FOLDERS + "/".join(last) if last else ".+")


def _name(glob: str) -> str:
    """One name's pattern, `*` and `?` within it."""
    first, *others = [_fixed(text) for text in re.sub(r"\*+", "*", glob).split("*")]
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{text})" for text in middle) + "[^/]*" + last


def _fixed(text: str) -> str:
    return "".join("[^/]" if one == "?" else re.escape(one) for one in text)


EVERYTHING = FileRules()
