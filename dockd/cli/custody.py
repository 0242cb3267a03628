"""`dockd custody`: check, show and hand over the record of what happened, while an agent runs or on a copy of its state."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.common_options import as_owner, fail, find_ledger, find_state, not_one, readable, state_options
from dockd.cli.custody_certificate import certificate
from dockd.cli.custody_export import export

if TYPE_CHECKING:
    from ingest.ledger.audit import Audit, Reader
    from ingest.ledger.history import KeptReceipt, Record
    from ingest.ledger.segments import Segment

_LONGEST_RECEIPT = 64 << 10
_NO_HEAD = (
    "expected an entry's SHA-256, 64 hex digits, as a receipt's `head` or a printed head has it, or a receipt itself"
)
_NO_KEY = "the ledger never kept the store's public key (it learns it when it next meets the store)"
_CANNOT_KNOW = "cannot know whether entries were cut off at the end without a head known from outside (--head)"


@click.group()
def custody() -> None:
    """Check, show and export the record of what happened."""


custody.add_command(export)
custody.add_command(certificate)


@dataclass(frozen=True)
class _Known:
    """A head known from outside; `receipt` where it came in one."""

    hash: str
    receipt: str | None = None


def _head(_context: click.Context, _option: click.Parameter, value: str | None) -> _Known | None:
    if value is None:
        return None
    word = value.strip()
    if re.fullmatch(r"[0-9a-fA-F]{64}", word):
        return _Known(word.lower())
    if word.count(".") != 2 or "/" in word:
        try:
            with Path(word).open("rb") as file:
                word = file.read(_LONGEST_RECEIPT).decode("ascii").strip()
        except (OSError, ValueError) as error:
            raise click.BadParameter(_NO_HEAD) from error
    from ingest.ledger.proven import NoReceipt, unsigned

    try:
        found = unsigned(word).get("head")
    except NoReceipt as error:
        raise click.BadParameter(_NO_HEAD) from error
    if not isinstance(found, str) or not re.fullmatch(r"[0-9a-f]{64}", found):
        raise click.BadParameter("that receipt carries no head: it was asked for without one")
    return _Known(found, word)


def thumbprints(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Of the dock's keys, as `verify` prints them. Raises click.BadParameter."""
    for value in values:
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
            raise click.BadParameter(
                f"{value!r} is no thumbprint of a key: expected the 43 characters that `verify` prints"
            )
    return values


