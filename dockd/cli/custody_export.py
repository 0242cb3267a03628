"""`dockd custody export`: the record, a table, or an ASC MHL history of the footage, for those who have no dockd."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dockd.cli.common_options import fail, find_ledger, readable, state_options

if TYPE_CHECKING:
    from ingest.ledger.audit import Reader
    from ingest.ledger.footage import Footage
    from ingest.ledger.history import Wanted

T = TypeVar("T")
_FILES = {"jsonl": "dockd-custody.jsonl", "csv": "dockd-segments.csv"}


@click.command()
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv", "mhl"]), default="jsonl", show_default=True,
    help="jsonl: the record itself, to be checked; csv: a row a segment; mhl: an ASC MHL history for a folder of footage.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Write into this folder (dockd-custody.jsonl, dockd-segments.csv, or the folder ascmhl). mhl needs it.",
)  # fmt: skip
@click.option("--camera", metavar="C", help="Only what concerns this camera.")
@click.option("--segment", metavar="S", help="Only what concerns this segment (its id).")
@click.option(
    "--since", metavar="T", help="Only from this time on: 2026-11-20 or 2026-11-20T18:00:00Z (UTC unless said)."
)
@click.option("--until", metavar="T", help="Only up to this time; a day counts whole.")
@click.option(
    "--receipts/--no-receipts", default=True, show_default=True,
    help="jsonl: the store's public keys and its receipts, each after the entry that names it.",
)  # fmt: skip
@state_options
def export(
    *, kind: str, out: Path | None, camera: str | None, segment: str | None, since: str | None, until: str | None, receipts: bool,
    config: Path | None, state: Path | None,
) -> None:  # fmt: skip
    """Hand over the record, or the segments that it speaks of, so that they can be checked without dockd (docs/verify.md).

    jsonl, without a filter, is what docs/verify_export.py checks: one JSON object a line, the signed head first. A part (--camera, --segment,
    --since, --until) is for reading: whether it is in the record, only the whole shows. Exit code 1: nothing matches.
    """
    from ingest.ledger.audit import opened
    from ingest.ledger.history import Wanted

    wanted = Wanted(
        camera=camera, segment=segment, since=_moment(since, end=False) if since else "",
        until=_moment(until, end=True) if until else "~",
    )  # fmt: skip
    if kind == "mhl" and out is None:
        raise click.UsageError("mhl is a folder of files: name one with --out")
    where = find_ledger(config=config, state=state)
    with readable(), opened(where) as reader:
        if out is not None and kind == "mhl":
            count, told = _mhl(reader, wanted, out)
        else:
            count, told = _stream(reader, wanted, kind=kind, out=out, receipts=receipts)
    if out is not None and count:
        click.echo(told)
    if count == 0 and not (wanted.everything and kind != "mhl"):
        fail("no entry matches" if kind == "jsonl" else "no segment matches", code=1)


def _stream(reader: Reader, wanted: Wanted, *, kind: str, out: Path | None, receipts: bool) -> tuple[int, str]:
    from ingest.ledger import table
    from ingest.ledger.footage import footage
    from ingest.ledger.handover import handover

    counted = _Counted()
    if kind == "jsonl":
        found = counted.those(handover(reader, wanted, with_receipts=receipts), lambda one: one["type"] == "entry")
        lines: Iterator[str] = (json.dumps(one) + "\n" for one in found)
    else:
        lines = table.lines(counted.those(footage(reader, wanted), lambda _one: True))
    if out is None:
        for line in lines:
            sys.stdout.write(line)
        sys.stdout.flush()
        return counted.number, ""
    out.mkdir(parents=True, exist_ok=True)
    target = out / _FILES[kind]
    _write(target, lines, encoding="ascii" if kind == "jsonl" else "utf-8-sig")  # a spreadsheet knows UTF-8 by its mark
    return counted.number, f"{counted.number} {'entries' if kind == 'jsonl' else 'segments'} in {target}"


class _Counted:
    """How many of what goes through are of a kind."""

    def __init__(self) -> None:
        self.number = 0

    def those(self, found: Iterable[T], mine: Callable[[T], bool]) -> Iterator[T]:
        """All of `found`; those that are `mine` are counted."""
        for one in found:
            self.number += mine(one)
            yield one


def _mhl(reader: Reader, wanted: Wanted, root: Path) -> tuple[int, str]:
    """The folder `ascmhl` in `root`: the manifest, the chain file, SHA256SUMS, and a table of what belongs where. Whole or not at all."""
    import hashlib
    import secrets
    import shutil
    import socket

    from dockd import __version__
    from ingest.clock import Clock
    from ingest.ledger import mhl, table
    from ingest.ledger.footage import footage

    def known() -> Iterator[Footage]:
        return (one for one in footage(reader, wanted) if one.told.sha256 and one.told.xxh3_128)

    count = sum(1 for _one in known())
    if not count:
        return 0, ""
    creator = mhl.Creator(host=socket.gethostname(), version=__version__, now=Clock().now())
    root.mkdir(parents=True, exist_ok=True)
    target = root / mhl.FOLDER
    if target.exists():
        fail(f"{target} is there already and is not overwritten: name another --out, or move it aside", code=2)
    part = root / f"{mhl.FOLDER}.{secrets.token_hex(4)}.part"
    part.mkdir()
    try:
        file = part / creator.file_name
        _write(file, mhl.manifest(known(), creator))
        _write(part / mhl.CHAIN, [mhl.chain(creator.file_name, hashlib.sha512(file.read_bytes()).digest())])
        _write(part / "SHA256SUMS", (f"{one.told.sha256}  {one.place}\n" for one in known()))
        _write(part / "footage.csv", table.lines(known()), encoding="utf-8-sig")
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    left = sum(1 for _one in footage(reader, wanted)) - count
    missing = f"; {left} have no hash in the record (they were never copied) and are not in it" if left else ""
    return (
        count,
        f"{count} segments in {target / creator.file_name}{missing}. Lay the footage out as {target / 'footage.csv'} says (place)",
    )


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


def _write(target: Path, lines: Iterable[str], *, encoding: str = "utf-8") -> None:
    """Write a new file, whole or not at all; never over another."""
    try:
        file = target.open("x", encoding=encoding, newline="")
    except FileExistsError:
        fail(f"{target} is there already and is not overwritten: name another --out, or move it aside", code=2)
    try:
        with file:
            for line in lines:
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise
