"""The whole demo put together: a folder, a store, an agent with its page, a rack of simulated cameras, a story, and a look from outside.

The agent is the production one, built by `dockd.app` from settings that a user could have written; only its docks are simulated.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dockd import __version__
from dockd.app import Agent, agent
from dockd.demo.far_end import FarEnd
from dockd.demo.outside import look
from dockd.demo.place import NotOurs, Place
from dockd.demo.plan import QUICK, WATCHABLE, Pace, Part, paced, parts
from dockd.demo.rack import SimulatedCamera, SimulatedRack
from dockd.demo.shift import keep_list, read_list, record_shift
from dockd.demo.story import Player, Story
from dockd.demo.wall import Wall
from dockd.service import Ops, serve
from dockd.settings import ListenAddress, Settings, defaults
from dockd.settings.units import format_bytes
from ingest.ledger.audit import check, moment
from ingest.ledger.balance import accounts

_USUAL_PORT = 8080
_KEEP_FREE = 64 << 20
_COPIES = 3  # on the camera, in the spool, in the store


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line says. `port` None: 8080, or any free one where that is taken."""

    bays: int
    cameras: int
    port: int | None
    exit_when_done: bool
    quick: bool


class NoRoom(Exception):
    """The disk is too full; the message says by how much."""


async def demo(asked: Asked, place: Place, *, tell: Callable[[str], None]) -> bool:
    """Run it. Returns whether every story ended well.

    Without `exit_when_done` the rack then goes on being served until this is cancelled. Raises NoRoom, NotOurs, FarEndError, OSError,
    and what `dockd.app.agent` raises.
    """
    pace = paced(QUICK if asked.quick else WATCHABLE, cameras=asked.cameras)
    cast = parts(pace, cameras=asked.cameras, shift=place.shift)
    _need_room(place, cast)
    store, rack = FarEnd(place.store), SimulatedRack(asked.bays)
    try:
        await store.start()
        settings = _settings(asked, place, pace=pace, cast=cast, rack=rack, url=store.url)
        async with _at_work(settings, rack) as (built, url):
            tell(f"dockd demo: {url}")
            _say_where(place, tell)
            players = await _record(place, pace, cast)
            story = Story(rack=rack, store=store, wall=Wall(url), pace=pace, players=players, tell=tell)
            built.ledger.subscribe(story.hear)
            await story.run()
            well = await _ending(story, place, tell)
            if not asked.exit_when_done:
                tell("the rack stays as it is: look at the page; Ctrl-C ends the demo")
                await asyncio.Event().wait()
            return well
    finally:
        await store.kill()


def _need_room(place: Place, cast: list[Part]) -> None:
    needed = _COPIES * sum(part.bytes for part in cast) + 2 * _KEEP_FREE
    free = shutil.disk_usage(place.root).free
    if free < needed:
        raise NoRoom(
            f"the demo needs {format_bytes(needed)} in {place.root}, and {format_bytes(free)} are free: "
            "name a roomier folder with --dir, or fewer --cameras"
        )


def _settings(
    asked: Asked, place: Place, *, pace: Pace, cast: list[Part], rack: SimulatedRack, url: str
) -> Settings:  # fmt: skip
    settings = defaults()
    return replace(
        settings,
        station=replace(settings.station, name="Demo station", rack="A"),
        docks=replace(settings.docks, usb=False),
        bays=rack.settings,
        store=replace(settings.store, url=url),
        ledger=replace(settings.ledger, path=place.state / "ledger.db"),
        spool=replace(settings.spool, path=place.state / "spool", keep_free=_KEEP_FREE),
        upload=replace(settings.upload, retry_max=pace.retry),
        bandwidth=replace(settings.bandwidth, limit=sum(part.bytes for part in cast) / pace.upload),
        page=replace(settings.page, listen=ListenAddress(host="127.0.0.1", port=_port(asked.port))),
        log=replace(settings.log, file=place.root / "dockd.log"),
    )


def _port(asked: int | None) -> int:
    """The port that was asked for; else the usual one, where nobody else has it."""
    if asked is not None:
        return asked
    with contextlib.closing(socket.socket()) as sock:
        try:
            sock.bind(("127.0.0.1", _USUAL_PORT))
        except OSError:
            return 0
    return _USUAL_PORT


