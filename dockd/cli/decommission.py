"""`dockd decommission`: a dock is taken out of service; `dockd rollback`: its ledger, back to the version before."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import State, as_owner, fail, find_state, readable, state_options
from dockd.cli.custody import thumbprints

if TYPE_CHECKING:
    from dockd.keeping.decommissioning import GivenUp
    from ingest.ledger.way_back import WayBack

_AGES = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")


def _agreed(question: str, *, yes: bool) -> None:
    """Ends the program where it is not so. Where nobody can be asked, what would have been is said."""
    if yes or (sys.stdin.isatty() and click.confirm(question)):
        return
    click.echo(
        "nothing was changed" if sys.stdin.isatty() else f"{question}\nnothing was changed: give --yes to do it",
        err=True,
    )
    sys.exit(1)


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Where the whole record is handed over: not on this dock.",
)  # fmt: skip
@click.option("--leave-on-cameras", is_flag=True, help="What is on cameras alone is left to another dock.")
@click.option(
    "--leave-older", is_flag=True, help="What only a ledger before this one knows of, or may know of, is left: those ledgers are handed over.",
)  # fmt: skip
@click.option(
    "--key", "keys", metavar="K", multiple=True, callback=thumbprints,
    help="Thumbprint of a key of this dock that is known from elsewhere: a change to it needs no signature of the old one.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@state_options
def decommission(
    *, out: Path, leave_on_cameras: bool, leave_older: bool, keys: tuple[str, ...], yes: bool, as_json: bool, config: Path | None, state: Path | None
) -> None:  # fmt: skip
    """Take this dock out of service, for good: hand over its record, then erase its keys. No footage is deleted by it.

    Refused while anything is on this dock, or known to it alone, and it says what. The agent must not be running. As root it works as the one who
    owns the state, who has to be able to write DIR. May be run again after a cut, and with another DIR. Exit code 0: done; 1: it is still needed, or
    was not agreed to; 2: usage; 3: the state cannot be used, its record does not hold, or DIR cannot be written.
    """
    from dockd.keeping.decommissioning import Going, StillNeeded, give_up, lost_and_found
    from dockd.keeping.handing_over import WrongOut, on_one_disk
    from dockd.state_places import Places

    where = find_state(config=config, state=state)
    going = Going(
        out=out.absolute(), leave_on_cameras=leave_on_cameras, leave_older=leave_older, vouched=frozenset(keys), apart=_gone_with_it(),
        lost=lost_and_found(where.spool),
    )  # fmt: skip
    stay = _stay(where, config=config, state=state)
    if on_one_disk(going.out, where.ledger.parent):
        click.echo(f"note: {out} is on the disk of this dock's state: keep the record on another one", err=True)
    _agreed(f"Take the dock in {where.ledger.parent} out of service, and erase its keys?", yes=yes)
    with readable():
        try:
            with as_owner(where.ledger.parent):
                found = asyncio.run(give_up(Places(ledger=where.ledger, spool=where.spool), going))
        except WrongOut as error:
            fail(error.message, code=3 if error.unwritten else 2)
        except StillNeeded as error:
            for reason in error.reasons:
                click.echo(f"{reason.count} {reason.what}")
                for example in reason.examples:
                    click.echo(f"  {example}")
            fail(error.message, code=1)
    _say(found, stay, as_json=as_json)


def _gone_with_it() -> tuple[Path, ...]:
    """The folders that are removed by hand at the end of a dock (docs/backup.md)."""
    from dockd.settings import DEFAULT_FILE, defaults

    return (DEFAULT_FILE.parent, defaults().ledger.path.parent)


def _stay(where: State, *, config: Path | None, state: Path | None) -> list[Path]:
    """Files with secrets that are not the dock's to erase."""
    from dockd.keeping.erasing import secrets_elsewhere
    from dockd.settings import DEFAULT_FILE, load

    if state is not None or (config is None and not DEFAULT_FILE.exists()):
        return []
    settings = load(config or DEFAULT_FILE, environ=os.environ, for_run=False)
    return secrets_elsewhere(settings, where.ledger.with_name("keys"))


def _say(found: GivenUp, stay: list[Path], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(found), "stay": [str(one) for one in stay]}))
    else:
        click.echo(
            f"dock {found.dock} is out of service; its record is in {found.record} (SHA-256 {found.sha256}), and ends with entry {found.seq} ({found.head})"
        )
        for line in _older(found):
            click.echo(line)
    for name in found.not_handed:
        click.echo(
            f"not handed over: {name} (a copy from before an upgrade is in the record; anything else is yours to look at)",
            err=True,
        )
    click.echo(
        "the keys and the list of users in its state are erased. At the store, revoke what it came in with: dockd store revoke",
        err=True,
    )
    for one in stay:
        click.echo(f"not erased, for the configuration names it and it is not the dock's own: {one}", err=True)


def _older(found: GivenUp) -> Iterator[str]:
    """The ledgers before this one, each file with its digest."""
    for one in found.older:
        yield f"the ledger that it had before, {one.name}, goes with it:"
        yield from (f"  {file} (SHA-256 {digest})" for file, digest in one.files.items())
        if one.unread:
            yield f"  NOT handed over: {one.unread}"
        if one.record:
            yield f"  {one.record}: {one.entries} entries of its record" + (
                "" if one.whole else ", which is all that can be read of it"
            )


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@state_options
def rollback(*, yes: bool, config: Path | None, state: Path | None) -> None:
    """Put the ledger back as it was before the last upgrade, so that the version of then can be installed again (docs/upgrade.md).

    The agent must not be running. The newer ledger stays beside it. What happened since is asked of the store; nothing is deleted before.
    Exit code 0: done; 1: not agreed to; 3: there is nothing to go back to, or the state cannot be used.
    """
    from dockd.app import locked
    from ingest.ledger.way_back import roll_back, way_back

    ledger = find_state(config=config, state=state).ledger
    with readable(), as_owner(ledger.parent), locked(ledger.with_name("lock")):
        found = way_back(ledger)
        _agreed(_what_is_given_up(ledger, found), yes=yes)
        before, newer = roll_back(ledger)
    click.echo(
        f"{ledger} is what {before.name} is; the newer one stays as {newer.name}. Now install the version of then, before dockd is started"
    )


def _what_is_given_up(ledger: Path, found: WayBack) -> str:
    when = f"of {found.at} ({_ago(found.at)} ago)" if found.at else "when it was new"
    return (
        f"Put the ledger {ledger} back to what it was at entry {found.end.seq}, {when}? "
        f"The {found.given_up} entries since then are not in it any more; they stay in a file beside it"
    )


def _ago(at: str) -> str:
    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
    return next(f"{seconds / size:.0f} {unit}" for size, unit in _AGES if seconds >= size or size == 1)
