"""What several commands take: where the state is, and how an error becomes an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ingest.errors import DockdError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a dock keeps what it knows."""

    ledger: Path
    spool: Path


def state_options(function: F) -> F:
    """--config FILE or --state DIR: every command that reads or changes a dock's state takes them."""
    for option in (
        click.option(
            "--state",
            type=click.Path(path_type=Path, file_okay=False),
            help="The state's folder in place of a configuration: ledger.db, keys, spool. An agent's is /var/lib/dockd; without an agent `dockd ingest` keeps its in ~/.local/state/dockd.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Configuration of the agent (default /etc/dockd/dockd.toml).",
        ),
    ):
        function = option(function)
    return function


def default_state() -> Path:
    """$XDG_STATE_HOME/dockd, else ~/.local/state/dockd."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "dockd"


def in_state(folder: Path) -> State:
    """The layout of a state folder."""
    folder = folder.absolute()
    return State(ledger=folder / "ledger.db", spool=folder / "spool")


def find_state(*, config: Path | None, state: Path | None) -> State:
    """By --state, else by --config, else by the agent's own configuration if there is one, else the default state folder."""
    if state is not None and config is not None:
        raise click.UsageError("give --state or --config, not both")
    if state is not None:
        return in_state(state)
    from dockd.settings import DEFAULT_FILE, SettingsError, load

    if config is None and not DEFAULT_FILE.exists():
        return in_state(default_state())
    try:
        settings = load(config or DEFAULT_FILE, environ=os.environ, for_run=False)
    except SettingsError as error:
        fail(str(error), code=2)
    return State(ledger=settings.ledger.path, spool=settings.spool.path)


def find_ledger(*, config: Path | None, state: Path | None) -> Path:
    """As `find_state`, for those who only read: a configuration is right enough where `ledger.path` is. What else is wrong with it is told."""
    from dockd.settings import DEFAULT_FILE

    if state is not None or (config is None and not DEFAULT_FILE.exists()):
        return find_state(config=config, state=state).ledger
    from dockd.cli.right_keys import readable_keys

    return readable_keys(config).rely_on("ledger.path", instead="name the state's folder by --state").ledger.path


def fail(message: str, *, code: int) -> NoReturn:
    """Say why on standard error, and end."""
    click.echo(f"dockd: {message}" if code != 2 else message, err=True)
    sys.exit(code)


def root_cause(error: BaseException) -> DockdError | OSError | None:
    """The one known error in what a group of tasks raised; None where there is another kind in it."""
    if isinstance(error, BaseExceptionGroup):
        found = [root_cause(one) for one in error.exceptions]
        return found[0] if found and all(one is not None for one in found) else None
    return error if isinstance(error, (DockdError, OSError)) else None


def plain(error: DockdError | OSError) -> str:
    """For a person."""
    if isinstance(error, DockdError):
        return error.message
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """What keeps a ledger from being read is the environment: exit code 3."""
    try:
        yield
    except DockdError as error:
        fail(error.message, code=3)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(plain(error), code=3)


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """What changes a dock's state is done as the one whose state it is: root leaves nothing in it that the agent could not use, and follows none of
    the agent's links with rights of its own. Raises OSError."""
    from dockd.enrolling.owner import as_owner_of, see_python

    with as_owner_of(folder):
        see_python(folder)
        yield


def not_one(word: str, meant: list[str]) -> str:
    """Why a word does not name one segment."""
    if not meant:
        return f"no segment has the id, SHA-256 or path {word!r} in this ledger"
    return f"{word!r} may be any of these segments, name one by its id:\n  " + "\n  ".join(meant)
