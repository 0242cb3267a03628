"""Nobody is named: every field that could is known, and what it says is hidden wherever it stands."""

from __future__ import annotations

import dataclasses
import json

import pytest

import dockd.ops.happenings  # noqa: F401 (its events are of the registry, too)
from dockd.support.names import FIELDS, Names, named_in
from dockd.support.ordinary import BY_NOBODY
from ingest import events

NAME_NOBODY = frozenset({
    "about", "after", "applied", "aside", "at", "bay", "before", "before_boot", "before_last", "boot", "boottime_ms", "bytes", "captured_at", "certificate", "clock_offset_ms",
    "count", "days", "dock", "docked", "docking", "ends_at", "error", "expected", "files", "first", "free_bytes", "heartbeat_seconds", "keep_free", "kept", "key", "keys", "kind", "known",
    "last", "last_receipt", "left", "limit", "lines", "lines_lost", "listing", "log_lines_lost", "lost_head", "lost_seq", "method", "mistakes", "mtime_ns", "needs_action", "nonce",
    "number", "object", "offset_seconds", "older", "own_head", "own_seq", "part", "permit", "problem", "profile", "proof", "public", "ready", "receipt_sha256", "recovered",
    "restart", "retry_seconds", "role", "rotted", "run", "second_read", "seconds", "seen", "segment", "segments", "sha256", "signal", "since", "skipped",
    "source", "state", "store", "store_head", "store_seq", "stored_at", "synchronised", "threshold", "unexplained", "until", "url", "version", "via", "waiting",
    "waiting_bytes", "what", "wiped", "xxh3_128",
    "reason",  # where somebody has typed it: dockd.support.names.TYPED
})  # fmt: skip


def test_every_field_of_every_event_is_known_to_name_somebody_or_nobody() -> None:
    fields = {field.name for event in events.REGISTRY.values() for field in dataclasses.fields(event)}
    unknown = fields - FIELDS.keys() - NAME_NOBODY
    assert not unknown, f"does it name a person, a camera or a file? dockd/support/names.py: {sorted(unknown)}"


@pytest.fixture
def names() -> Names:
    found = Names()
    found.learn("person", "user:Ann Smith")
    found.learn("person", "PC 1204")
    found.learn("camera", "C3441")
    found.learn("camera", "000000")
    return found


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("ANN SMITH put user:Ann Smith out", "person-1 put user:person-1 out"),
        ("camera generic:C3441~AB1C-22 of PC 1204", "camera generic:camera-1~AB1C-22 of person-2"),
        ("C3441_0001, C34410 and XC3441", "camera-1_0001, C34410 and XC3441"),
        ('{"dockd.bytes": 000000, "t": "12:00:00.000000Z", "serial": "000000"}', '{"dockd.bytes": 000000, "t": "12:00:00.000000Z", "serial": "camera-2"}'),
        ("DCIM/MOV_0001.MP4 was read", "DCIM/[file] was read"),
    ],
    ids=["as it is written", "in an id", "whole words", "numbers of JSON", "what nobody has learnt"],
)  # fmt: skip
def test_hidden(names: Names, text: str, hidden: str) -> None:
    assert names.hidden(text)[0] == hidden


def test_a_line_of_the_log_names_whom_it_hides(names: Names) -> None:
    line = json.dumps({
        "message": "oidc:b.jones closed the problem: Ann's camera; A/B\u00e4r 1.MP4 of K77 stays", "event.action": "problem.closed", "dockd.by": "oidc:b.jones",
        "dockd.reason": "Ann's camera", "dockd.path": "A/B\u00e4r 1.MP4", "dockd.camera": "K77", "dockd.bay": 4,
    })  # fmt: skip
    text = names.of_document(line, json.loads(line), prefix="dockd.")
    text, count = names.hidden(text)
    said = json.loads(text)
    assert said["message"] == "oidc:person-3 closed the problem: words-1; file-1 of camera-3 stays"
    assert said["dockd.bay"] == 4
    assert count >= 6
    assert not {"jones", "Ann", "K77", "MP4"} & set(text.replace(":", " ").replace('"', " ").split())


def test_the_page_names_cameras_and_officers() -> None:
    said = {
        "station": {"name": "North"},
        "bays": [{"camera": {"id": "x:1", "serial": "1", "assigned_to": "PC 9"}}, {"camera": None}],
    }
    assert list(named_in(said)) == [("camera", "x:1"), ("camera", "1"), ("camera", "1"), ("person", "PC 9")]


def test_thousands_of_names_and_long_ones() -> None:
    found = Names()
    for number in range(800):
        found.learn("camera", f"generic:{number:05d}-{number * 7919 % 10007:x}")
    found.learn("person", "x" * 5000)
    text, count = found.hidden(f"camera generic:00017-{17 * 7919 % 10007:x}, {'x' * 5000}; " + "generic: " * 10_000)
    assert text.startswith("camera camera-18, person-1; generic: ")
    assert count == 2


