"""The ledger's rows, which dockd acts on and shows, held against the record: whoever edits a row without a key is found by what the entries say.

Rules: what is compared is what an entry says: a segment's camera, path, bytes, copies, times, object, store and hold (`books`), leave to delete, the
pinned store, dockings and listings. What no entry says cannot be checked, and docs/verify.md names it. A deletion must have had leave in the record.
Memory does not grow with the segments, but with the deletions that are still allowed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ingest.clock import rfc3339
from ingest.ledger.books import differences, entry_data, side_by_side
from ingest.model import whole_text

_MOST = 20


def faults(reader: sqlite3.Connection) -> list[str]:
    """The first differences, each with its place. `reader` is a `moment` whose chain is whole. Raises sqlite3.DatabaseError."""
    checks: tuple[Callable[[sqlite3.Connection], Iterator[str]], ...] = (
        _segments,
        _permits,
        _stores,
        _dockings,
        _listings,
        *((_bays, _issues, _marks) if _knows_changes(reader) else ()),
    )
    return [fault for one in checks for fault in islice(one(reader), _MOST)]


def _segments(reader: sqlite3.Connection) -> Iterator[str]:
    for name, row, played in side_by_side(reader, None):
        yield from differences(name, row, played)


def _permits(reader: sqlite3.Connection) -> Iterator[str]:
    """Each deletion had leave, and each leave that a row claims was given."""
    leave: dict[Any, Any] = {}
    given: dict[Any, tuple[int, str, str | None]] = {}
    for seq, at, action, camera, text in _entries(reader, "permit.issued", "permit.closed", "segment.wiped"):
        data = entry_data(text)
        permit, segment = data.get("permit"), data.get("segment")
        if action == "permit.issued":
            given[permit] = (seq, camera, None)
            leave.update(dict.fromkeys(data.get("segments") or (), permit))
        elif action == "permit.closed":
            given[permit] = (*given.get(permit, (seq, camera))[:2], at)
        elif leave.pop(segment, None) != permit:
            yield f"entry {seq}: segment {segment} was deleted without leave: no entry before names it under permit {permit}"
    yield from _permit_rows(reader, given)
    for segment, permit in reader.execute(
        "SELECT id, wipe_permit FROM segments WHERE wipe_permit IS NOT NULL ORDER BY id"
    ):
        if leave.get(segment) != permit:
            yield f"segment {segment}: the ledger has permit {permit} for it, the record {leave.get(segment, 'none')}"


def _permit_rows(reader: sqlite3.Connection, given: dict[Any, tuple[int, str, str | None]]) -> Iterator[str]:
    """`given`: entry, camera, and the end that the record has; one may have ended without an entry, where the store was caught."""
    rows = {row[0]: row[1:] for row in reader.execute("SELECT id, camera, closed_at FROM permits")}
    for permit, (seq, camera, over) in given.items():
        row = rows.pop(permit, None)
        if row is None or row[0] != camera:
            yield f"entry {seq}: permit {permit} is not in the ledger as the record has it"
        elif over is not None and (row[1] is None or rfc3339(row[1]) != over):
            yield f"entry {seq}: permit {permit} ended at {over} in the record, but not in the ledger"
    for permit in rows:
        yield f"permit {permit} is in the ledger, but not in the record"


def _stores(reader: sqlite3.Connection) -> Iterator[str]:
    told: dict[str, dict[str, Any]] = {}
    pinned = None
    for _seq, at, action, _camera, text in _entries(
        reader, "store.pinned", "store.key_rotated", "store.honest", "store.dishonest"
    ):
        data = entry_data(text)
        name = str(data.get("store"))
        if action == "store.pinned":
            pinned = name
            told[name] = {
                "url": data.get("url"),
                "method": data.get("method"),
                "keys": data.get("keys"),
                "honest": None,
                "caught": None,
            }
        said = told.setdefault(name, {})
        if action == "store.key_rotated":
            said |= {"keys": data.get("keys"), "honest": None}
        elif action == "store.honest":
            said["honest"] = at
        elif action == "store.dishonest":
            said |= {"caught": data.get("error"), "honest": None}
    for name, url, method, keys, is_pinned, honest, caught in reader.execute(
        "SELECT id, url, method, keys, pinned, honest_at, dishonest FROM stores ORDER BY id"
    ):
        row = {
            "url": whole_text(url), "method": method, "keys": json.loads(keys), "honest": None if honest is None else rfc3339(honest),
            "caught": caught and whole_text(caught),
        }  # fmt: skip
        said = told.pop(whole_text(name), {})
        wrong = [what for what in row if row[what] != said.get(what)]
        if wrong or bool(is_pinned) != (name == pinned):
            yield f"store {name}: its {', '.join(wrong) or 'being pinned'} in the ledger is not what the record says"
    for name in told:
        yield f"store {name} is in the record, but not in the ledger"


def _dockings(reader: sqlite3.Connection) -> Iterator[str]:
    rows = {
        row[0]: (*row[1:4], rfc3339(row[4]), None if row[5] is None else rfc3339(row[5]))
        for row in reader.execute("SELECT id, camera, bay, source, docked_at, undocked_at FROM dockings")
    }
    told: dict[Any, tuple[Any, ...]] = {}
    for _seq, at, action, camera, text in _entries(reader, "camera.docked", "camera.undocked"):
        data = entry_data(text)
        if action == "camera.docked":
            told[data.get("docking")] = (camera, data.get("bay"), data.get("source"), at, None)
        else:
            told[data.get("docking")] = (*told.get(data.get("docking"), ())[:4], at)
    for docking in sorted(rows.keys() | told.keys()):
        row, said = rows.get(docking), told.get(docking)
        if row is None or said is None or (row[0], row[1], whole_text(row[2]), *row[3:]) != said:
            yield f"docking {docking}: the ledger has {row}, the record {said}"


def _listings(reader: sqlite3.Connection) -> Iterator[str]:
    told = {
        data.get("listing"): (data.get("docking"), at, data.get("files"), data.get("bytes"), data.get("skipped"))
        for _seq, at, _action, _camera, text in _entries(reader, "camera.listed")
        for data in (entry_data(text),)
    }
    for number, docking, at, files, size, skipped in reader.execute(
        "SELECT id, docking, at, files, bytes, skipped FROM listings ORDER BY id"
    ):
        if told.pop(number, None) != (docking, rfc3339(at), files, size, skipped):
            yield f"listing {number} of docking {docking} is not what the record says"
    for number in told:
        yield f"listing {number} is in the record, but not in the ledger"


def _knows_changes(reader: sqlite3.Connection) -> bool:
    """Whether it has the tables of what people change: a ledger of before is checked for what it has."""
    return reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'bays_out_of_use'").fetchone() is not None


def _bays(reader: sqlite3.Connection) -> Iterator[str]:
    """Out of use by what people said last."""
    told: dict[Any, tuple[Any, Any]] = {}
    for _seq, _at, action, _camera, text in _entries(reader, "bay.out_of_use", "bay.back_in_use"):
        data = entry_data(text)
        if action == "bay.out_of_use":
            told[data.get("bay")] = (data.get("reason"), data.get("by"))
        else:
            told.pop(data.get("bay"), None)
    rows = {row[0]: (row[1], row[2]) for row in reader.execute("SELECT bay, reason, by FROM bays_out_of_use")}
    for bay in sorted(rows.keys() | told.keys(), key=str):
        if rows.get(bay) != told.get(bay):
            yield f"bay {bay}: out of use in the ledger {rows.get(bay)}, in the record {told.get(bay)}"


def _issues(reader: sqlite3.Connection) -> Iterator[str]:
    """Who has which camera."""
    told: dict[str, tuple[Any, Any]] = {}
    for _seq, _at, action, camera, text in _entries(reader, "camera.issued", "camera.returned"):
        data = entry_data(text)
        if action == "camera.issued":
            told[camera] = (data.get("officer"), data.get("by"))
        else:
            told.pop(camera, None)
    rows = reader.execute("SELECT camera, officer, by FROM issues WHERE returned_at IS NULL")
    has = {row[0]: (row[1], row[2]) for row in rows}
    for camera in sorted(has.keys() | told.keys()):
        if has.get(camera) != told.get(camera):
            yield f"camera {camera}: issued in the ledger {has.get(camera)}, in the record {told.get(camera)}"


def _marks(reader: sqlite3.Connection) -> Iterator[str]:
    """A store that is said to know of evidence was told."""
    told = {
        (entry_data(text).get("segment"), entry_data(text).get("object"))
        for _seq, _at, _action, _camera, text in _entries(reader, "segment.marked_at_store", "segment.not_markable")
    }
    for row in reader.execute("SELECT segment, object FROM marks WHERE told_at IS NOT NULL ORDER BY segment"):
        if tuple(row) not in told:
            yield f"segment {row[0]}: the ledger says that the store knows it as evidence, the record does not"


def _entries(reader: sqlite3.Connection, *actions: str) -> Iterator[tuple[int, str, str, str, str]]:
    marks = ", ".join("?" * len(actions))
    yield from reader.execute(
        f"SELECT seq, at, action, camera, body FROM custody WHERE action IN ({marks}) ORDER BY seq", actions
    )
