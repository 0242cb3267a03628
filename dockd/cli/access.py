"""What `dockd user` and `dockd token` have in common: where the list is, whose hand changes it, and how a password comes in."""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from dockd.access.book import Book, Damaged, NotSo, Unwritten
from dockd.access.roles import ROLES
from dockd.access.words import LONGEST, NotTaken
from dockd.cli.common_options import as_owner, fail, find_ledger, find_state, plain, state_options
from dockd.enrolling.owner import as_oneself
from dockd.settings import DEFAULT_FILE

F = TypeVar("F", bound=Callable[..., Any])
_LARGEST = 4 << 10
ROLE = click.Choice(ROLES)


def access_options(function: F) -> F:
    """--config, --state and --json."""
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")
    return state_options(as_json(function))


def book_of(*, config: Path | None, state: Path | None, to_read: bool = False) -> Book:
    """The list of users and tokens of this state. Where nobody has named one and there is no configuration that does, that is said: which dock's list it
    is nobody knows then. `to_read`: ends the program with 3 where there is nothing at all.
    """
    ledger = find_ledger(config=config, state=state) if to_read else find_state(config=config, state=state).ledger
    book = Book(ledger.with_name("access.db"))
    if config is None and state is None and not DEFAULT_FILE.exists():
        if to_read and not book.path.exists() and not ledger.exists():
            fail(
                f"there is no configuration {DEFAULT_FILE}, and no dock's state in {ledger.parent}: name the agent's own by --config or --state",
                code=3,
            )
        click.echo(f"there is no configuration {DEFAULT_FILE}: this is the list in {book.path.parent}", err=True)
    return book


def by() -> str:
    """Whose hand it is, as custody names them: who is signed in to this machine, and through whom where that is known."""
    through = os.environ.get("SUDO_USER", "") if os.getuid() == 0 else ""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"os:{through}" if through.isprintable() and through and through != "root" else f"os:{name}"


@contextlib.contextmanager
def told(book: Book) -> Iterator[None]:
    """The list is changed as the one whose dock it is. Exit code 1 where it is not so, 2 where a name or a password is not taken, 3 where the file cannot be used."""
    try:
        with as_owner(book.path.parent), contextlib.closing(book):
            yield
    except PermissionError as error:
        fail(plain(error), code=3)
    except NotTaken as error:
        fail(f"dockd: {error}", code=2)
    except NotSo as error:
        fail(error.message, code=1)
    except Damaged as error:
        if book.path.exists() and not os.access(book.path, os.R_OK | os.W_OK):
            fail(f"{book.path} is not for you: run this as root, or as the one who owns it", code=3)
        fail(
            f"{error.message}. Nobody is let in by it. `dockd user add NAME --role ops --begin-anew` keeps it under another name and begins a new list",
            code=3,
        )
    except Unwritten as error:
        fail(f"{error.message}. Who owns {book.path.parent} (or root) may change it", code=3)


def password_from(file: Path | None, *, name: str) -> str:
    """A new password: twice from a terminal, or the first line of `file` (`-`: standard input) or of standard input. Never an argument."""
    if file is None and sys.stdin.isatty():
        said: str = click.prompt(
            f"New password for {name}", hide_input=True, confirmation_prompt="The same again", err=True
        )
        return said
    try:
        if file is None or str(file) == "-":
            read = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with as_oneself(), file.open("rb") as opened:
                read = opened.read(_LARGEST + 1)
        line = read.decode("utf-8").split("\n", 1)[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        fail(f"the password cannot be read: {why}", code=3)
    if len(read) > _LARGEST or len(line) > LONGEST:
        raise NotTaken(f"a password has at most {LONGEST} characters")
    return line
