"""`dockd store`: the embedded central store as a command."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

import click

from dockd.cli.common_options import as_owner, readable
from dockd.cli.store_docks import approve, docks, invite, revoke
from dockd.cli.store_heads import heads
from dockd.cli.store_pin import pin
from dockd.state_places import refuse_anothers_store
from ingest.central.app import CentralStore
from ingest.central.app import rotate_key as rotate
from ingest.central.refusals import StoreMisusedError, StoreUnusableError
from ingest.central.settings import SettingsError, StoreSettings, parse_listen, read_settings

_DEFAULT_LISTEN = ("127.0.0.1", 1080)
_FILE = click.Path(path_type=Path, dir_okay=False)
_USAGE, _ENVIRONMENT = 2, 3


@click.group()
def store() -> None:
    """The store that this dock believes (pin), and the embedded central store (all the others): for a first run and for small sites."""


for _command in (pin, invite, docks, approve, revoke, heads):
    store.add_command(_command)


class _Listen(click.ParamType[tuple[str, int]]):
    name = "ADDR:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        try:
            return parse_listen(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


@store.command()
@click.option(
    "--root",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds everything; made (0700) if it is not there. One process at a time.",
)
@click.option(
    "--listen",
    type=_Listen(),
    help="Where to listen; port 0 takes any free one.  [default: 127.0.0.1:1080]",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Bearer tokens, one a line, then optionally a space and '# name'. Read again when it changes. "
    "Without one, and without docks that were invited, the store serves anyone, and only on loopback.",
)
@click.option(
    "--tls-cert-file",
    type=_FILE,
    help="Certificate chain (PEM): the store serves https. A renewed one is taken up within a minute.",
)
@click.option("--tls-key-file", type=_FILE, help="Key (PEM) of that certificate.")
@click.option(
    "--client-ca-file",
    type=_FILE,
    help="Authorities (PEM) whose client certificates are wanted: who shows none of theirs, or of an enrolled dock, is not let in.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TOML file with a [store] table: listen, token_file, max_size, keep_free, retention, unfinished, ...",
)
def serve(
    *, root: Path, listen: tuple[str, int] | None, token_file: Path | None, config: Path | None, **tls: Path | None
) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT.

    The first line on standard output is the address. What docks send is kept under --root; what is not marked
    evidential is deleted 31 days (setting: retention) after capture or upload, whichever is later, as long as the
    machine's clock is synchronised. Root serves no folder that is another user's: it says how to run it as them.

    Exit codes: 0 ended as asked; 2 wrong usage or configuration; 3 the root or the address cannot be used.
    """
    settings = _over_tls(_settings(config), **tls)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with readable():
        refuse_anothers_store(root.absolute())
    where = listen or settings.listen or _DEFAULT_LISTEN
    tokens = token_file or settings.token_file
    sys.exit(asyncio.run(_serve(root, listen=where, token_file=tokens, settings=settings)))


def _settings(config: Path | None) -> StoreSettings:
    if config is None:
        return StoreSettings()
    try:
        return read_settings(config)
    except SettingsError as wrong:
        click.echo("\n".join(wrong.mistakes), err=True)
    except OSError as failed:
        click.echo(f"{config}: cannot be read: {failed.strerror}", err=True)
    sys.exit(_USAGE)


def _over_tls(
    settings: StoreSettings, *, tls_cert_file: Path | None, tls_key_file: Path | None, client_ca_file: Path | None
) -> StoreSettings:
    """What is said on the command line goes before the file."""
    return replace(
        settings, tls_cert_file=tls_cert_file or settings.tls_cert_file, tls_key_file=tls_key_file or settings.tls_key_file,
        client_ca_file=client_ca_file or settings.client_ca_file,
    )  # fmt: skip


async def _serve(root: Path, *, listen: tuple[str, int], token_file: Path | None, settings: StoreSettings) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        async with CentralStore(root, listen=listen, token_file=token_file, settings=settings) as central:
            click.echo(f"dockd central store at {central.url} (store id {central.store_id})")
            sys.stdout.flush()
            await ended.wait()
    except StoreMisusedError as wrong:
        click.echo(f"dockd store: {wrong}", err=True)
        return _USAGE
    except StoreUnusableError as failed:
        click.echo(f"dockd store: {failed}", err=True)
        return _ENVIRONMENT
    except OSError as failed:
        click.echo(f"dockd store: {root} cannot be used: {failed}", err=True)
        return _ENVIRONMENT
    return 0


@store.command("rotate-key")
@click.option("--root", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True))
def rotate_key(root: Path) -> None:
    """Draw a new signing key, signed for by the present one. The store must not be running.

    Docks that have pinned any earlier key follow the chain of statements to the new one. As root it is written as who owns the folder.
    """
    try:
        with as_owner(root):
            drawn = rotate(root)
        click.echo(f"new key {drawn}")
    except (StoreUnusableError, OSError) as failed:
        click.echo(f"dockd store: {failed}", err=True)
        sys.exit(_ENVIRONMENT)
