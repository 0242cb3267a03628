"""`dockd reconcile`: listed = confirmed + held + left, to the file and the byte, and who is not where it should be."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from dockd.cli.common_options import fail, find_state, plain, state_options
from ingest.errors import DockdError

if TYPE_CHECKING:
    from dockd.cli.reconcile_books import Books
    from dockd.settings.schema import Settings

_USUAL_SHIFTS = "07:00,15:00,23:00"
_USUAL_ABSENCE = "24h"


@click.command()
@click.option("--camera", metavar="ID", help="Only this camera.")
@click.option("--since", metavar="T", help="Only dockings from this time on: 2026-11-20 or 2026-11-20T18:00.")
@click.option("--until", metavar="T", help="Only dockings before this time; a day counts whole.")
@click.option("--shifts", metavar="TIMES", default=_USUAL_SHIFTS, show_default=True, help="When shifts begin.")
@click.option("--zone", metavar="ZONE", default="", help="Time zone of the times above (default: this machine's).")
@click.option(
    "--not-seen", metavar="D", help=f"Fail for each camera that was not docked for so long. Without it those not docked for {_USUAL_ABSENCE} are named, and are no failure."
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["station", "shift", "camera", "docking"]), multiple=True,
    help="Tables to print, one or several (default: shift and camera).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line, with everything.")
@state_options
def reconcile(
    *, camera: str | None, since: str | None, until: str | None, shifts: str, zone: str, not_seen: str | None, by: tuple[str, ...],
    as_json: bool, config: Path | None, state: Path | None,
) -> None:  # fmt: skip
    """Hold what was listed against what was copied, confirmed and wiped, and the ledger against its record.

    A segment counts once, with the docking in which it was seen last, and a docking with the shift in which it was docked. Parts that are
    missing are told where a camera's profile names recordings and parts.

    Exit code 0: it balances, and everything that is docked was listed and is proven in the store; 1: something is left, held or lost, a camera is
    docked and was not listed whole yet, a part of a recording is missing, a camera was not seen for as long as --not-seen says (without it that
    is no failure), or the books disagree (which, is printed); 3: there is no ledger.
    """
    from dockd.cli.reconcile_books import Asked, books
    from dockd.cli.reconcile_words import document, lines

    try:
        asked = Asked.parse(
            camera=camera, since=since, until=until, shifts=shifts, zone=zone, not_seen=not_seen or _USUAL_ABSENCE, now=time.time(),
            must_be_seen=not_seen is not None,
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    ledger, settings = _looked_at(config, state)
    try:
        found = books(ledger, asked, settings=settings)
    except DockdError as error:
        fail(error.message, code=3)
    except OSError as error:
        fail(plain(error), code=3)
    if camera is not None and camera not in found.known:
        fail(f"no camera {camera!r} is in this ledger", code=1)
    if as_json:
        click.echo(json.dumps(document(found)))
    else:
        click.echo("\n".join(lines(found, by or ("shift", "camera"))))
    _end(found)


def _end(found: Books) -> NoReturn:
    sys.exit(0 if found.well else 1)


def _looked_at(config: Path | None, state: Path | None) -> tuple[Path, Settings | None]:
    """The ledger; and the agent's configuration, which names the station and its registry: None with --state, or where there is none. It may have
    mistakes, elsewhere."""
    from dockd.settings import DEFAULT_FILE

    if state is not None or (config is None and not DEFAULT_FILE.exists()):
        return find_state(config=config, state=state).ledger, None
    from dockd.cli.right_keys import readable_keys

    instead = "mend the file, or name the state's folder by --state (the station and its list are not known then)"
    keys = ("ledger.path", "station.name", "station.rack", "registry.file")
    settings = readable_keys(config).rely_on(*keys, instead=instead)
    return settings.ledger.path, settings
