"""`dockd store heads`: what the embedded store last saw of each dock's record, and a dock that is to begin anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.access import by
from dockd.cli.common_options import fail

if TYPE_CHECKING:
    from ingest.central.records import Head


@click.command("heads")
@click.option(
    "--root", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True), help="The store's folder, as given to `dockd store serve`.",
)  # fmt: skip
@click.option(
    "--forget",
    metavar="DOCK",
    help="Take whatever head comes next under this name, which is written down for good.",
)
@click.option("--reason", default="", help="Why it is forgotten, for the log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def heads(*, root: Path, forget: str | None, reason: str, yes: bool, as_json: bool) -> None:
    """What the store last saw of each dock's record, by the name that the dock gives: the thumbprint of its first key.

    A dock that shows less, or something else, gets no receipt before it has opened a new chain that names it. Forget it only where a dock cannot do
    that, because somebody else had what it comes in with: take that back first (revoke, or another token). The store must not be running.
    """
    if forget is not None and not reason.strip():
        raise click.UsageError("--forget needs a --reason, for the log")
    if forget is not None and not yes and not (sys.stdin.isatty() and click.confirm(f"Forget the head of {forget}?")):
        fail("nothing was changed" + ("" if sys.stdin.isatty() else ": give --yes"), code=1)
    found = _asked(root, forget=_meant(forget), reason=reason.strip()[:500])
    if forget is not None and not found:
        fail(f"no dock has shown the name {forget} here (`dockd store heads` lists those that were)", code=1)
    if as_json:
        click.echo(json.dumps({"forgotten" if forget is not None else "heads": [vars(one) for one in found]}))
        return
    for one in found:
        click.echo(("forgotten: " if forget is not None else "") + _shown(one))
    if not found:
        click.echo("no dock has asked for a receipt yet")


def _asked(root: Path, *, forget: str | None, reason: str) -> list[Head]:
    from dockd.enrolling.owner import as_owner_of
    from ingest.central import heads as kept
    from ingest.central.refusals import StoreUnusableError

    try:
        with as_owner_of(root):
            return kept.heads(root) if forget is None else kept.forget(root, forget, who=by(), reason=reason)
    except StoreUnusableError as failed:
        fail(f"dockd store: {failed}", code=3)
    except OSError as failed:
        fail(f"{root} cannot be used: {failed.strerror or failed}. Who owns it (or root) may", code=3)


def _shown(one: Head) -> str:
    last = "forgotten" if one.seq < 0 else f"entry {one.seq} {one.head}"
    return f"{_plain(one.dock) or '(no name)'}  {last}  {one.receipts} receipts, last {one.seen_at}" + (
        f", as {_plain(one.called)}" if one.called else ""
    )


def _meant(name: str | None) -> str | None:
    """What was typed as it is listed: a name in JSON is the name that it says."""
    if name is None or not name.startswith('"'):
        return name
    try:
        said = json.loads(name)
    except ValueError:
        return name
    return said if isinstance(said, str) else name


def _plain(said: str) -> str:
    """A name as a dock has given it: any text, and so never raw on a terminal."""
    return said if said.isascii() and said.isprintable() else json.dumps(said)
