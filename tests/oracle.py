"""P1 to P3, computed from files and the store's folder alone: never from a word of dockd.

A `Witness` looks at cameras before dockd does and remembers every regular file that lay on them. From then on, at any moment (dockd
running, killed, or ended), `faults` says what is not so any more:

* P1: those bytes are whole in at least one of camera, spool and store (by SHA-256 of what is read now);
* P2: a file that is gone from its camera is in the store, whole, under its own path, as often as that content has gone;
* P3: what still lies on a camera is byte for byte, name for name and mode for mode what it was; nothing was added; folders, links and
  other things are where they were.

It relies on three facts of layout, all of them promised: a spool file is named by 32 hex digits; the embedded store keeps an object as
objects/AB/ID with its description in ID.json; the description carries the announced `Upload-Metadata`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ID = re.compile(r"[0-9a-f]{32}")
_SETTLED_NS = 2 * 10**9
Content = tuple[int, str]  # size in bytes, SHA-256


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What lies at a path: mode with type, and for a regular file content and time."""

    mode: int
    content: Content | None = None
    mtime_ns: int = 0
    target: bytes = b""


Place = tuple[bytes, bytes]  # the camera's root, the path in it
Look = dict[bytes, Thing]


class Contents:
    """What files hold. A file that was hashed and has not been touched since (inode, size, both times) is not hashed again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int, int], Content] = {}

    def of(self, path: bytes | Path) -> Content | None:
        """Size and SHA-256 of the bytes that are there now; None if the file is not there (any more)."""
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            seen = os.fstat(file.fileno())
            key = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
            if key in self._known:
                return self._known[key]
            digest, size = hashlib.sha256(), 0
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
            settled = time.time_ns() - seen.st_ctime_ns > _SETTLED_NS and size == seen.st_size
            if settled:  # a file touched within the clock's grain could change again and look the same
                self._known[key] = size, digest.hexdigest()
            return size, digest.hexdigest()
        return None


def look_at(root: bytes, contents: Contents) -> Look:
    """Everything below a camera's root, by its path in it."""
    found: Look = {}
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        for name in os.listdir(os.path.join(root, folder) if folder else root):
            path = os.path.join(folder, name) if folder else name
            with contextlib.suppress(FileNotFoundError):  # it left between the listing and the look
                found[path] = _thing(os.path.join(root, path), contents)
                if stat.S_ISDIR(found[path].mode):
                    waiting.append(path)
    return found


