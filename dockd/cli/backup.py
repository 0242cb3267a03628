"""`dockd backup`, `dockd restore`: a dock's state, kept elsewhere and put back."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, find_state, readable, state_options

if TYPE_CHECKING:
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

    where = find_state(config=config, state=state)
    with readable():
        made = make(
            Places(ledger=where.ledger, spool=where.spool), target, wish=_wish(config, state, keys=with_keys, spool=with_spool),
            progress=lambda line: click.echo(line, err=True),
        )  # fmt: skip
    _say(made, target, as_json=as_json)


def _wish(config: Path | None, state: Path | None, *, keys: bool, spool: bool) -> Wish:
    """With the configuration, where the dock has one."""
    from dockd.keeping.making import Wish
    from dockd.settings import DEFAULT_FILE, load

    if state is not None or (config is None and not DEFAULT_FILE.exists()):
        return Wish(keys=keys, spool=spool)
    file = config or DEFAULT_FILE
    settings = load(file, environ=os.environ, for_run=False)
    found = [("dockd.toml", file), ("cameras", settings.cameras.profiles)]
    if settings.registry.file is not None:
        found.append((settings.registry.file.name, settings.registry.file))
    if keys and settings.store.token_file is not None and isinstance(settings.store.token_file, Path):
        found.append((settings.store.token_file.name, settings.store.token_file))
    return Wish(keys=keys, spool=spool, configuration=tuple(found))


def _say(made: Manifest, target: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"backup": str(target), **asdict(made), "files": len(made.files)}))
        return
    size = sum(size for size, _digest in made.files.values())
    click.echo(f"{target}: {len(made.files)} files, {size} bytes; the record up to entry {made.seq} ({made.head})")
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


@backup.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR")
@_json
def verify(*, folder: Path, as_json: bool) -> None:
    """Hold every file of a backup against its SHA-256, and its record against its own chain and signatures.

    Exit code 0: it is whole; 1: it is not (each fault is printed); 3: it cannot be read.
    """
    from dockd.keeping.checking import check
    from dockd.keeping.manifest import BackupUnusable

    with readable():
        try:
            manifest, faults = check(folder)
        except BackupUnusable as error:
            fail(error.message, code=1)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "backup": str(folder),
                    "whole": not faults,
                    "faults": faults,
                    "seq": manifest.seq,
                    "head": manifest.head,
                }
            )
        )
    else:
        for fault in faults:
            click.echo(f"FAULT {fault}")
        click.echo(
            f"{folder}: {'NOT whole' if faults else 'whole'}; of {manifest.made_at}, the record up to entry {manifest.seq}"
        )
    sys.exit(1 if faults else 0)


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
            made = put_back(folder, Places(ledger=where.ledger, spool=where.spool))
        except BackupUnusable as error:
            fail(error.message, code=1)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "state": str(where.ledger.parent),
                    "seq": made.seq,
                    "head": made.head,
                    "keys": made.keys,
                    "spool": made.spool,
                }
            )
        )
        return
    click.echo(
        f"{where.ledger.parent}: the record up to entry {made.seq}, of {made.made_at}. What has happened since, the store is asked for"
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
