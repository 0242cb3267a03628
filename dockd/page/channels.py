"""What those who watch are told, each kind of watcher in its own words: programs (the API's documents), the pages (rendered parts), the wall
(rendered parts without names, serials, footage or the text of problems).

Rules kept here: whatever is told is put into words once for all who watch in the same way and language; what is rendered is rendered by the
templates of the pages themselves, so that what comes later looks as what came first; the parts above the bays are told once a second at most, but at
once where the figures of the headline are others, so that no bay says what they do not count yet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dockd.page.documents import Document
from dockd.page.language import Language, said, told
from dockd.page.snapshot import Change, Snapshot
from dockd.page.view import View

_HEAD_EVERY = 1.0
_AGES_EVERY = 30.0  # ages in it go on by themselves
_LATEST_START = 1 << 53  # what a script can count to


@dataclass(frozen=True, kw_only=True)
class Since:
    """What a page has already: everything of `run` up to `sequence`."""

    run: str = ""
    sequence: int = 0
    head: bool = False

    @classmethod
    def of(cls, text: str, *, head: bool = False) -> Since:
        """As `RUN.SEQUENCE`; whatever is not that is nothing at all. `head`: what stands above the bays may be older than that."""
        run, _, number = text.partition(".")
        if not (number.isascii() and number.isdigit()) or len(number) > 16 or int(number) >= _LATEST_START:
            return cls()
        return cls(run=run, sequence=int(number), head=head)


class Channel(Protocol):
    """How one kind of watcher is told."""

    def whole(self, since: Since) -> bytes:
        """The event that a connection begins with."""

    def news(self, changes: Sequence[Change]) -> bytes:
        """The events for these changes, and for what was put off and is due; empty: there is nothing to tell."""


def frame(kind: str, sequence: int, document: Any) -> bytes:
    """One event. JSON without line ends, so one data line."""
    return f"event: {kind}\nid: {sequence}\ndata: {json.dumps(document, separators=(',', ':'))}\n\n".encode("ascii")


class Documents:
    """`GET /api/v1/events`: snapshot, bay, status, problem."""

    def __init__(self, view: View, language: Language) -> None:
        self._view = view
        self._language = language

    def whole(self, since: Since) -> bytes:
        """All of it, whatever the watcher has."""
        now = self._view.now
        document = {
            "status": self._view.status_now(now),
            "bays": list(now.bays.values()),
            "problems": list(now.problems),
        }
        return self._frame("snapshot", now.sequence, document)

    def news(self, changes: Sequence[Change]) -> bytes:
        """An event for each document."""
        return b"".join(self._frame(one.kind, one.sequence, self._document(one)) for one in changes)

    def _document(self, change: Change) -> Document:
        return self._view.status_now(self._view.now) if change.kind == "status" else change.document

    def _frame(self, kind: str, sequence: int, document: Document) -> bytes:
        return frame(kind, sequence, told(document, self._language))


@dataclass(frozen=True, kw_only=True)
class Face:
    """How a page of this kind is drawn. `tile`: a bay's part; `head`: what stands above the bays; `label`: the bay's word, as it may be read out there."""

    tile: Callable[[Language, Document], str]
    head: Callable[[Language, Snapshot], Document]
    label: Callable[[Document], object]


class Rendered:
    """What a page's script hears: `snapshot` and then `news`, each with the parts that differ, drawn.

    Both are {run, sequence, time, tiles: [{bay, sequence, state, act, label, html}], head: {…} or null}; a snapshot says by `all` whether these are all bays.
    """

    def __init__(
        self, view: View, language: Language, face: Face, *, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._view = view
        self._passed = passed
        self._language = language
        self._face = face
        self._tiles: dict[int, tuple[int, Document]] = {}
        self._head: tuple[tuple[int, float], Document] | None = None
        self._head_due = False
        self._head_at = passed() - _HEAD_EVERY
        self._figures = _figures(view.now.status)

    def whole(self, since: Since) -> bytes:
        """What the page has not, as an event."""
        document = self.document(since)
        return frame("snapshot", document["sequence"], document)

    def document(self, since: Since) -> Document:
        """What the page has not: all of it, where that cannot be told."""
        now = self._view.now
        known = since.sequence if since.run == self._view.run and since.sequence <= now.sequence else -1
        fresh = [number for number, sequence in now.changed_at.items() if sequence > known and number in now.bays]
        told = self._told(now, sorted(fresh), head=since.head or now.sequence != known)
        return {**told, "all": known < 0}

    def news(self, changes: Sequence[Change]) -> bytes:
        """The bays that are new, at once; what stands above them when it is due."""
        now = self._view.now
        self._head_due = self._head_due or bool(changes)
        age = self._passed() - self._head_at
        figures = _figures(now.status)
        due = age >= (_HEAD_EVERY if self._head_due else _AGES_EVERY) or figures != self._figures
        if due:
            self._head_due, self._head_at, self._figures = False, self._passed(), figures
        fresh = sorted({change.document["number"] for change in changes if change.kind == "bay"})
        if not fresh and not due:
            return b""
        return frame("news", now.sequence, self._told(now, [n for n in fresh if n in now.bays], head=due))

    def _told(self, now: Snapshot, numbers: Sequence[int], *, head: bool) -> Document:
        return {
            "run": self._view.run, "sequence": now.sequence, "time": self._view.status_now(now)["time"],
            "tiles": [self._tile(number, now) for number in numbers], "head": self._drawn_head(now) if head else None,
        }  # fmt: skip

    def _tile(self, number: int, now: Snapshot) -> Document:
        sequence, document = now.changed_at[number], now.bays[number]
        known = self._tiles.get(number)
        if known is None or known[0] != sequence:
            label = told(said("Bay {bay}: {word}", bay=number, word=self._face.label(document)), self._language)
            part = {
                "bay": number, "sequence": sequence, "state": document["state"], "act": document["verb"] == "act", "label": label,
                "html": self._face.tile(self._language, document),
            }  # fmt: skip
            known = (sequence, part)
            self._tiles[number] = known
        return known[1]

    def _drawn_head(self, now: Snapshot) -> Document:
        key = (now.sequence, self._passed() // _AGES_EVERY)
        if self._head is None or self._head[0] != key:
            self._head = (key, self._face.head(self._language, now))
        return self._head[1]


def _figures(status: Document) -> tuple[Any, ...]:
    """What the headline is made of."""
    return tuple(status.get(name) for name in ("ready", "usable", "needs_action", "rack_problem"))