@contextlib.asynccontextmanager
async def _at_work(settings: Settings, rack: SimulatedRack) -> AsyncIterator[tuple[Agent, str]]:
    """An agent that works as `dockd run` does, and the address of its page. Raises what `serve` raises, in a group."""
    ops = Ops.begin(settings, version=__version__)
    try:
        async with (
            agent(settings, version=__version__, subscribers=ops.subscribers, observe=ops.metrics.request) as built,
            asyncio.TaskGroup() as group,
        ):
            opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            serving = group.create_task(
                serve(built, docks=[rack], ops=ops, version=__version__, announce=opened.set_result), name="service"
            )
            try:
                yield built, await opened
            finally:
                serving.cancel()
    finally:
        ops.close()


def _say_where(place: Place, tell: Callable[[str], None]) -> None:
    stays = "it stays" if place.kept else "it goes when the demo ends; --dir keeps it"
    tell(
        f"everything is in {place.root} ({stays}): footage in cameras/, the central store in store/, the ledger in state/, the log in dockd.log"
    )
    tell(f"look into it while it runs: {_typed()} custody verify --state {shlex.quote(str(place.state))}")


def _typed() -> str:
    """How this program is called in the shell that has started it: by its name where that finds it."""
    if shutil.which("dockd"):
        return "dockd"
    started = Path(sys.argv[0])
    return shlex.quote(str(started)) if started.name == "dockd" else f"{shlex.quote(sys.executable)} -m dockd"


async def _record(place: Place, pace: Pace, cast: list[Part]) -> list[Player]:
    """Have every camera record its shift; who docks earlier has begun earlier."""
    began = datetime.now(UTC) - timedelta(hours=12)
    players = []
    for number, part in enumerate(cast):
        files = await asyncio.to_thread(_record_one, place, part, began + timedelta(minutes=30 * number))
        camera = SimulatedCamera(
            part.serial, out=place.out, docked=place.docked, charge=part.charge, charge_rate=pace.charge,
            clock_offset=part.clock_offset, busy=pace.busy,
        )  # fmt: skip
        players.append(Player(part=part, camera=camera, files=files))
    return players


def _record_one(place: Place, part: Part, began: datetime) -> int:
    made = record_shift(place.out / part.serial, part, shift=place.shift, began_at=began)
    keep_list(place.recorded, made)
    return len(made)


async def _ending(story: Story, place: Place, tell: Callable[[str], None]) -> bool:
    """Say how it ended, judged from outside."""
    seconds = time.monotonic() - story.began
    folders = {player.part.serial: player.camera.folder for player in story.players}
    try:
        seen = await asyncio.to_thread(look, story.store.url, read_list(place.recorded), cameras=folders)
    except OSError as error:
        story.problems.append(f"the store cannot be looked at from outside: {error}")
    else:
        story.problems += seen.faults
        tell(
            f"seen from outside: {seen.files} files with {seen.bytes:,} bytes ({format_bytes(seen.bytes)}) read back from the "
            "store are what the cameras recorded"
        )
    story.problems += await asyncio.to_thread(_books, place.state / "ledger.db", tell)
    ready = sum(player.ready_at is not None for player in story.players)
    if story.problems:
        for problem in story.problems:
            tell(f"NOT WELL: {problem}")
        tell(f"the story did not end well: {ready} of {len(story.players)} cameras became ready, {seconds:.0f} s")
    else:
        tell(f"the story ended well: all {ready} cameras became ready, {seconds:.0f} s")
    return not story.problems


def _books(ledger: Path, tell: Callable[[str], None]) -> list[str]:
    """What `dockd custody verify` and `dockd reconcile` say."""
    with moment(ledger) as reader:
        record, balance = check(reader), accounts(reader)
    if not record.faults:
        tell(f"the record of what happened is whole: {record.entries} entries")
    files, size = balance.total()
    problems = [f"the record: {fault}" for fault in record.faults]
    if balance.complete:
        tell(
            f"it balances: {files.listed} listed = {files.confirmed} confirmed, {size.listed:,} = {size.confirmed:,} bytes"
        )
    else:
        problems.append(f"dockd reconcile: {balance.open_total} files are not proven, or the books disagree")
    return problems


__all__ = ["Asked", "NoRoom", "NotOurs", "demo"]
