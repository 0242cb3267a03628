"""Where a segment is, in words; and what happened, whatever an entry of the record has in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dockd.page.certificates import policy_of
from dockd.page.footage_words import happened, place_of
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
    ({"in_spool": 1, "on_camera": 1}, 3, "On the dock", "blue"),
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
