"""`dockd run`: the agent, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import sys
from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd import __version__
from dockd.cli.common_options import fail, plain, readable, root_cause

_REST = 1.0
_LONGEST_REST = 60.0

if TYPE_CHECKING:
    from dockd.app import Agent
    from dockd.docks.base import Dock
    from dockd.docks.usb_dock import UdevDock
    from dockd.ops.ending import Wishes
    from dockd.ops.notify import Notify
    from dockd.ops.reloading import Applied
    from dockd.service import Ops
    from dockd.settings import Settings


@click.command("run")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration (default /etc/dockd/dockd.toml).",
)
def run(*, config: Path | None) -> None:
    """Watch the docks, bring footage to the store, empty what is proven, and serve the page, until SIGTERM or SIGINT.

    The first line on standard output is the page's address. SIGHUP reads the configuration again. Exit codes: 0 ended as asked;
    2 the configuration (every mistake is printed); 3 the state, the spool or the page's address cannot be used.
    """
    from dockd.ops.ending import Wishes
    from dockd.ops.notify import Notify
    from dockd.ops.watching import starting
    from dockd.settings import DEFAULT_FILE, SettingsError, load

    notify = Notify.of(os.environ)
    wishes = Wishes(ending=notify.stopping)
    wishes.keep_reloads()  # before the file is read: it may be another one by the time that somebody listens
    file = config or DEFAULT_FILE
    try:
        settings = load(file, environ=os.environ)
    except SettingsError as error:
        fail(str(error), code=2)
    with contextlib.ExitStack() as start:
        start.enter_context(starting(notify))
        sys.exit(asyncio.run(_run(settings, file.absolute(), wishes=wishes, notify=notify, started=start.close)))


async def _run(settings: Settings, file: Path, *, wishes: Wishes, notify: Notify, started: Callable[[], None]) -> int:
    from dockd.ops.ending import until_ended
    from dockd.page.connections import raise_the_limit
    from dockd.service import Ops, refuse_an_open_page
    from dockd.state_places import refuse_anothers
    from dockd.store_kinds import Misconfigured
    from ingest.errors import DockdError

    raise_the_limit()
    if notify.watchdog is not None:
        faulthandler.enable()  # systemd ends what is stuck by SIGABRT: what each thread was at is in the journal then
    try:
        refuse_an_open_page(settings)
    except Misconfigured as error:
        fail(f"{file}: {error.message}", code=2)
    with readable():
        refuse_anothers(settings.ledger.path)  # the log's mark lies in it, too
    ops = Ops.begin(settings, version=__version__)
    try:
        async with until_ended(wishes, ops.logs):
            await _serve(settings, file, ops=ops, wishes=wishes, notify=notify, started=started)
    except (DockdError, OSError, ExceptionGroup) as error:
        known = root_cause(error)
        if known is None:
            raise
        fail(plain(known), code=2 if isinstance(known, Misconfigured) else 3)
    finally:
        ops.close()
    return 0


async def _serve(
    settings: Settings, file: Path, *, ops: Ops, wishes: Wishes, notify: Notify, started: Callable[[], None]
) -> None:  # fmt: skip
    """Run the agent; once more, and each time after a longer rest, where its ledger was found damaged while it was used."""
    from dockd.app import agent
    from dockd.ops.happenings import TroubleBegan
    from dockd.ops.reloading import Applied
    from dockd.ops.watching import starting
    from dockd.service import serve
    from ingest.errors import DockdError, LedgerDamaged

    rest = _REST
    applied = Applied(settings=settings)

    def announce(url: str) -> None:
        started()
        _announce(url)

    while True:
        try:
            async with contextlib.AsyncExitStack() as stack:
                with starting(notify):
                    made = agent(
                        applied.settings, version=__version__, subscribers=ops.subscribers, observe=ops.metrics.request
                    )
                    built = await stack.enter_async_context(made)
                    watched = await stack.enter_async_context(_docks(applied, built))
                await serve(
                    built, docks=watched.docks, ops=ops, version=__version__, announce=announce, config=file, wishes=wishes,
                    reloaded=watched.reloaded, applied=applied, notify=notify,
                )  # fmt: skip
        except (DockdError, ExceptionGroup) as error:
            damaged = error.subgroup(LedgerDamaged) if isinstance(error, ExceptionGroup) else error
            damage = root_cause(damaged) if damaged is not None else None
            if not isinstance(damage, LedgerDamaged):
                raise
            ops.logs.hear(TroubleBegan(part="ledger", error=plain(damage)), 0)
        await asyncio.sleep(rest)
        rest = min(_LONGEST_REST, rest * 2)


@dataclass(kw_only=True)
class _Watched:
    """The docks, and the settings as they are now: an agent that is opened anew goes on with what reloads have changed."""

    docks: list[Dock]
    applied: Applied
    usb: UdevDock | None = None
    named: Container[str] = frozenset()

    def listed(self) -> Container[str]:
        """The cameras that the site's list names; while it is wrong, those that it named before. Blocks."""
        from dockd.page.registry import read_registry

        found = read_registry(self.applied.settings.registry.file)
        if not found.trouble:
            self.named = found.assigned
        return self.named

    async def reloaded(self, settings: Settings) -> Sequence[str]:
        """Profiles and the list of cameras are read again; returns the mistakes, with which the profiles stay as they were."""
        return await self.usb.reload(settings.cameras.profiles) if self.usb is not None else ()


@contextlib.asynccontextmanager
async def _docks(applied: Applied, built: Agent) -> AsyncIterator[_Watched]:
    """What the configuration says is to be watched."""
    from dockd.docks.folders import FolderDock
    from dockd.docks.usb_building import usb_dock
    from dockd.ops.happenings import UsbTrouble, UsbWell

    settings = applied.settings
    watched = _Watched(docks=[], applied=applied)
    if settings.docks.folders is not None:
        watched.docks.append(FolderDock(settings.docks.folders))
    if not settings.docks.usb:
        yield watched
        return
    async with usb_dock(
        settings, pool=built.pool, listed=watched.listed, name_of=lambda place: _called(built, place),
        warn=lambda about, text: built.ledger.publish(UsbTrouble(about=about, error=text)),
        well=lambda about: built.ledger.publish(UsbWell(about=about)),
    ) as usb:  # fmt: skip
        watched.docks.append(usb)
        watched.usb = usb
        yield watched


def _called(built: Agent, place: str) -> str:
    """What people call a place: its bay, once it has one."""
    return next((f"bay {bay.number}" for bay in built.rack.bays.values() if bay.place == place), f"port {place}")


def _announce(url: str) -> None:
    """The first line on standard output, for people and for programs that start this one."""
    click.echo(f"dockd page at {url}")
    sys.stdout.flush()
