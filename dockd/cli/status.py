"""`dockd status`: the sergeant's page as text."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.bandwidth_words import holding_words
from dockd.cli.common_options import fail
from dockd.page.advice import whose
from dockd.page.words import (
    age_words,
    headline,
    moment_words,
    not_coming_words,
    room_words,
    size_words,
    some,
    span_words,
    uncopied_words,
)
from dockd.settings.mistakes import printable
from ingest.clock import from_rfc3339

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
_LARGEST = 16 << 20
_PATIENCE = 5.0
_EVERY = 1.0
_STYLES = {
    "green": "bold green",
    "blue": "blue",
    "amber": "yellow",
    "red": "bold red",
    "yellow": "bold yellow",
    "grey": "dim",
}
_SIGNS = {
    "circle": "●",
    "ring": "○",
    "square": "■",
    "arrow": "▲",
    "octagon": "!",
    "triangle": "!",
    "outline": "□",
    "hatched": "?",
}


class _NotReachable(Exception):
    """The agent does not answer; the text says how."""


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on, and show what changes, until interrupted.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on one line; with --watch one for each change."
)
@click.option("--url", metavar="URL", help="The page's address (default: as the agent's own configuration says).")
def status(*, watch: bool, as_json: bool, url: str | None) -> None:
    """Which cameras may be taken, which must be left, what needs somebody.

    Exit codes: 0 it is told; 2 usage; 3 the agent is not reachable.
    """
    base = (url or default_url()).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise click.UsageError(f"--url {base} is no address such as http://127.0.0.1:8080")
    try:
        found = look(base)
    except _NotReachable as error:
        fail(
            f"the agent is not reachable at {base}: {error}. Is `dockd run` running, and is this its page's address?",
            code=3,
        )
    if watch:
        _watch(base, found, as_json=as_json)
    elif as_json:
        click.echo(json.dumps(found))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(_table(found))
    else:
        click.echo(_plain(found))


def default_url() -> str:
    """Where the agent of this machine has its page."""
    from dockd.settings import DEFAULT_FILE, SettingsError, defaults, load

    settings = defaults()
    if DEFAULT_FILE.exists():
        try:
            settings = load(DEFAULT_FILE, environ=os.environ, for_run=False)
        except SettingsError as error:
            fail(str(error), code=2)
    return f"http://{settings.page.listen}"


# -- asking --------------------------------------------------------------------------------------------------------------


def look(base: str) -> Document:
    """Status, all problems and all bays. Raises _NotReachable."""
    found: Document = {"status": _ask(f"{base}/api/v1/status"), "problems": [], "bays": []}
    try:
        found["problems"] = list(_ask(f"{base}/api/v1/problems")["problems"])
    except (KeyError, TypeError) as error:
        raise _NotReachable("what answers there is not dockd's page") from error
    after = ""
    while True:
        page = _ask(f"{base}/api/v1/bays?limit=1000&after={after}")
        try:
            found["bays"] += page["bays"]
            after = "" if page["next"] is None else str(int(page["next"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _NotReachable("what answers there is not dockd's page") from error
        if not after:
            return found


def _ask(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            body = answer.read(_LARGEST)
        return json.loads(body)
    except urllib.error.HTTPError as error:
        raise _NotReachable(f"it answers {error.code}") from error
    except urllib.error.URLError as error:
        raise _NotReachable(printable(str(error.reason))) from error
    except (OSError, ValueError) as error:
        raise _NotReachable(printable(str(error) or type(error).__name__)) from error


# -- telling -------------------------------------------------------------------------------------------------------------


def figures(found: Document) -> list[str]:
    """The figures above the bays."""
    said = found["status"]
    store, spool, backlog, oldest = said["store"], said["spool"], said["backlog"], said["oldest_unconfirmed"]
    eta = backlog["eta_seconds"]
    when = f", {span_words(eta['low'], eta['high'])}" if eta else ""
    lines = [
        f"{said['station']} rack {said['rack']}: {headline(said['ready'], said['needs_action'], said.get('usable', 0))}",
        f"store: {store['state']}{_for_how_long(said)}{': ' + store['message'] if store['message'] else ''}",
        f"on its way to the store: {some(backlog['segments'])}, {size_words(backlog['bytes'])}{_uncopied(backlog)}{when}",
        f"not in the store, and not on its way: {', '.join(not_coming_words(said)) or 'nothing'}",
        f"oldest not confirmed: {_oldest(oldest)}",
        f"room on the dock: {room_words(spool['free_bytes'], spool.get('days_left'))}{_kept(spool)}",
    ]
    if "bandwidth" in said:  # an older agent does not say
        lines.append(f"bandwidth: {holding_words(said['bandwidth'])}")
    if said["trouble"]:  # the figures above are empty then, not none
        lines[1:] = [lines[1], f"NOT KNOWN: {said['trouble']}"]
    if not said["wipe_enabled"]:
        lines.append("not emptied: wiping is switched off")
    if said["lost_segments"]:
        lost = "1 segment has" if said["lost_segments"] == 1 else f"{said['lost_segments']} segments have"
        lines.append(f"LOST: {lost} no copy left anywhere")
    return [printable(line) for line in lines]


def _for_how_long(said: Document) -> str:
    """Since when the store is not as it should be."""
    store = said["store"]
    if store["state"] in ("connected", "unknown"):
        return ""
    since = from_rfc3339(store["since"])
    return f" since {moment_words(since)} ({age_words(max(0.0, from_rfc3339(said['time']) - since))})"


def _uncopied(backlog: Document) -> str:
    words = uncopied_words(backlog)
    return f" ({words})" if words else ""


def _kept(spool: Document) -> str:
    """Why no room comes of what the store has; an older agent does not say."""
    kept = spool.get("kept")
    return "" if kept is None else f"; {kept['text']}"


def _oldest(oldest: Document | None) -> str:
    if oldest is None:
        return "none"
    place = f"bay {oldest['bay']}" if oldest["bay"] is not None else "not docked"
    return f"{age_words(oldest['age_seconds'])} old, camera {oldest['camera']}, {place}"


def _plain(found: Document) -> str:
    wrong = [f"! {line}" for line in _problem_lines(found)]
    return "\n".join([*figures(found), *wrong, *(_bay_line(bay) for bay in found["bays"])])


def _problem_lines(found: Document) -> list[str]:
    """What is wrong and what to do about it, the worst first, each on a line."""
    return [_problem_line(one) for one in found["problems"]]


def _problem_line(problem: Document) -> str:
    place = "" if problem["bay"] is None else f"bay {problem['bay']}: "
    return printable(f"{place}{problem['text']} {problem['advice']}".strip())


def _bay_line(bay: Document) -> str:
    return printable(f"bay {bay['number']:>3}  {bay['word']:<22} {_camera(bay) or '-':<16} {bay['why']}")


def _camera(bay: Document) -> str:
    """What people call it, and whose it is."""
    camera = bay["camera"]
    if camera is None:
        return ""
    return whose(camera["serial"] or camera["id"], camera["assigned_to"])


def _table(found: Document, *, trouble: str = "") -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(expand=True, pad_edge=False)
    for name, options in (
        ("Bay", {"justify": "right"}),
        ("", {}),
        ("", {"no_wrap": True}),
        ("Camera", {}),
        ("Why", {"ratio": 1}),
    ):
        table.add_column(name, **options)
    for bay in found["bays"]:
        style = _STYLES.get(bay["tone"], "")
        table.add_row(
            str(bay["number"]), Text(_SIGNS.get(bay["shape"], " "), style=style), Text(printable(bay["word"]), style=style),
            Text(printable(_camera(bay))), Text(printable(bay["why"])),
        )  # fmt: skip
    first, *rest = figures(found)
    above = [Text(f"NOT LIVE: {trouble}", style="bold black on yellow")] if trouble else []
    wrong = [Text(f"! {line}", style=_STYLES["red"]) for line in _problem_lines(found)]
    return Group(*above, Text(first, style="bold"), Text("\n".join(rest)), *wrong, table)


def _watch(base: str, found: Document, *, as_json: bool) -> None:
    if as_json:
        for one, trouble in _changes(base, found):
            click.echo(json.dumps(one if not trouble else {"not_live": trouble}))
            sys.stdout.flush()
    elif sys.stdout.isatty():
        from rich.live import Live

        with Live(_table(found), auto_refresh=False, screen=True) as live:
            for one, trouble in _changes(base, found):
                live.update(_table(one, trouble=trouble), refresh=True)
    else:
        _watch_lines(base, found)


def _watch_lines(base: str, found: Document) -> None:
    known: dict[int, Document] = {}
    told: set[str] = set()
    first = True
    for one, trouble in _changes(base, found):
        stamp = one["status"]["time"][11:19]
        if trouble:
            click.echo(f"{stamp} NOT LIVE: {trouble}")
        elif first:
            click.echo(_plain(one))
        else:
            for line in _problem_lines(one):
                if line not in told:
                    click.echo(f"{stamp} ! {line}")
            for bay in one["bays"]:
                if known.get(bay["number"]) != bay:
                    click.echo(f"{stamp} {_bay_line(bay)}")
        first = False
        told = set(_problem_lines(one))
        known = {bay["number"]: bay for bay in one["bays"]}
        sys.stdout.flush()


def _changes(base: str, found: Document) -> Iterator[tuple[Document, str]]:
    """What is so, whenever it is something else than before; and that it cannot be told, once, while that is so."""
    trouble = ""
    yield found, trouble
    while True:
        time.sleep(_EVERY)
        before = (found["status"]["sequence"], trouble)
        try:
            found, trouble = look(base), ""
        except _NotReachable as error:
            trouble = str(error)
        if (found["status"]["sequence"], trouble) != before:
            yield found, trouble