def _thing(path: bytes, contents: Contents) -> Thing:
    seen = os.lstat(path)
    if stat.S_ISREG(seen.st_mode):
        content = contents.of(path)
        if content is None:
            raise FileNotFoundError(path)
        return Thing(mode=seen.st_mode, content=content, mtime_ns=seen.st_mtime_ns)
    if stat.S_ISLNK(seen.st_mode):
        return Thing(mode=seen.st_mode, target=os.readlink(path))
    return Thing(mode=seen.st_mode)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object that is whole in the store: what it was announced as, what its bytes are now, and since when they are there."""

    path: bytes
    since_ns: int
    camera: str
    segment: str
    content: Content


def stored_in(root: Path, contents: Contents) -> list[Stored]:
    """Every object of the embedded store whose bytes are, right now, what its description says."""
    found = (_whole(description, contents) for description in root.glob("objects/??/*.json"))
    return [whole for whole in found if whole is not None]


def _whole(description: Path, contents: Contents) -> Stored | None:
    content = contents.of(description.with_suffix(""))
    if content is None:
        return None
    with contextlib.suppress(FileNotFoundError):
        said = json.loads(description.read_text(encoding="utf-8"))
        if (said["size"], said["sha256"]) != content:
            return None
        told = dict(_metadata(said["metadata"]))
        path = told.get("path", told.get("filename", b""))
        since = os.stat(description.with_suffix("")).st_ctime_ns
        return Stored(
            path=path, since_ns=since, camera=told["camera"].decode(), segment=told["segment"].decode(), content=content
        )
    return None


def _metadata(header: str) -> Iterator[tuple[str, bytes]]:
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        yield key, base64.b64decode(value)


def spooled_in(folder: Path, contents: Contents) -> Counter[Content]:
    """The contents of all whole spool files, whatever their descriptions say."""
    found: Counter[Content] = Counter()
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if _ID.fullmatch(name) and (content := contents.of(folder / name)) is not None:
                found[content] += 1
    return found


@dataclass(kw_only=True)
class Witness:
    """Remembers what was on cameras. `spool` and `store` are the folders that dockd and the embedded store keep things in.

    `one_camera`: the roots are cards of one camera, so that the same bytes under the same path are one segment, whichever card brings it.
    Where there are several cameras, `cards` names the camera of each root.
    """

    spool: Path
    store: Path
    one_camera: bool = False
    cards: dict[bytes, str] = field(default_factory=dict)
    _before: dict[bytes, Look] = field(default_factory=dict)
    _past: list[tuple[Place, Content]] = field(default_factory=list)
    _contents: Contents = field(default_factory=Contents)

    def remember(self, *cameras: Path) -> None:
        """Look at these cameras now: this is what has to be kept. Call it again after changing a camera by hand."""
        for camera in cameras:
            root = os.fsencode(camera)
            new = look_at(root, self._contents)
            for path, was in self._before.get(root, {}).items():
                if was.content is not None and (path not in new or new[path].content != was.content):
                    self._past.append(((root, path), was.content))
            self._before[root] = new

    def forgive(self, camera: Path, path: str) -> None:
        """What is at this path now, and ever was, was taken or changed by the test itself: it need not be anywhere."""
        place = (os.fsencode(camera), os.fsencode(path))
        self._past = [entry for entry in self._past if entry[0] != place]

    def forgive_lost(self) -> None:
        """What was changed by hand just now and is nowhere any more: dockd had never had it. Call it right after `remember`."""
        kept = set(spooled_in(self.spool, self._contents))
        kept |= {one.content for one in self.stored()}
        kept |= {
            thing.content for look in self._before.values() for thing in look.values() if thing.content is not None
        }
        self._past = [(place, content) for place, content in self._past if content in kept]

    def stored(self) -> list[Stored]:
        """What is whole in the store."""
        return stored_in(self.store, self._contents)

    def faults(self) -> list[str]:
        """What is not so that has to be so; empty when P1 to P3 hold.

        Looks where footage comes from before where it goes, so that it may run beside dockd: bytes that move on while it looks
        are found where they arrive.
        """
        now = {root: look_at(root, self._contents) for root in self._before}
        spooled = spooled_in(self.spool, self._contents)
        store = self.stored()
        return [*self._p1(now, spooled, store), *self._p2(now, store), *self._p3(now)]

    def _p1(self, now: dict[bytes, Look], spooled: Counter[Content], store: list[Stored]) -> Iterator[str]:
        kept = set(spooled) | {one.content for one in store}
        kept |= {thing.content for look in now.values() for thing in look.values() if thing.content is not None}
        for (root, path), content in self._all():
            if content not in kept:
                yield f"P1: {_named(root, path)} ({content[0]} bytes) is nowhere: not on a camera, not in the spool, not in the store"

    def _all(self) -> Iterator[tuple[Place, Content]]:
        yield from self._past
        yield from self._present()

    def _present(self) -> Iterator[tuple[Place, Content]]:
        for root, look in self._before.items():
            for path, thing in look.items():
                if thing.content is not None:
                    yield (root, path), thing.content

    def _p2(self, now: dict[bytes, Look], store: list[Stored]) -> Iterator[str]:
        left = self._segments(entry for entry in self._present() if entry[0][1] not in now[entry[0][0]])
        there = Counter((one.path, one.content) for one in store)
        for (path, content), count in left.items():
            if there[path, content] < count:
                yield f"P2: {_named(b'', path)} left its camera {count} times; the store has it whole {there[path, content]} times"

    def _segments(self, entries: Iterator[tuple[Place, Content]]) -> Counter[tuple[bytes, Content]]:
        """How often each content is wanted under its path: once for each camera that it is known to be of, or for each place."""
        if not (self.one_camera or self.cards):
            return Counter((path, content) for (_root, path), content in entries)
        of_cameras = {(self.cards.get(root, ""), path, content) for (root, path), content in entries}
        return Counter((path, content) for _camera, path, content in of_cameras)

    def _p3(self, now: dict[bytes, Look]) -> Iterator[str]:
        for root, before in self._before.items():
            for path, thing in now[root].items():
                if path not in before:
                    yield f"P3: {_named(root, path)} was added"
                elif before[path] != thing:
                    yield f"P3: {_named(root, path)} was changed: {before[path]} is {thing} now"
            for path, thing in before.items():
                if path not in now[root] and thing.content is None:
                    yield f"P3: {_named(root, path)} is no segment, and it is gone"

    def emptied(self) -> list[str]:
        """Regular files that are still on the cameras."""
        return [
            _named(root, path) for root in self._before for path, thing in look_at(root, self._contents).items() if thing.content is not None
        ]  # fmt: skip

    def delivered(self, *, past: bool = True) -> list[str]:
        """What was ever remembered (or, without `past`, lay there at the last look) and is not whole in the store under its own path."""
        there = Counter((one.path, one.content) for one in self.stored())
        wanted = self._segments(self._all() if past else self._present())
        return [
            f"{_named(b'', path)}: the store has {there[path, content]} of {count}"
            for (path, content), count in wanted.items()
            if there[path, content] < count
        ]


def _named(root: bytes, path: bytes) -> str:
    return os.path.join(root, path).decode("utf-8", "backslashreplace")


def always(check: Callable[[], list[str]]) -> None:
    """Raises AssertionError with every fault."""
    found = check()
    assert not found, "\n".join(found)