@custody.command()
@click.option(
    "--head", metavar="H", callback=_head,
    help="What is known from outside: an entry's hash (64 hex digits), or a receipt of the store (the file, or its text).",
)  # fmt: skip
@click.option(
    "--key", "keys", metavar="K", multiple=True, callback=thumbprints,
    help="Thumbprint of a key of this dock that is known from elsewhere: a change to it needs no signature of the old one.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
@state_options
def verify(
    *, head: _Known | None, keys: tuple[str, ...], as_json: bool, config: Path | None, state: Path | None
) -> None:
    """Check every entry, every link, the dock's keys, the signature of the head, and the store's receipts by their own signatures.

    Exit code 0: all of it holds; 1: it does not (each fault is printed with its place); 3: there is no ledger to check.
    """
    from ingest.ledger.audit import check, moment

    where = find_ledger(config=config, state=state)
    with readable(), moment(where) as reader:
        found = check(reader, head=head.hash if head else None, vouched=frozenset(keys))
        if head is not None and head.receipt is not None:
            found = _with_given(reader, head.receipt, found)
    if as_json:
        click.echo(json.dumps(_verdict(found)))
    else:
        for line in _verdict_lines(found):
            click.echo(line)
    sys.exit(1 if found.faults else 0)


def _with_given(reader: Reader, receipt: str, found: Audit) -> Audit:
    """What the given receipt's own signature adds: a forged one proves nothing either way."""
    from ingest.ledger.proven import NoReceipt, opened, store_keys

    try:
        opened(receipt, store_keys(reader))
    except KeyError:
        said = "the given receipt is signed with a key that this ledger does not keep: its signature was not checked"
        return replace(found, notes=(*found.notes, said))
    except NoReceipt as wrong:
        return replace(found, faults=(*found.faults, f"the given receipt is not to be believed: {wrong}"))
    return found


def _verdict(found: Audit) -> dict[str, Any]:
    return {
        "ok": not found.faults, "entries": found.entries, "head": None if found.signed is None else found.signed.as_dict(), "outside_head": found.outside,
        "restored": list(found.restored), "faults": list(found.faults), "notes": list(found.notes), "keys": list(found.keys),
        "receipts": {"signed": found.receipts_signed, "unchecked": found.receipts_unchecked},
    }  # fmt: skip


def _verdict_lines(found: Audit) -> Iterator[str]:
    for one in found.restored:
        yield f"restored: {one}"
    for one in found.notes:
        yield f"note: {one}"
    if found.receipts_unchecked:
        yield f"note: {found.receipts_unchecked} receipts were not checked by their signature: {_NO_KEY}"
    if found.faults:
        yield from (f"fault: {fault}" for fault in found.faults)
        yield f"NOT whole: {found.entries} entries, {len(found.faults)} faults"
        return
    if found.signed is None:
        yield "whole: no entries yet"
        return
    end = {"found": "the given head is in it", "unknown": _CANNOT_KNOW}[found.outside]
    signed = found.signed
    yield (
        f"whole: {found.entries} entries, head {signed.head.seq} {signed.head.hash}, signed by key {signed.key}; "
        f"{found.receipts_signed} receipts signed by the store; {end}"
    )


@custody.command("rotate-key")
@state_options
def rotate_key(*, config: Path | None, state: Path | None) -> None:
    """Give the dock a new signing key, for which the old one signs in the record. The old private key is gone after that.

    dockd must not be running on this state. Stores go on knowing the dock by its first key. Write the new thumbprint down outside
    of the dock. Exit code 3: the state is in use, the ledger is damaged or gone, or it cannot be written (then the old key goes on, or the next start
    finishes it).
    """
    import asyncio

    from ingest.errors import LedgerDamaged

    where = find_state(config=config, state=state).ledger
    if not where.exists():
        fail(
            f"there is no ledger at {where}: nothing has been signed with this state yet, or the path is wrong", code=3
        )
    with readable(), as_owner(where.parent):
        try:
            old, new, seq, went_back = asyncio.run(_rotate(where))
        except LedgerDamaged as damage:
            fail(
                f"the ledger {where} is damaged or gone ({damage.why}): the key was not changed, and the ledger was left as it is. Start dockd "
                "(or `dockd ingest`) first: it keeps this ledger for the auditors and makes a new one. Then change the key",
                code=3,
            )
    if went_back:
        click.echo(f"dockd: {went_back}", err=True)
    click.echo(f"entry {seq}: the key {old} has signed for the new key")
    click.echo(f"new key {new}")


async def _rotate(ledger: Path) -> tuple[str, str, int, str]:
    from dockd.app import locked
    from ingest.ledger import Ledger

    with locked(ledger.with_name("lock")):
        opened = await Ledger.open(ledger, keys=ledger.with_name("keys"), anew=False)
        try:
            old = opened.key.thumbprint
            fresh = await opened.rotate_key()
            went_back = opened.went_back.message() if opened.went_back is not None else ""
            return old, fresh.thumbprint, opened.head.seq, went_back
        finally:
            await opened.close()


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

    where = find_ledger(config=config, state=state)
    with readable(), moment(where) as reader:
        meant = history.ids_meant(reader, segment)
        if len(meant) != 1:
            fail(not_one(segment, meant), code=1)
        name = meant[0]
        signed = signed_head(reader)
        told = list(history.records(reader, history.Wanted(segment=name), up_to=signed.head.seq if signed else 0))
        row, receipts = history.segment(reader, name), history.receipts(reader, name)
    if as_json:
        click.echo(json.dumps(_history(name, row, told, receipts)))
    else:
        click.echo("\n".join(_history_lines(name, row, told, receipts)))


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
