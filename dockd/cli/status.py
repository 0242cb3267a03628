"""`dockd status`: the sergeant's page as text."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from dockd.cli.common_options import fail
from dockd.cli.page_client import NotLetIn, NotReachable, PageClient, Refused, base_of, token_of
from dockd.cli.status_words import bay_line, plain, problem_lines, table

Document = dict[str, Any]
_EVERY = 1.0


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on, and show what changes, until interrupted.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on one line; with --watch one for each change."
)
@click.option("--url", metavar="URL", help="The page's address (default: as the agent's own configuration says).")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The agent's configuration, which says where its page is (default /etc/dockd/dockd.toml).",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A token of `dockd token create`, where the agent has users.",
)
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Who vouches for the page's certificate, where this machine does not know it."
)  # fmt: skip
def status(
    *, watch: bool, as_json: bool, url: str | None, config: Path | None, token_file: Path | None, ca_file: Path | None
) -> None:
    """Which cameras may be taken, which must be left, what needs somebody.

    Exit codes: 0 it is told; 2 usage or configuration; 3 the agent is not reachable, or does not tell whoever asks so; 130 interrupted.
    """
    token = token_of(token_file)
    page = PageClient(base=base_of(url, config=config, shows_token=bool(token)), token=token, ca_file=ca_file)
    try:
        found = look(page)
    except (NotLetIn, Refused) as error:
        fail(f"{page.base}: {str(error).rstrip('.')}.", code=3)
    except NotReachable as error:
        fail(
            f"the agent is not reachable at {page.base}: {error}. Is `dockd run` running, and is this its page's address?",
            code=3,
        )
    if watch:
        try:
            _watch(page, found, as_json=as_json)
        except KeyboardInterrupt:  # SIGTERM too: it is how this ends
            sys.exit(130)
    elif as_json:
        click.echo(json.dumps(found))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(table(found))
    else:
        click.echo(plain(found))


def look(page: PageClient) -> Document:
    """Status, all problems and all bays. Raises NotReachable, NotLetIn."""
    found: Document = {"status": page.get("/api/v1/status"), "problems": [], "bays": []}
    try:
        found["problems"] = list(page.get("/api/v1/problems")["problems"])
    except (KeyError, TypeError) as error:
        raise NotReachable("what answers there is not dockd's page") from error
    after = ""
    while True:
        some = page.get(f"/api/v1/bays?limit=1000&after={after}")
        try:
            found["bays"] += some["bays"]
            after = "" if some["next"] is None else str(int(some["next"]))
        except (KeyError, TypeError, ValueError) as error:
            raise NotReachable("what answers there is not dockd's page") from error
        if not after:
            return found


def _watch(page: PageClient, found: Document, *, as_json: bool) -> None:
    if as_json:
        for one, trouble in _changes(page, found):
            click.echo(json.dumps(one if not trouble else {"not_live": trouble}))
            sys.stdout.flush()
    elif sys.stdout.isatty():
        from rich.live import Live

        with Live(table(found), auto_refresh=False, screen=True) as live:
            for one, trouble in _changes(page, found):
                live.update(table(one, trouble=trouble), refresh=True)
    else:
        _watch_lines(page, found)


def _watch_lines(page: PageClient, found: Document) -> None:
    known: dict[int, Document] = {}
    told: set[str] = set()
    first = True
    for one, trouble in _changes(page, found):
        stamp = one["status"]["time"][11:19]
        if trouble:
            click.echo(f"{stamp} NOT LIVE: {trouble}")
        elif first:
            click.echo(plain(one))
        else:
            for line in problem_lines(one):
                if line not in told:
                    click.echo(f"{stamp} ! {line}")
            for bay in one["bays"]:
                if known.get(bay["number"]) != bay:
                    click.echo(f"{stamp} {bay_line(bay)}")
        first = False
        told = set(problem_lines(one))
        known = {bay["number"]: bay for bay in one["bays"]}
        sys.stdout.flush()


def _changes(page: PageClient, found: Document) -> Iterator[tuple[Document, str]]:
    """What is so, whenever it is something else than before; and that it cannot be told, once, while that is so."""
    trouble = ""
    yield found, trouble
    while True:
        time.sleep(_EVERY)
        before = (found["status"]["sequence"], trouble)
        try:
            found, trouble = look(page), ""
        except (NotReachable, NotLetIn) as error:
            trouble = str(error)
        if (found["status"]["sequence"], trouble) != before:
            yield found, trouble
