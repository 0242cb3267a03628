"""Where a segment is, in words; and what happened, whatever an entry of the record has in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dockd.page.certificates import policy_of
from dockd.page.entry_words import SPOKEN
from dockd.page.footage_words import happened, place_of
from dockd.page.language import Said, told
from ingest.events import REGISTRY
from ingest.ledger.history import Record
from ingest.ledger.segments import IN_DOUBT, Segment

ONE = Segment(
    id="1", camera="C", path=b"a", size=1, mtime_ns=0, ctime_ns=0, dev=0, ino=0, docking=1, sha256=None, xxh3_128=None, on_camera=0, in_spool=0,
    in_store=0, held=None, held_message=None, evidential=0, priority=0, attempts=0, next_attempt=0.0, trouble=None, upload=None, store=None,
    object=None, wipe_permit=None, captured_at=0.0, listed_at=0.0, pulled_at=None, verified_at=None, confirmed_at=None, wiped_at=None, released_at=None,
)  # fmt: skip
PLACES: list[tuple[dict[str, Any], int | None, str, str]] = [
    ({"in_store": 1}, None, "In the store", "green"),
    ({"in_store": 1, "on_camera": 1, "in_spool": 1}, 3, "In the store", "green"),
    ({"in_store": 1, "on_camera": 1, "held": "not_deletable"}, 3, "Held", "red"),
    ({"in_spool": 1, "on_camera": 1}, 3, "On the dock and its camera", "blue"),
    ({"in_spool": 1, "on_camera": 1}, None, "On the dock", "blue"),
    ({"in_spool": 1, "held": "store_refused"}, None, "Held", "red"),
    ({"on_camera": 1}, 3, "On the camera alone", "blue"),
    ({"on_camera": 1}, None, "On a camera that is not here", "red"),
    ({"held": IN_DOUBT}, None, "In doubt", "yellow"),
    ({}, None, "Lost", "red"),
]


@pytest.mark.parametrize(("columns", "bay", "word", "tone"), PLACES)
def test_where_it_is(columns: dict[str, Any], bay: int | None, word: str, tone: str) -> None:
    found = place_of(replace(ONE, **columns), bay=bay)
    assert (found.word, found.tone) == (word, tone)


def entry(action: str, data: dict[str, Any] | None) -> Record:
    return Record(seq=1, at="2026-11-20T10:00:00.000Z", action=action, prev=None, hash="h", data=data, text="{}")


@pytest.mark.parametrize("action", sorted(REGISTRY))
def test_every_kind_of_entry_is_a_sentence_even_with_nothing_in_it(action: str) -> None:
    found = happened(entry(action, {}))
    assert found.words
    assert "{" not in found.words


def test_every_kind_of_entry_has_a_sentence_in_each_language() -> None:
    assert {name for name, event in REGISTRY.items() if event.custody} == SPOKEN
    for action in sorted(SPOKEN):
        words = happened(entry(action, {})).words
        assert isinstance(words, Said)
        assert told(words, "cy") != words, action
        assert "{" not in told(words, "cy")


@pytest.mark.parametrize(
    ("action", "data", "words"),
    [
        ("user.signed_in", {"by": "user:k.jones", "role": "sergeant"}, "Signed in: k.jones (sergeant)"),
        ("user.refused", {"by": "user:k.jones", "count": 1}, "One try to sign in was refused; it named k.jones"),
        ("user.refused", {"by": "somebody unknown", "count": 3}, "3 tries to sign in were refused; the last named nobody who is known here"),
        ("access.changed", {"by": "os:root", "what": "token.created", "name": "serg", "role": "sergeant"}, "A token was made by root at this machine: serg (sergeant)"),
        ("access.changed", {"by": "os:root", "what": "one that is new", "name": "x"}, "Who may come in was changed by root at this machine: x"),
        ("clock.trust", {"synchronised": True, "error": "e"}, "The dock's clock is right: it is synchronised"),
        ("clock.trust", {"synchronised": False, "error": "the kernel does not say"}, "Nobody knows that the dock's clock is right: the kernel does not say"),
        ("clock.jumped", {"seconds": -1, "synchronised": True}, "The dock's clock was set back by 1 second: times before and after this entry are not of one clock"),
        ("problem.closed", {"by": "user:k.jones", "kind": "removed_early", "problem": "removed_early-7df0c116fc6a", "reason": "it is in the river"},
         "A problem was closed by k.jones: A camera was taken out too early. Why: it is in the river"),
        ("camera.listed", {"camera": "p:C1~card", "files": 1, "bytes": 6291456}, "Camera C1 was looked through: 1 file, 6.3 MB"),
        ("camera.issued", {"camera": "C1", "officer": "PC jones", "by": "token:serg"}, "Camera C1 was issued to PC jones by the token serg"),
        ("camera.returned", {"camera": "C1", "officer": "PC jones", "by": "docking"}, "Camera C1 is no longer issued to PC jones: it was put into a bay"),
        ("camera.clock_measured", {"camera": "C1", "offset_seconds": -7}, "The clock of camera C1 is 7 seconds slow"),
        ("bandwidth.overridden", {"by": "local", "limit": "2500000 bytes/s", "until": "x"}, "What dockd may send was set by hand, by somebody at this machine: 2.5 MB a second, until x"),
        ("camera.listed", {"camera": "C1", "files": "many", "bytes": True}, "Camera C1 was looked through: many, True"),
    ],
)  # fmt: skip
def test_it_is_said_as_people_say_it(action: str, data: dict[str, Any], words: str) -> None:
    assert happened(entry(action, data)).words == words


def test_what_nobody_knows_is_told_by_its_name() -> None:
    assert "new.kind" in happened(entry("new.kind", {"x": 1})).words
    assert "agent.started" in happened(entry("agent.started", None)).words


def test_an_entry_is_legible_and_ends() -> None:
    found = happened(
        entry("segment.lost", {"camera": "p:C1~card", "segment": "s", "path": "a\u202e\n{x}%s" + "y" * 5000})
    )
    assert "\u202e" not in found.words
    assert "\n" not in found.words
    assert "C1 is left anywhere" in found.words
    assert len(found.words) < 500
    assert (found.camera, found.segment, found.bad) == ("p:C1~card", "s", True)
    assert happened(entry("camera.docked", {"bay": "3"})).bay is None, "no number"


def test_a_certificate_is_shown_under_a_policy_for_its_own_style_alone() -> None:
    assert policy_of("<p>x</p>").startswith("default-src 'none'; style-src 'none';")
    found = policy_of("<style>p {}</style>")
    assert "style-src 'sha256-" in found
    assert "unsafe" not in found
    assert found != policy_of("<style>q {}</style>")
