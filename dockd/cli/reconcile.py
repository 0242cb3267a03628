"""`dockd reconcile`: listed = confirmed + held + left, to the file and the byte, and who is not where it should be."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.common_options import fail, find_state, plain, state_options
from ingest.errors import DockdError

if TYPE_CHECKING:
    from ingest.ledger.balance import Accounts, CameraBalance, Count, Open

_NAMED_MOST = 20
_STATES = {
    "left": "left (on its way, not proven in the store yet)",
    "held": "held (kept until its cause is gone)",
    "lost": "LOST (no copy is left anywhere)",
    "stuck": "proven in the store, but held on the camera",
}


@click.command()
@click.option("--camera", metavar="ID", help="Only this camera.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
@state_options
def reconcile(*, camera: str | None, as_json: bool, config: Path | None, state: Path | None) -> None:
    """Hold what was listed against what was copied, confirmed and wiped, and the ledger against its record.

    Exit code 0: it balances, and everything is proven in the store; 1: something is left, held or lost, or the books disagree (which, is
    printed); 3: there is no ledger.
    """
    from ingest.ledger.audit import moment
    from ingest.ledger.balance import accounts

    try:
        with moment(find_state(config=config, state=state).ledger) as reader:
            found = accounts(reader, camera=camera)
    except DockdError as error:
        fail(error.message, code=3)
    except OSError as error:
        fail(plain(error), code=3)
    if camera is not None and not found.cameras:
        fail(f"no camera {camera!r} is in this ledger", code=1)
    if as_json:
        click.echo(json.dumps(_document(found)))
    else:
        click.echo("\n".join(_lines(found)))
    sys.exit(0 if found.complete else 1)


def _document(found: Accounts) -> dict[str, Any]:
    files, size = found.total()
    return {
        "cameras": [_camera(one) for one in found.cameras.values()],
        "total": {"segments": files.as_dict(), "bytes": size.as_dict()}, "balances": found.balances, "complete": found.complete,
        "open": [_open(one) for one in found.open], "open_total": found.open_total,
    }  # fmt: skip


def _camera(one: CameraBalance) -> dict[str, Any]:
    return {
        "camera": one.camera, "segments": one.segments.as_dict(), "bytes": one.bytes.as_dict(), "faults": one.faults,
        "not_looked_at": one.unseen,
    }  # fmt: skip


def _open(one: Open) -> dict[str, Any]:
    from ingest.model import shown

    said = {
        "segment": one.segment, "camera": one.camera, "path": shown(one.path), "bytes": one.bytes, "state": one.state,
        "reason": one.reason, "message": one.message,
    }  # fmt: skip
    try:
        one.path.decode("utf-8")
    except UnicodeDecodeError:
        said["path_b64"] = base64.b64encode(one.path).decode("ascii")
    return said


def _lines(found: Accounts) -> Iterator[str]:
    from ingest.ledger.balance import KINDS

    files, size = found.total()
    rows: list[tuple[str, ...]] = [("camera", "", *KINDS)]
    for one in found.cameras.values():
        rows += _two_rows(one.camera, one.segments, one.bytes)
    if len(found.cameras) != 1:
        rows += _two_rows("total", files, size)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        yield "  ".join(cells + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]).rstrip()
    yield ""
    yield from _what_is_open(found)
    yield _verdict(found, files, size)


def _two_rows(name: str, files: Count, size: Count) -> list[tuple[str, ...]]:
    return [
        (name, "files", *(f"{count:,}" for count in files.as_dict().values())),
        ("", "bytes", *(f"{count:,}" for count in size.as_dict().values())),
    ]


def _what_is_open(found: Accounts) -> Iterator[str]:
    from ingest.model import legible

    for camera in found.cameras.values():
        yield from (f"DIFFERENCE: camera {camera.camera}: {fault}" for fault in camera.faults)
        yield from (f"not looked at: camera {camera.camera}: {unseen}" for unseen in camera.unseen)
    for state, words in _STATES.items():
        mine = [one for one in found.open if one.state == state]
        for one in mine[:_NAMED_MOST]:
            because = f": {one.message}" if one.message else ""
            yield f"{words}: {legible(one.path)} of camera {one.camera}, {one.bytes:,} bytes{because}"
        if len(mine) > _NAMED_MOST:
            yield f"{words}: and {len(mine) - _NAMED_MOST} more (--json names them)"


def _verdict(found: Accounts, files: Count, size: Count) -> str:
    sides = " + ".join(
        f"{getattr(files, kind):,} {kind}"
        for kind in ("confirmed", "held", "left", "lost")
        if kind != "lost" or files.lost
    )
    said = f"{files.listed:,} listed = {sides} ({size.listed:,} bytes listed, {size.confirmed:,} confirmed)"
    if found.complete:
        return f"balances: {said}; everything is proven in the store"
    if any(one.faults for one in found.cameras.values()):
        return f"DOES NOT BALANCE: the ledger and its record disagree; {said}"
    if files.lost:
        return f"FOOTAGE IS LOST: {said}"
    return f"balances, but not everything is proven in the store yet: {said}"
