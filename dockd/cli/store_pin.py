"""`dockd store pin`: a person pins a store anew."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockd.cli.common_options import as_owner, default_state, fail, in_state, plain, readable, root_cause, state_options
from dockd.cli.store_options import Given, store_options, with_store

if TYPE_CHECKING:
    from dockd.settings import Settings


@click.command("pin")
@click.option("--store", "url", metavar="URL", help="The central store's address (default: store.url of --config).")
@store_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@state_options
def pin(*, url: str | None, yes: bool, config: Path | None, state: Path | None, **named: Any) -> None:
    """Believe this store from now on, even if it was caught, or is another one than before.

    Shows what is pinned and what answers, and asks. The act is written into the custody record; nothing is deleted before the store has
    been seen to refuse wrong bytes. dockd must not be running on this state.

    Exit code 0: pinned, and it refused wrong bytes; 1: not pinned, or not to be believed; 2: usage; 3: the store or the state cannot be used.
    """
    settings = _settings(url=url, given=Given(**named), config=config, state=state)
    with readable(), as_owner(settings.ledger.path.parent):
        code = asyncio.run(_run(settings, yes=yes))
    sys.exit(code)


def _settings(*, url: str | None, given: Given, config: Path | None, state: Path | None) -> Settings:
    from dockd.settings import DEFAULT_FILE, SettingsError, defaults, load

    if state is not None and config is not None:
        raise click.UsageError("give --state or --config, not both")
    try:
        if config is not None or (state is None and DEFAULT_FILE.exists()):
            settings = load(config or DEFAULT_FILE, environ=os.environ)
        else:
            where, settings = in_state(state or default_state()), defaults()
            settings = replace(
                settings, ledger=replace(settings.ledger, path=where.ledger), spool=replace(settings.spool, path=where.spool)
            )  # fmt: skip
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if not url and settings.store.url is None:
        raise click.UsageError("--store is missing: name the central store's address")
    return with_store(settings, url=url or None, given=given)


async def _run(settings: Settings, *, yes: bool) -> int:
    from dockd import __version__
    from dockd.app import agent
    from dockd.pinning import choice, told
    from dockd.pinning import pin as pin_anew
    from dockd.store_kinds import Misconfigured
    from ingest.errors import DockdError, LedgerUnusable, Stop

    try:
        async with agent(settings, version=__version__, founding=True) as built:
            found = await choice(built)
            click.echo("\n".join(told(found)))
            if not yes and not (sys.stdin.isatty() and click.confirm("Pin the store that answers?")):
                click.echo("nothing was changed" + ("" if sys.stdin.isatty() else ": give --yes to pin it"), err=True)
                return 1
            again = await pin_anew(built, found.answers)
            click.echo(f"pinned {found.answers.id}; {again} held segments are tried again")
            await built.delivery.trusted()
            click.echo("it was asked again, and may be used")
            return 0
    except (DockdError, OSError, ExceptionGroup) as error:
        known = root_cause(error)
        if known is None:
            raise
        not_believed = isinstance(known, Stop) and not isinstance(known, LedgerUnusable)
        fail(plain(known), code=2 if isinstance(known, Misconfigured) else 1 if not_believed else 3)
