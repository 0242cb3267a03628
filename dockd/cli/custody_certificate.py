"""`dockd custody certificate`: one segment on one page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dockd.cli.common_options import fail, find_ledger, not_one, readable, state_options


@click.command()
@click.argument("segment")
@click.option(
    "--format", "kind", type=click.Choice(["html", "text"]), default="html", show_default=True,
    help="html: one A4 page to print, in one file without scripts; text: the same for a terminal.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write into this new file (default: standard output).",
)
@state_options
def certificate(*, segment: str, kind: str, out: Path | None, config: Path | None, state: Path | None) -> None:
    """Write what the record says of one SEGMENT on one page: its bytes, its times, its proof, and how to check that without dockd.

    SEGMENT: its id, the beginning of it, its SHA-256, or its path on the camera. The whole record is checked first, and the page says what
    was found. Exit code 1: no such segment, or the record is not whole (the page is written all the same, and says so).
    """
    from dockd.certificate import as_html, as_text, facts
    from ingest.clock import Clock
    from ingest.ledger import history
    from ingest.ledger.audit import moment

    where = find_ledger(config=config, state=state)
    with readable(), moment(where) as reader:
        meant = history.ids_meant(reader, segment)
        if len(meant) != 1:
            fail(not_one(segment, meant), code=1)
        found = facts(reader, meant[0], now=Clock().now())
    text = as_html(found) if kind == "html" else as_text(found)
    if out is None:
        click.echo(text, nl=False)
    else:
        with readable():
            _write(out, text)
        click.echo(f"{kind} certificate of segment {meant[0]} in {out}")
    if found.faults:
        click.echo(f"dockd: the record is not whole: {found.faults[0]}", err=True)
    sys.exit(1 if found.faults else 0)


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        fail(f"{target} is there already and is not overwritten: name another --out, or move it aside", code=2)
