"""`dockd plan`: will the footage of a shift be in the store before the next one ends, and what would it take?"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.common_options import fail
from dockd.settings.units import format_rate

if TYPE_CHECKING:
    from dockd.cli.plan_question import Asked
    from dockd.planning.verdict import Plan

_MOST_DAYS = 92


def _percent(_context: click.Context, option: click.Parameter, value: float) -> float:
    if not 0 <= value <= 100 or (option.name == "efficiency" and value < 1):
        raise click.BadParameter("a number of per cent, up to 100")
    return value


@click.command("plan")
@click.option("--bays", type=click.IntRange(1, 10_000), help="Bays of the rack (default: as configured, else 16).")
@click.option(
    "--cameras", type=click.IntRange(1, 10_000), help="Cameras that are docked at each shift's end (default: --bays)."
)
@click.option("--hours", type=float, default=2.0, show_default=True, help="Hours of footage on each of them.")
@click.option("--bit-rate", default="4 Mbit/s", show_default=True, metavar="RATE", help="At which they record.")
@click.option("--shifts", default="06:00,14:00,22:00", show_default=True, metavar="TIMES", help="When shifts end.")
@click.option("--zone", default="", metavar="ZONE", help="Time zone, as Europe/London (default: this machine's).")
@click.option("--from", "first", metavar="DAY", help="First day, as 2026-03-02 (default: today).")
@click.option("--days", type=click.IntRange(1, _MOST_DAYS), default=14, show_default=True, help="How many days.")
@click.option(
    "--link", metavar="RATE", help="What the line carries up (default: as [bandwidth] limit, else 20 Mbit/s)."
)
@click.option("--down", metavar="RATE", help="What it carries down, for stores that are read back (default: --link).")
@click.option(
    "--efficiency", type=float, default=95.0, show_default=True, metavar="PERCENT", callback=_percent,
    help="Share of the line that is footage; the rest is headers.",
)  # fmt: skip
@click.option("--limit", metavar="RATE", help="What dockd may take of the line, as [bandwidth] limit (default: all).")
@click.option("--timetable", multiple=True, metavar="LINE", help='As "Mon-Fri 07:00-19:00 20 Mbit/s"; may be repeated.')
@click.option("--link-down", multiple=True, metavar="SPAN", help='An outage, as "Fri 18:00 72 h"; may be repeated.')
@click.option(
    "--evidential", type=float, default=0.0, show_default=True, metavar="PERCENT", callback=_percent,
    help="Share of the footage that is evidential, and goes first.",
)  # fmt: skip
@click.option("--bypass/--no-bypass", default=None, help="Whether that share goes past the limit.")
@click.option("--spool", metavar="SIZE", help="The spool's disk (default: as much as it takes; with --config its own).")
@click.option("--keep-free", metavar="SIZE", help="Of that never used (default: as configured, else 5 GiB).")
@click.option("--usb", default="30 MB/s", show_default=True, metavar="RATE", help="At which one camera can be read.")
@click.option("--usb-together", metavar="RATE", help="All cameras together (default: four times --usb).")
@click.option(
    "--proof", type=click.Choice(["receipt", "digest", "read-back"]),
    help="What the store proves with: dockd's own a receipt, S3 a digest, a share only by being read back (default: as configured, else receipt).",
)  # fmt: skip
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Take what is not given from this dock."
)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write the plot to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
def plan(*, svg: Path | None, as_json: bool, **options: Any) -> None:
    """Capacity: bays, cameras, hours, bit rate, line -> when each shift is in the store, how much spool it needs, from when on it falls behind.

    Nothing is asked of a running dock; only --config is read. Exit codes: 0 it fits; 1 it falls behind, or the spool is too small; 2 usage;
    3 it is told, and the plot cannot be written.
    """
    from dockd.cli.plan_question import Given, asked
    from dockd.planning.question import NotAsked
    from dockd.planning.verdict import plan as answer

    question = asked(Given(**options), today=datetime.now().astimezone().date())
    try:
        found = answer(question.question, ordinary=question.ordinary)
    except NotAsked as error:
        raise click.UsageError(str(error)) from None
    for note in question.notes:
        click.echo(f"dockd: {note}", err=True)
    click.echo(json.dumps(_document(found, question)) if as_json else _text(found, question))
    if svg is not None:
        _draw(found, question, svg)
    sys.exit(0 if found.fits else 1)


def _title(found: Plan, asked: Asked) -> str:
    station, spoken = found.question.station, asked.spoken
    line = "the configured limit" if spoken.link is None else format_rate(spoken.link)
    if spoken.limited and spoken.link is not None:
        line += ", limited"
    from dockd.planning.words import amount

    return f"{station.cameras} cameras a shift, {station.bays} bays, {amount(station.footage)} each, over {line}"


def _draw(found: Plan, asked: Asked, file: Path) -> None:
    from dockd.planning.drawing import as_svg
    from dockd.planning.words import verdict

    picture = as_svg(
        found.outcome, asked.spoken.place, title=_title(found, asked), says=verdict(found, asked.spoken),
        up=found.question.line.up, spool=found.question.station.spool,
    )  # fmt: skip
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        fail(f"--svg: {file} cannot be written: {error.strerror}", code=3)


def _text(found: Plan, asked: Asked) -> str:
    from dockd.planning.drawing import as_text
    from dockd.planning.words import COLUMNS, rows, verdict

    terminal = sys.stdout.isatty()
    plain = not terminal or "utf" not in (sys.stdout.encoding or "").lower()
    width = min(shutil.get_terminal_size((100, 24)).columns, 160) if terminal else 100
    table = [list(COLUMNS), *rows(found, asked.spoken)]
    widths = [max(len(row[place]) for row in table) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in table]
    if terminal and "NO_COLOR" not in os.environ:
        late = [False, *(not shift.in_time for shift in found.outcome.shifts)]
        lines = [
            click.style(line, fg="red" if wrong else None, bold=not number)
            for number, (line, wrong) in enumerate(zip(lines, late, strict=True))
        ]
    plot = as_text(found.outcome, asked.spoken.place, width=width, plain=plain)
    return "\n".join([_title(found, asked), "", *lines, "", *plot, "", *verdict(found, asked.spoken)])


def _document(found: Plan, asked: Asked) -> dict[str, Any]:
    from dockd.planning.words import verdict
    from ingest.clock import rfc3339

    def at(moment: float | None) -> str | None:
        return None if moment is None else rfc3339(moment)

    outcome, station, link = found.outcome, found.question.station, asked.spoken.link
    return {
        "fits": found.fits,
        "verdict": verdict(found, asked.spoken),
        "falls_behind_at": at(found.late[0].at) if found.late else None,
        "caught_up_at": at(found.caught_up.at) if found.late and found.caught_up is not None else None,
        "left_at_end_bytes": round(found.left_at_end),
        "spool": {
            "needed_bytes": math.ceil(found.spool_needed), "room_bytes": None if station.spool is None else int(station.spool),
            "full_at": at(outcome.full_since), "full_seconds": round(outcome.full_for),
        },
        "least": None if found.least is None else {
            "factor": round(found.least, 4), "link_bits_per_second": None if link is None else math.ceil(link * 8 * found.least),
        },
        "shifts": [
            {
                "docked_at": at(one.at), "next_at": at(one.until), "bytes": round(one.footage), "copied_at": at(one.pulled),
                "confirmed_at": at(one.clear), "emptied_at": at(one.emptied), "in_time": one.in_time, "without_bay": one.no_bay,
                "spool_peak_bytes": round(one.spool_peak),
            }
            for one in outcome.shifts
        ],
        "curve": [
            {"at": at(point.at), "cameras_bytes": round(point.cameras), "unsent_bytes": round(point.unsent), "kept_bytes": round(point.kept)}
            for point in outcome.curve
        ],
    }  # fmt: skip
