"""`dockd ingest`: one shot over mounted cameras or folders."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dockd import __version__
from dockd.cli.common_options import default_state, fail, in_state, plain, root_cause
from dockd.cli.store_options import Given, store_options, unheard, with_store

T = TypeVar("T")

if TYPE_CHECKING:
    from dockd.oneshot import Outcome
    from dockd.settings import Settings
    from ingest.ledger.core import Subscriber


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--store",
    "url",
    required=True,
    metavar="URL",
    help="The central store: its address, s3+https://… (a bucket's address), or the absolute path of a directory.",
)
@click.option("--camera", metavar="ID", help="Who the camera is (default: the folder's name).")
@click.option("--wipe", is_flag=True, help="Delete from PATH what the store has proven.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="State folder (default $XDG_STATE_HOME/dockd).",
)
@store_options
@click.option(
    "--wait", default="1 min", metavar="D", show_default=True, help="How long to wait for a store that cannot be used."
)
@click.option(
    "--limit",
    metavar="RATE",
    help='Bandwidth for uploads, as "20 Mbit/s" (default: what was set for a time, else none).',
)
@click.option(
    "--keep-free",
    default="1 GiB",
    metavar="SIZE",
    show_default=True,
    help="Room on the state's disk that is never used.",
)
@click.option("--parallel", default=2, type=click.IntRange(1, 64), show_default=True, help="Cameras read at once.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON document.")
def ingest(
    *, paths: tuple[Path, ...], url: str, camera: str | None, wipe: bool, state: Path | None, wait: str,
    limit: str | None, keep_free: str, parallel: int, as_json: bool, **named: Any,
) -> None:  # fmt: skip
    """Treat each PATH as one docked camera: pull, verify, upload, have it proven, and with --wipe delete what was proven.

    It may be killed and run again at any time: it goes on where it was. Exit code 0: every segment is proven in the store (and with
    --wipe gone from PATH); 1: it ran, and something is not so; 2: usage; 3: the store or the state cannot be used.
    """
    from dockd.settings import SettingsError, defaults
    from dockd.settings.mistakes import WrongValue
    from dockd.settings.units import parse_duration, parse_rate, parse_size

    try:
        settings = _settings(
            with_store(defaults(), url=url, given=Given(**named)), folder=state or default_state(), wipe=wipe,
            limit=_option("--limit", limit, parse_rate) if limit else None,
            keep_free=_option("--keep-free", keep_free, parse_size), parallel=parallel,
        )  # fmt: skip
        patience = _option("--wait", wait, parse_duration)
    except (WrongValue, SettingsError) as error:
        raise click.UsageError(str(error)) from error
    passed_over = unheard(os.environ)
    if passed_over is not None:
        click.echo(f"note: {passed_over}", err=True)
    sys.exit(asyncio.run(_run(settings, paths, camera=camera, wait=patience, as_json=as_json)))


def _option(name: str, text: str, parse: Callable[[str], T]) -> T:
    """Parse an option's value; a mistake names the option and what was given."""
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{name}: {text!r} {error}") from error


def _settings(
    settings: Settings, *, folder: Path, wipe: bool, limit: float | None, keep_free: int, parallel: int
) -> Settings:  # fmt: skip
    where = in_state(folder)
    return replace(
        settings,
        ledger=replace(settings.ledger, path=where.ledger),
        spool=replace(settings.spool, path=where.spool, keep_free=keep_free),
        wipe=replace(settings.wipe, enabled=wipe),
        pull=replace(settings.pull, parallel=parallel),
        upload=replace(settings.upload, retry_max=15.0),
        bandwidth=replace(settings.bandwidth, limit=limit),
    )


async def _run(settings: Settings, paths: tuple[Path, ...], *, camera: str | None, wait: float, as_json: bool) -> int:
    from dockd.app import agent
    from dockd.cli.progress import progress
    from dockd.oneshot import ingest as run_once
    from dockd.oneshot import visits_of
    from dockd.settings.shares import seen
    from dockd.store_kinds import Misconfigured
    from ingest.errors import DockdError

    hear = _said_at_once()
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: this.cancel() if this is not None else None)
    try:
        share = seen(Path(settings.store.url or "/")) if settings.store.kind == "directory" else None
        real = share.real if share is not None else None
        visits = visits_of(paths, camera=camera, state=[settings.ledger.path.parent], share=real)
        by_hand = settings.bandwidth.limit is not None  # --limit is the later word, and this run's
        async with (
            agent(settings, version=__version__, rest=1.0, subscribers=(hear,), overridden=not by_hand) as built,
            progress(built),
        ):
            outcome = await run_once(built, visits, wait=wait)
    except asyncio.CancelledError:
        click.echo("interrupted: nothing is lost, run the same command again to go on", err=True)
        return 130
    except (DockdError, OSError, ExceptionGroup) as error:
        known = root_cause(error)
        if known is None:
            raise
        fail(plain(known), code=2 if isinstance(known, Misconfigured) else 3)
    _say(outcome, as_json=as_json)
    return _exit_code(outcome)


def _said_at_once() -> Subscriber:
    """What a person has to hear before the end: why it waits, that it goes on, and every loss."""
    from ingest import events

    kinds = (
        events.SpoolWaits, events.SpoolGoesOn, events.SpoolFails, events.SpoolWorks, events.StoreChanged, events.StoreCaught, events.WorkerLost, events.CustodyRestored, events.LedgerRebuilt, events.LedgerWentBack,
        events.CameraOtherCard, events.SegmentVanished, events.SegmentRotted, events.SegmentStoreLost, events.SegmentLost,
    )  # fmt: skip
    connected = True

    def hear(event: events.Event, _seq: int) -> None:
        nonlocal connected
        if isinstance(event, events.StoreChanged):
            before, connected = connected, event.state == "connected"
            if before and connected:
                return
        if isinstance(event, kinds):
            click.echo(event.message(), err=True)

    return hear


def _say(outcome: Outcome, *, as_json: bool) -> None:
    """The result: warnings on standard error, figures on standard output."""
    from dockd.settings.units import format_bytes
    from ingest.model import legible

    for held in outcome.held:
        click.echo(f"held: {legible(held.path)}: {held.held_message}", err=True)
    for failure in outcome.failures:
        click.echo(f"not read: {failure}", err=True)
    for message in outcome.notes:
        click.echo(f"note: {message}", err=True)
    if outcome.unreachable is not None:
        stop = "" if outcome.unreachable.endswith((".", "?", "!")) else "."
        click.echo(f"given up waiting: {outcome.unreachable}{stop} Everything is kept; run it again to go on", err=True)
    if as_json:
        click.echo(json.dumps(outcome.document()))
        return
    count, size = outcome.balance.segments, outcome.balance.bytes
    click.echo(
        f"{count.listed} segments ({format_bytes(size.listed)}) listed, {count.copied} copied, {count.confirmed} confirmed, "
        f"{count.wiped} wiped, {count.held} held, in {outcome.seconds:.1f} s"
    )


def _exit_code(outcome: Outcome) -> int:
    if outcome.unreachable is not None:
        return 3
    return 0 if outcome.complete else 1
