"""What `dockd status` tells, as lines and as a table: the words of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockd.cli.bandwidth_words import holding_words
from dockd.page.advice import whose
from dockd.page.words import (
    age_words,
    headline_of,
    moment_words,
    not_coming_words,
    room_words,
    size_words,
    some,
    span_words,
    time_words,
    uncopied_words,
    unlisted,
)
from dockd.settings.mistakes import printable
from ingest.clock import from_rfc3339

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
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


def figures(found: Document) -> list[str]:
    """The figures above the bays."""
    said = found["status"]
    store, spool, backlog, oldest = said["store"], said["spool"], said["backlog"], said["oldest_unconfirmed"]
    eta = backlog["eta_seconds"]
    when = f", {span_words(eta['low'], eta['high'])}" if eta else ""
    lines = [
        f"{said['station']} rack {said['rack']}: {headline_of(said)}",
        *_next_ready(found),
        f"store: {store['state']}{_for_how_long(said)}{': ' + store['message'] if store['message'] else ''}",
        f"on its way to the store: {some(backlog['segments'])}, {size_words(backlog['bytes'])}{_uncopied(backlog)}{when}",
        f"not in the store, and not on its way: {', '.join(not_coming_words(said)) or 'nothing of what was listed'}{_unlisted(found)}",
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


def _next_ready(found: Document) -> list[str]:
    """When the next camera is expected to be ready, and where; nothing where none is on its way, or an older agent does not say."""
    coming = [bay for bay in found["bays"] if bay["verb"] == "leave"]
    known = min((bay for bay in coming if bay.get("ready_at")), key=lambda bay: str(bay["ready_at"]), default=None)
    if not coming or found["status"]["trouble"]:
        return []
    if known is None:
        return ["next ready: cannot be told yet"]
    return [f"next ready: about {time_words(from_rfc3339(known['ready_at']))}, bay {known['number']}"]


def _unlisted(found: Document) -> str:
    bays = [str(number) for number in unlisted(found["bays"])]
    return f"; nothing is listed of {'bay' if len(bays) == 1 else 'bays'} {', '.join(bays)}" if bays else ""


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


def plain(found: Document) -> str:
    """All of it, a line each."""
    wrong = [f"! {line}" for line in problem_lines(found)]
    return "\n".join([*figures(found), *wrong, *(bay_line(bay) for bay in found["bays"])])


def problem_lines(found: Document) -> list[str]:
    """What is wrong and what to do about it, the worst first, each on a line."""
    return [_problem_line(one) for one in found["problems"]]


def _problem_line(problem: Document) -> str:
    place = "" if problem["bay"] is None else f"bay {problem['bay']}: "
    since = f" (since {moment_words(from_rfc3339(problem['since']))})" if problem.get("since") else ""
    seen = f" Seen by {problem['seen_by']}." if problem.get("seen_by") else ""
    return printable(f"{place}{problem['text']} {problem['advice']}".strip() + since + seen)


def bay_line(bay: Document) -> str:
    """A bay."""
    return printable(f"bay {bay['number']:>3}  {bay['word']:<22} {_camera(bay) or '-':<16} {bay['why']}")


def _camera(bay: Document) -> str:
    """What people call it, and whose it is."""
    camera = bay["camera"]
    if camera is None:
        return ""
    return whose(camera["serial"] or camera["id"], camera["assigned_to"])


def table(found: Document, *, trouble: str = "") -> RenderableType:
    """All of it for a terminal; `trouble`: why it is not live."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table(expand=True, pad_edge=False)
    for name, options in (
        ("Bay", {"justify": "right"}),
        ("", {}),
        ("", {"no_wrap": True}),
        ("Camera", {}),
        ("Why", {"ratio": 1}),
    ):
        rows.add_column(name, **options)
    for bay in found["bays"]:
        style = _STYLES.get(bay["tone"], "")
        rows.add_row(
            str(bay["number"]), Text(_SIGNS.get(bay["shape"], " "), style=style), Text(printable(bay["word"]), style=style),
            Text(printable(_camera(bay))), Text(printable(bay["why"])),
        )  # fmt: skip
    first, *rest = figures(found)
    above = [Text(f"NOT LIVE: {trouble}", style="bold black on yellow")] if trouble else []
    wrong = [Text(f"! {line}", style=_STYLES["red"]) for line in problem_lines(found)]
    return Group(*above, Text(first, style="bold"), Text("\n".join(rest)), *wrong, rows)
