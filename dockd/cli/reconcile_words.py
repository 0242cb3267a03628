"""What `dockd reconcile` says: one JSON document, or tables and sentences for people. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from dockd.cli.reconcile_books import Books, ShiftBalance
from ingest.clock import rfc3339
from ingest.ledger.balance import KINDS, CameraBalance, Count, DockingBalance, Open
from ingest.ledger.gaps import Gap, Seen
from ingest.ledger.shifts import wall_time
from ingest.model import legible, shown

_NAMED_MOST = 20
_SHIFTS_MOST = 6
_STATES = {
    "left": "left (on its way, not proven in the store yet)",
    "held": "held (kept until its cause is gone)",
    "lost": "LOST (no copy is left anywhere)",
    "stuck": "proven in the store, but held on the camera",
}

# -- one document ------------------------------------------------------------------------------------------------------


def document(found: Books) -> dict[str, Any]:
    """Everything. Times are RFC 3339 UTC."""
    accounts = found.accounts
    files, size = accounts.total()
    span = found.asked.span
    return {
        "cameras": [_camera(one) for one in accounts.cameras.values()],
        "total": _sums(files, size), "balances": accounts.balances, "complete": accounts.complete,
        "docked_not_listed": [_unlisted(one) for one in accounts.unlisted],
        "open": [_open(one) for one in accounts.open], "open_total": accounts.open_total,
        "station": {"name": found.station, "rack": found.rack, **_sums(files, size)},
        "since": None if span.since == -float("inf") else rfc3339(span.since),
        "until": None if span.until == float("inf") else rfc3339(span.until),
        "shifts": [_shift(one) for one in found.shifts],
        "dockings": [_docking(one) for one in accounts.dockings.values()],
        "gaps": {
            "missing": found.gaps.missing, "odd": found.gaps.odd, "recordings": found.gaps.recordings,
            "unnumbered": found.gaps.unnumbered, "found": [_gap(one) for one in found.gaps.found],
        },
        "not_seen": {"seconds": found.asked.not_seen, "cameras": [_seen(one) for one in found.absent]},
        "registry_trouble": found.registry_trouble or None, "well": found.well,
    }  # fmt: skip


def _sums(files: Count, size: Count) -> dict[str, Any]:
    return {"segments": files.as_dict(), "bytes": size.as_dict()}


def _camera(one: CameraBalance) -> dict[str, Any]:
    return {"camera": one.camera, **_sums(one.segments, one.bytes), "faults": one.faults, "not_looked_at": one.unseen}


def _shift(one: ShiftBalance) -> dict[str, Any]:
    return {
        "shift": one.shift.name if one.shift else None, "start": _time(one.shift.start if one.shift else None),
        "end": _time(one.shift.end if one.shift else None), "dockings": one.dockings, "cameras": len(one.cameras),
        **_sums(one.segments, one.bytes), "complete": one.complete,
    }  # fmt: skip


def _docking(one: DockingBalance) -> dict[str, Any]:
    listing = one.listing and {"files": one.listing[0], "bytes": one.listing[1]}
    return {
        "docking": one.docking or None, "camera": one.camera, "bay": one.bay, "docked_at": _time(one.docked_at),
        "undocked_at": _time(one.undocked_at), "listing": listing, **_sums(one.segments, one.bytes), "complete": one.complete,
    }  # fmt: skip


def _unlisted(one: DockingBalance) -> dict[str, Any]:
    return {"camera": one.camera, "docking": one.docking, "bay": one.bay, "docked_at": _time(one.docked_at)}


def _time(moment: float | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _gap(one: Gap) -> dict[str, Any]:
    return {
        "kind": one.kind, "camera": one.camera, "recording": one.recording, "first": one.parts[0], "last": one.parts[1],
        "before": one.before and shown(one.before), "after": one.after and shown(one.after), "seconds_between_ends": one.seconds,
    }  # fmt: skip


def _seen(one: Seen) -> dict[str, Any]:
    return {"camera": one.camera, "serial": one.serial, "last_seen": _time(one.at), "bay": one.bay}


def _open(one: Open) -> dict[str, Any]:
    said = {
        "segment": one.segment, "camera": one.camera, "path": shown(one.path), "bytes": one.bytes, "state": one.state,
        "reason": one.reason, "message": one.message,
    }  # fmt: skip
    try:
        one.path.decode("utf-8")
    except UnicodeDecodeError:
        said["path_b64"] = base64.b64encode(one.path).decode("ascii")
    return said


# -- words -------------------------------------------------------------------------------------------------------------


def lines(found: Books, by: Sequence[str]) -> Iterator[str]:
    """For a person: the tables that were asked for, then what is not so, then the sum."""
    files, size = found.accounts.total()
    if found.station is not None:
        yield from (f"{found.station}, rack {found.rack}", "")
    if "shift" in by:
        yield from _shifts(found)
    if "docking" in by:
        dockings = found.accounts.dockings.values()
        yield from _table("docking", [(_docking_name(found, one), one.segments, one.bytes) for one in dockings])
    if "camera" in by or "station" in by:
        cameras = found.accounts.cameras.values() if "camera" in by else ()
        rows = [(one.camera, one.segments, one.bytes) for one in cameras]
        yield from _table("camera" if cameras else "", rows + ([("total", files, size)] if len(rows) != 1 else []))
    yield from _unfinished(found, by)
    yield from _not_listed(found)
    yield from _what_is_open(found)
    yield from _gaps(found)
    yield from _absent(found)
    yield _verdict(found, files, size)


def _table(title: str, sums: list[tuple[str, Count, Count]]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [(title, "", *KINDS)]
    for name, files, size in sums:
        rows.append((name, "files", *(f"{count:,}" for count in files.as_dict().values())))
        rows.append(("", "bytes", *(f"{count:,}" for count in size.as_dict().values())))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        yield "  ".join(cells + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]).rstrip()
    yield ""


def _shifts(found: Books) -> Iterator[str]:
    """The last few, and every earlier one that is not complete."""
    earlier, last = found.shifts[:-_SHIFTS_MOST], found.shifts[-_SHIFTS_MOST:]
    done = sum(one.complete for one in earlier)
    rows = [one for one in earlier if not one.complete] + last
    names = [f"{one.shift.name if one.shift else 'in no docking'} ({one.dockings} dockings)" for one in rows]
    if rows:
        yield from _table("shift", [(name, one.segments, one.bytes) for name, one in zip(names, rows, strict=True)])
    if done:
        yield f"and {done} earlier shifts, all of whose footage is proven in the store (--json names them)"
        yield ""


def _docking_name(found: Books, one: DockingBalance) -> str:
    if one.docked_at is None:
        return f"{one.camera}, in no docking"
    bay = "" if one.bay is None else f", bay {one.bay}"
    return f"{wall_time(one.docked_at, found.asked.shifts.zone)}{bay}, {one.camera}"


def _unfinished(found: Books, by: Sequence[str]) -> Iterator[str]:
    """Dockings that have something left, unless all are in a table anyway."""
    open_ones = [one for one in found.accounts.dockings.values() if not one.complete and not one.unlisted]
    if "docking" in by:
        return
    for one in open_ones[:_NAMED_MOST]:
        yield f"docking {_docking_name(found, one)}: {_sides(one.segments)}"
    if len(open_ones) > _NAMED_MOST:
        yield f"docking: and {len(open_ones) - _NAMED_MOST} more with something left (--by docking names them)"


def _what_is_open(found: Books) -> Iterator[str]:
    for camera in found.accounts.cameras.values():
        yield from (f"DIFFERENCE: camera {camera.camera}: {fault}" for fault in camera.faults)
        yield from (f"not looked at: camera {camera.camera}: {unseen}" for unseen in camera.unseen)
    for state, words in _STATES.items():
        mine = [one for one in found.accounts.open if one.state == state]
        for one in mine[:_NAMED_MOST]:
            because = f": {one.message}" if one.message else ""
            yield f"{words}: {legible(one.path)} of camera {one.camera}, {one.bytes:,} bytes{because}"
        if len(mine) > _NAMED_MOST:
            yield f"{words}: and {len(mine) - _NAMED_MOST} more (--json names them)"


def _not_listed(found: Books) -> Iterator[str]:
    unlisted = found.accounts.unlisted
    for one in unlisted[:_NAMED_MOST]:
        bay = "" if one.bay is None else f" in bay {one.bay}"
        since = "" if one.docked_at is None else f" since {wall_time(one.docked_at, found.asked.shifts.zone)}"
        yield f"docked and not listed: camera {one.camera}{bay}{since}: what is on it is in no sum here"
    if len(unlisted) > _NAMED_MOST:
        yield f"docked and not listed: and {len(unlisted) - _NAMED_MOST} more (--json names them)"


def _gaps(found: Books) -> Iterator[str]:
    for kind in ("missing", "order", "pause"):
        mine = [one for one in found.gaps.found if one.kind == kind]
        yield from (_gap_words(one) for one in mine[:_NAMED_MOST])
        if len(mine) > _NAMED_MOST:
            yield f"{kind}: and {len(mine) - _NAMED_MOST} more (--json names them)"
    if found.gaps.recordings and found.gaps.unnumbered:
        yield f"of {found.gaps.unnumbered} files nobody can say whether one is missing: their names have no recording and part"


def _gap_words(one: Gap) -> str:
    first, last = one.parts
    where = f"recording {one.recording} of camera {one.camera}"
    if one.kind == "order":
        return f"odd: {where}: part {last} was written before part {first}: the camera's clock was set, or a name used twice"
    if one.kind == "pause":
        return f"odd: {where}: part {last} ends {one.seconds:.0f} s after part {first}, much later than its others do"
    parts = f"part {first} was" if first == last else f"parts {first} to {last} were"
    if one.before is None or one.after is None:
        return f"MISSING: {where}: {parts} never seen here; only a sidecar tells of it"
    return f"MISSING: {where}: {parts} never seen here; between {legible(one.before)} and {legible(one.after)}"


def _absent(found: Books) -> Iterator[str]:
    for one in found.absent[:_NAMED_MOST]:
        if one.at is None:
            yield f"not seen: camera {one.camera}: never docked here"
        else:
            when = wall_time(one.at, found.asked.shifts.zone)
            bay = "" if one.bay is None else f", in bay {one.bay}"
            yield f"not seen: camera {one.camera}: last {when}{bay}"
    if len(found.absent) > _NAMED_MOST:
        yield f"not seen: and {len(found.absent) - _NAMED_MOST} more (--json names them)"
    if found.registry_trouble:
        yield f"not looked at: {found.registry_trouble}"


def _sides(files: Count) -> str:
    sides = " + ".join(
        f"{getattr(files, kind):,} {kind}"
        for kind in ("confirmed", "held", "left", "lost")
        if kind != "lost" or files.lost
    )
    return f"{files.listed:,} listed = {sides}"


def _verdict(found: Books, files: Count, size: Count) -> str:
    accounts = found.accounts
    said = f"{_sides(files)} ({size.listed:,} bytes listed, {size.confirmed:,} confirmed)"
    if any(one.faults for one in accounts.cameras.values()):
        return f"DOES NOT BALANCE: the ledger and its record disagree; {said}"
    if files.lost:
        return f"FOOTAGE IS LOST: {said}"
    if found.gaps.missing:
        return f"PARTS ARE MISSING: {found.gaps.missing:,} parts of recordings were never seen here; {said}"
    if accounts.complete:
        return f"balances: {said}; everything is proven in the store"
    if accounts.unlisted:
        are = "1 camera is" if len(accounts.unlisted) == 1 else f"{len(accounts.unlisted)} cameras are"
        return f"balances, but {are} docked and not listed: {said}"
    return f"balances, but not everything is proven in the store yet: {said}"
