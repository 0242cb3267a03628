"""`dockd decommission`: a dock is taken out of service; `dockd rollback`: its ledger, back to the version before."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import as_owner, fail, find_state, readable, state_options

if TYPE_CHECKING:
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
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@state_options
def decommission(
    *, out: Path, leave_on_cameras: bool, yes: bool, as_json: bool, config: Path | None, state: Path | None
) -> None:
    """Take this dock out of service, for good: hand over its record, then erase its keys. No footage is deleted by it.

    Refused while anything is on this dock, or known to it alone, and it says what. The agent must not be running. May be run again after a cut.
    Exit code 0: done; 1: it is still needed, or was not agreed to; 3: the state cannot be used.
    """
    from dockd.keeping.decommissioning import RECORD, StillNeeded, give_up
    from dockd.state_places import Places

    where = find_state(config=config, state=state)
    _agreed(f"Take the dock in {where.ledger.parent} out of service, and erase its keys?", yes=yes)
    with readable():
        try:
            found = asyncio.run(
                give_up(Places(ledger=where.ledger, spool=where.spool), out=out, leave_on_cameras=leave_on_cameras)
            )
        except StillNeeded as error:
            for reason in error.reasons:
                click.echo(f"{reason.count} {reason.what}")
                for example in reason.examples:
                    click.echo(f"  {example}")
            fail(error.message, code=1)
    if as_json:
        click.echo(json.dumps({**asdict(found), "record": str(out / RECORD)}))
        return
    click.echo(
        f"dock {found.dock} is out of service; its record is in {out / RECORD}, and ends with entry {found.seq} ({found.head})"
    )
    click.echo("its keys are erased. At the store, revoke what it came in with: dockd store revoke", err=True)


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
