"""`dockd custody`: check, show and hand over the record of what happened, while an agent runs or on a copy of its state."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.common_options import fail, find_state, plain, state_options
from ingest.errors import DockdError

if TYPE_CHECKING:
    from ingest.ledger.audit import Audit
    from ingest.ledger.history import KeptReceipt, Record
    from ingest.ledger.segments import Segment

_FILE = "dockd-custody.jsonl"
_CANNOT_KNOW = "cannot know whether entries were cut off at the end without a head known from outside (--head)"


@click.group()
def custody() -> None:
    """Check, show and export the record of what happened."""


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """What keeps a ledger from being read is the environment: exit code 3."""
    try:
        yield
    except DockdError as error:
        fail(error.message, code=3)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(plain(error), code=3)


def _hash(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value.strip()):
        raise click.BadParameter(
            "expected an entry's SHA-256, 64 hex digits, as a receipt's `head` or a printed head has it"
        )
    return value.strip().lower()


@custody.command()
@click.option("--head", metavar="H", callback=_hash, help="An entry's hash known from outside, such as a receipt's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
@state_options
def verify(*, head: str | None, as_json: bool, config: Path | None, state: Path | None) -> None:
    """Check every entry, every link, the signature of the head, and the store's receipts against the chain.

    Exit code 0: all of it holds; 1: it does not (each fault is printed with its place); 3: there is no ledger to check.
    """
    from ingest.ledger.audit import check, moment

    where = find_state(config=config, state=state).ledger
    with _readable(), moment(where) as reader:
        found = check(reader, head=head)
    if as_json:
        click.echo(json.dumps(_verdict(found)))
    else:
        for line in _verdict_lines(found):
            click.echo(line)
    sys.exit(1 if found.faults else 0)


def _verdict(found: Audit) -> dict[str, Any]:
    return {
        "ok": not found.faults, "entries": found.entries, "head": None if found.signed is None else found.signed.as_dict(), "outside_head": found.outside,
        "restored": list(found.restored), "faults": list(found.faults),
    }  # fmt: skip


def _verdict_lines(found: Audit) -> Iterator[str]:
    for one in found.restored:
        yield f"restored: {one}"
    if found.faults:
        yield from (f"fault: {fault}" for fault in found.faults)
        yield f"NOT whole: {found.entries} entries, {len(found.faults)} faults"
        return
    if found.signed is None:
        yield "whole: no entries yet"
        return
    end = {"found": "the given head is in it", "unknown": _CANNOT_KNOW}[found.outside]
    signed = found.signed
    yield f"whole: {found.entries} entries, head {signed.head.seq} {signed.head.hash}, signed by key {signed.key}; {end}"


@custody.command()
@click.argument("segment")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
@state_options
def show(*, segment: str, as_json: bool, config: Path | None, state: Path | None) -> None:
    """Tell the history of one SEGMENT: its id, the beginning of it, its SHA-256, or its path on the camera.

    Exit code 1: no such segment, or more than one (they are named).
    """
    from ingest.ledger import history
    from ingest.ledger.audit import moment, signed_head

    where = find_state(config=config, state=state).ledger
    with _readable(), moment(where) as reader:
        meant = history.ids_meant(reader, segment)
        if len(meant) != 1:
            fail(_not_one(segment, meant), code=1)
        name = meant[0]
        signed = signed_head(reader)
        told = list(history.records(reader, history.Wanted(segment=name), up_to=signed.head.seq if signed else 0))
        row, receipts = history.segment(reader, name), history.receipts(reader, name)
    if as_json:
        click.echo(json.dumps(_history(name, row, told, receipts)))
    else:
        click.echo("\n".join(_history_lines(name, row, told, receipts)))


def _not_one(word: str, meant: list[str]) -> str:
    if not meant:
        return f"no segment has the id, SHA-256 or path {word!r} in this ledger"
    return f"{word!r} may be any of these segments, name one by its id:\n  " + "\n  ".join(meant)


def _history(name: str, row: Segment | None, told: list[Record], receipts: list[KeptReceipt]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "id": name, "segment": None if row is None else _segment(row),
        "entries": [one.as_dict() | {"words": one.words()} for one in told], "receipts": [asdict(one) for one in receipts],
    }  # fmt: skip


def _segment(row: Segment) -> dict[str, Any]:
    import base64

    from ingest.model import shown

    said = {
        "camera": row.camera, "path": shown(row.path), "size": row.size, "sha256": row.sha256, "xxh3_128": row.xxh3_128,
        "copies": sorted(row.copies), "held": row.held,
    }  # fmt: skip
    try:
        row.path.decode("utf-8")
    except UnicodeDecodeError:
        said["path_b64"] = base64.b64encode(row.path).decode("ascii")
    return said


def _history_lines(name: str, row: Segment | None, told: list[Record], receipts: list[KeptReceipt]) -> Iterator[str]:
    from ingest.copies import word
    from ingest.model import legible

    yield f"segment {name}"
    if row is None:
        yield "  the ledger has no row for it; this is what the record says"
    else:
        yield f"  {legible(row.path)} of camera {row.camera}, {row.size} bytes"
        yield f"  SHA-256 {row.sha256 or 'not known yet: it has not been copied'}"
        where = ", ".join(sorted(row.copies)) or "nowhere"
        yield f"  now: {word(row.copies, held=row.held is not None)} (copies: {where})"
        if row.held is not None:
            yield f"  held: {row.held_message}"
    yield ""
    for one in told:
        yield f"{one.at}  entry {one.seq}: {one.words()}"
    for receipt in receipts:
        pins = "" if receipt.head_seq is None else f", asked with entry {receipt.head_seq} of this record"
        yield (
            f"receipt ({receipt.method}): store {receipt.store} had {receipt.size} bytes with SHA-256 {receipt.sha256} "
            f"as {receipt.object} at {receipt.attested_at}{pins}"
        )


@custody.command()
@click.option(
    "--format", "kind", type=click.Choice(["jsonl"]), default="jsonl", show_default=True, help="csv and mhl come later."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help=f"Write {_FILE} into this folder.")
@click.option("--camera", metavar="C", help="Only what concerns this camera.")
@click.option("--segment", metavar="S", help="Only what concerns this segment (its id).")
@click.option(
    "--since", metavar="T", help="Only from this time on: 2026-11-20 or 2026-11-20T18:00:00Z (UTC unless said)."
)
@click.option("--until", metavar="T", help="Only up to this time; a day counts whole.")
@click.option("--receipts", is_flag=True, help="Add the store's receipts, each after the entry that names it.")
@state_options
def export(
    *, kind: str, out: Path | None, camera: str | None, segment: str | None, since: str | None, until: str | None, receipts: bool,
    config: Path | None, state: Path | None,
) -> None:  # fmt: skip
    """Hand over entries, one JSON object a line, so that they can be checked without dockd.

    The first line is the signed head, the last one counts the entries. An entry's `hash` is the SHA-256 of its `text`, `prev` in it the
    hash of the entry before (64 zeros for the first); the head's signature is Ed25519 over `signed`. Exit code 1: nothing matches.
    """
    from ingest.ledger.audit import opened
    from ingest.ledger.handover import handover
    from ingest.ledger.history import Wanted

    wanted = Wanted(
        camera=camera, segment=segment, since=_moment(since, end=False) if since else "",
        until=_moment(until, end=True) if until else "~",
    )  # fmt: skip
    where = find_state(config=config, state=state).ledger
    with _readable(), opened(where) as reader:
        lines = (json.dumps(one) + "\n" for one in handover(reader, wanted, kind=kind, with_receipts=receipts))
        count = _to_stdout(lines) if out is None else _to_file(lines, out)
    entries = count - 2
    if out is not None:
        click.echo(f"{entries} entries in {out / _FILE}")
    if entries <= 0 and not wanted.everything:
        fail("no entry matches", code=1)


def _moment(text: str, *, end: bool) -> str:
    """RFC 3339 in UTC as entries have it, from a day or a time."""
    from ingest.clock import rfc3339

    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            at = datetime.combine(date.fromisoformat(text), time.max if end else time.min, UTC)
            return rfc3339(at.timestamp())[:-5] + (".999Z" if end else ".000Z")
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is no time: expected 2026-11-20 or 2026-11-20T18:00:00Z") from error
    return rfc3339((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp())


def _to_stdout(lines: Iterator[str]) -> int:
    count = 0
    for line in lines:
        sys.stdout.write(line)
        count += 1
    sys.stdout.flush()
    return count


def _to_file(lines: Iterator[str], folder: Path) -> int:
    """Write a new file, whole or not at all; never over another."""
    import os

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _FILE
    try:
        file = target.open("x", encoding="ascii")
    except FileExistsError:
        fail(f"{target} is there already and is not overwritten: name another --out, or move it aside", code=2)
    count = 0
    try:
        with file:
            for line in lines:
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise
    return count
