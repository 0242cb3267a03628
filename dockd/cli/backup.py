"""`dockd backup`, `dockd restore`: a dock's state, kept elsewhere and put back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, find_state, readable, state_options
from dockd.cli.custody import thumbprints

if TYPE_CHECKING:
    from dockd.keeping.checking import Checked
    from dockd.keeping.making import Wish
    from dockd.keeping.manifest import Manifest

_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")


@click.group(invoke_without_command=True)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The backup: a folder that is not there yet, or is empty.",
)
@click.option("--with-keys", is_flag=True, help="Also the dock's private key, and what it comes in with to its store.")
@click.option("--with-spool", is_flag=True, help="Also the footage that waits on the dock.")
@_json
@state_options
@click.pass_context
def backup(
    context: click.Context, *, target: Path | None, with_keys: bool, with_spool: bool, as_json: bool, config: Path | None, state: Path | None
) -> None:  # fmt: skip
    """Keep the record, the list of users and the configuration of a dock elsewhere, while it works. docs/backup.md says what is in it.

    Exit code 0: it is whole and durable; 2: usage; 3: it cannot be written, or there is no dock.
    """
    if context.invoked_subcommand is not None:
        return
    if target is None:
        raise click.UsageError("--to is missing: name the folder that is to be the backup")
    from dockd.keeping.making import make
    from dockd.state_places import Places
    from ingest.ledger.backup import faults

    where = find_state(config=config, state=state)
    with readable():
        made = make(
            Places(ledger=where.ledger, spool=where.spool), target, wish=_wish(config, state, keys=with_keys, spool=with_spool),
            progress=lambda line: click.echo(line, err=True),
        )  # fmt: skip
        record = faults(target / "ledger.db")
    _say(made, target, record, as_json=as_json)


def _wish(config: Path | None, state: Path | None, *, keys: bool, spool: bool) -> Wish:
    """With the configuration, where the dock has one."""
    from dockd.keeping.making import Wish
    from dockd.settings import DEFAULT_FILE, load
    from dockd.settings.credentials import FOLDER

    if state is not None or (config is None and not DEFAULT_FILE.exists()):
        return Wish(keys=keys, spool=spool)
    file = config or DEFAULT_FILE
    settings = load(file, environ=os.environ, for_run=False)
    found = {"dockd.toml": file, "cameras": settings.cameras.profiles}
    named = [settings.registry.file, settings.store.ca_file, settings.oidc.ca_file]
    named += [settings.store.token_file] if keys else []
    for one in named:
        if one is not None and one not in found.values() and not one.is_relative_to(FOLDER):
            found.setdefault(_place(one.absolute(), file.absolute().parent, found), one)
    return Wish(keys=keys, spool=spool, configuration=tuple(found.items()))


def _place(named: Path, folder: Path, taken: Collection[str]) -> str:
    """Where a file that the configuration names goes: as it lies beside the configuration, else under its last name, else under all of it."""
    place = str(named.relative_to(folder)) if named.is_relative_to(folder) else named.name
    return place if place not in taken else f"elsewhere{named.absolute()}"


def _say(made: Manifest, target: Path, record: list[str], *, as_json: bool) -> None:
    from ingest.ledger.kept_aside import is_kept_aside

    _warn(record, made.unlike)
    if as_json:
        click.echo(json.dumps({"backup": str(target), **asdict(made), "files": len(made.files), "record": record}))
        return
    size = sum(size for size, _digest in made.files.values())
    click.echo(f"{target}: {len(made.files)} files, {size} bytes; the record up to entry {made.seq} ({made.head})")
    for name in sorted(made.files):
        if name.startswith("ledger.db") and is_kept_aside(name.removeprefix("ledger.db")):
            click.echo(f"with the ledger that it had before: {name}")
    for name in made.not_taken:
        click.echo(f"without {name}", err=True)
    if not made.keys:
        click.echo(
            "without the dock's private key: put back, the dock draws a new one, which its record shows (--with-keys)",
            err=True,
        )
    if made.left_out[0]:
        click.echo(
            f"without the footage that waits on the dock: {made.left_out[0]} segments, {made.left_out[1]} bytes (--with-spool)",
            err=True,
        )


def _warn(record: Sequence[str], copies: Sequence[str]) -> None:
    """What is wrong with the dock itself: it is in the backup as it is."""
    for fault in record:
        click.echo(f"the dock's record has a fault, and is kept with it: {fault}", err=True)
    for fault in copies:
        click.echo(f"copy of footage {fault}", err=True)


@backup.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR")
@click.option(
    "--key", "vouched", metavar="K", multiple=True, callback=thumbprints,
    help="Thumbprint of a key of this dock that is known from elsewhere: a change to it needs no signature of the old one.",
)  # fmt: skip
@_json
def verify(*, folder: Path, vouched: tuple[str, ...], as_json: bool) -> None:
    """Hold every file of a backup against its SHA-256, and its record against its own chain and signatures.

    What is not whole is not put back. Faults that the dock's record, or its footage, had when the backup was made are told and put back as they are.
    Exit code 0: all of it holds; 1: it is not whole, or its record has a fault (each is printed); 3: it cannot be read.
    """
    from dockd.keeping.checking import check
    from dockd.keeping.manifest import BackupUnusable

    with readable():
        try:
            found = check(folder, vouched=frozenset(vouched))
        except BackupUnusable as error:
            fail(error.message, code=1)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "backup": str(folder), "whole": not found.damage, "faults": list(found.damage), "record": list(found.record),
                    "copies": list(found.copies), "seq": found.manifest.seq, "head": found.manifest.head,
                }
            )
        )  # fmt: skip
    else:
        for line in _verdict(found):
            click.echo(line)
        whole = "NOT whole" if found.damage else "whole" + (", of a record with faults" if found.record else "")
        click.echo(f"{folder}: {whole}; of {found.manifest.made_at}, the record up to entry {found.manifest.seq}")
    sys.exit(1 if found.damage or found.record else 0)


def _verdict(found: Checked) -> list[str]:
    told = [f"FAULT {fault}" for fault in found.damage]
    told += [f"FAULT of the dock's record (it can be put back with it) {fault}" for fault in found.record]
    return told + [f"copy of footage {fault}" for fault in found.copies]


@click.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    required=True,
    help="The backup.",
)
@_json
@state_options
def restore(*, folder: Path, as_json: bool, config: Path | None, state: Path | None) -> None:
    """Put a backup into an empty state, so that the dock goes on from there; the configuration is put back first, by hand (docs/backup.md).

    Overwrites nothing: where a dock has lived it is refused. Exit code 0: all of it is there; 1: the backup is not whole, or something is in its
    place; 3: it cannot be written.
    """
    from dockd.keeping.manifest import BackupUnusable
    from dockd.keeping.restoring import restore as put_back
    from dockd.state_places import Places

    where = find_state(config=config, state=state)
    with readable():
        try:
            done = put_back(folder, Places(ledger=where.ledger, spool=where.spool))
        except BackupUnusable as error:
            fail(error.message, code=1)
    made = done.manifest
    _warn(done.checked.record, done.checked.copies)
    for name in done.passed_over:
        click.echo(f"{name} was not put back: it is no file of a dock's state", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "state": str(where.ledger.parent), "seq": made.seq, "head": made.head, "keys": made.keys, "spool": made.spool,
                    "record": list(done.checked.record), "copies": list(done.checked.copies), "passed_over": list(done.passed_over),
                    "store_to_confirm": True,
                }
            )
        )  # fmt: skip
        return
    click.echo(
        f"{where.ledger.parent}: the record up to entry {made.seq}, of {made.made_at}. What has happened since, the store is asked for"
    )
    click.echo(
        "nothing is deleted, from cameras or from the dock, before the store is confirmed: dockd store pin (footage is copied and sent before that)",
        err=True,
    )
    if not made.keys:
        click.echo(
            "the dock's key was not in it: at its start it draws a new one, and says so in its record; enrol it anew at its store",
            err=True,
        )
    if made.left_out[0]:
        click.echo(
            f"{made.left_out[0]} segments that waited on the dock then were not in it: they are looked for on their cameras and in the store",
            err=True,
        )