@pytest.fixture
def words() -> Names:
    """Users and tokens that are called as much else is."""
    found = Names()
    for one in ("user:file", "ops", "token:prometheus", "os:root", "Page", "grace"):
        found.learn("person", one)
    return found


@pytest.mark.parametrize(
    "text",
    [
        'file = "/etc/dockd/cameras.csv"', 'client_cert_file = "/etc/dockd/keys/dock.pem"', "dockd.toml:3: registry.file: it is not there (No such file or directory)",
        '  "registry.file": {"value": "/x"}', "node_exporter and prometheus as root, page at /", 'grace = "0 s"', "DOCKD__WIPE__GRACE=5 s", "dockd.toml:9: wipe.grace: no", "the role ops",
        '{"event.action": "certificate.renewed", "dockd.by": "file", "message": "the file was read"}',
    ],
)  # fmt: skip
def test_an_ordinary_word_stays_where_it_is_one(words: Names, text: str) -> None:
    assert words.hidden(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('"dockd.by": "user:file"', '"dockd.by": "user:person-1"'),
        ('{"MESSAGE": "{\\"dockd.by\\":\\"file\\"}", "DOCKD_BY":"ops"}', '{"MESSAGE": "{\\"dockd.by\\":\\"person-1\\"}", "DOCKD_BY":"person-2"}'),
        ("user:OPS signed in (ops), token:prometheus too", "user:person-2 signed in (ops), token:person-3 too"),
        ('"assigned_to": "Ops", "station": {"name": "ops"}', '"assigned_to": "person-2", "station": {"name": "ops"}'),
        ("Page said that the page is slow", "person-5 said that the page is slow"),
        ('Grace and grace, station = "grace"', 'person-6 and person-6, station = "person-6"'),
    ],
)  # fmt: skip
def test_and_is_hidden_where_it_is_a_name(words: Names, text: str, hidden: str) -> None:
    assert words.hidden(text)[0] == hidden


@pytest.mark.parametrize("journal", [False, True])
def test_a_line_that_names_somebody_by_an_ordinary_word(journal: bool) -> None:
    said = "os:ann changed who may come in: user added file"
    log = {
        "message": said,
        "event.action": "access.changed",
        "dockd.by": "os:ann",
        "dockd.name": "file",
        "dockd.what": "user added",
    }
    native = {"MESSAGE": said, "DOCKD_EVENT_ACTION": "access.changed", "DOCKD_BY": "os:ann", "DOCKD_NAME": "file"}
    names = Names()
    line, prefix = (native, "DOCKD_") if journal else (log, "dockd.")
    found = json.loads(names.hidden(names.of_document(json.dumps(line), line, prefix=prefix))[0])
    assert found["MESSAGE" if journal else "message"] == "os:person-1 changed who may come in: user added person-2"
    assert found["DOCKD_NAME" if journal else "dockd.name"] == "person-2"


def test_who_renews_a_certificate_is_nobody() -> None:
    renewed = {"event.action": "certificate.renewed", "dockd.by": "file"}
    assert list(named_in(renewed, prefix="dockd.")) == []
    assert list(named_in({"event.action": ["x"], "dockd.by": "ann"}, prefix="dockd.")) == [("person", "ann")]
    assert {"certificate.renewed"} == BY_NOBODY


def test_what_was_typed_is_learnt_from_the_journal_too() -> None:
    typed = {"DOCKD_EVENT_ACTION": "problem.closed", "DOCKD_REASON": "Ann has it"}
    assert list(named_in(typed, prefix="DOCKD_")) == [("words", "Ann has it")]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("session opened for user page(uid=1003)", "session opened for user person-1(uid=1003)"),
        ("kept out of use by page: the page is slow", "kept out of use by person-1: the page is slow"),
        ("user.name=lock, lock held", "user.name=person-2, lock held"),
        ("/home/page/x, /srv/page/x", "/home/person-1/x, /srv/page/x"),
        ('{"dockd.by": "page", "message": "certificate.renewed"}', '{"dockd.by": "person-1", "message": "certificate.renewed"}'),
        ('{"event.action": "certificate.renewed", "dockd.by": "page"}', '{"event.action": "certificate.renewed", "dockd.by": "page"}'),
        ("by bay", "by bay"),
    ],
)  # fmt: skip
def test_a_person_called_by_an_ordinary_word_is_hidden_in_a_sentence(text: str, hidden: str) -> None:
    found = Names()
    for kind, one in (("person", "page"), ("person", "lock"), ("camera", "bay")):
        found.learn(kind, one)  # type: ignore[arg-type]
    assert found.hidden(text)[0] == hidden
