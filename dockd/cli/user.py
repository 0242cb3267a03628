"""`dockd user`: who may come in to the page, with what role."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dockd.access.hashing import Hashing
from dockd.access.roles import Role
from dockd.access.words import see_password, user_name
from dockd.cli.access import ROLE, access_options, book_of, by, password_from, told
from ingest.clock import rfc3339

_password = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="A file whose first line is the password (- is standard input, which is also read where there is no terminal).",
)


@click.group("user")
def user() -> None:
    """Who may come in to the page and the API. What is changed holds at once, with the agent running or not.

    Roles: wall (the wall screen alone), viewer (reads), sergeant (marks, issues, closes problems), ops (also the rack's own settings). None wipes.
    As long as there is no user, the page is open to whoever is at this machine.
    """


@user.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, required=True, help="What they may do.")
@_password
@click.option(
    "--begin-anew", is_flag=True, help="Keep a list that cannot be read under another name, and begin a new one."
)
@access_options
def add(
    *, name: str, role: Role, password_file: Path | None, begin_anew: bool, config: Path | None, state: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Add NAME. The password is asked for twice, or comes from a file; it has at least 12 characters."""
    book = book_of(config=config, state=state)
    with told(book):
        name = user_name(name)
        if begin_anew:
            book.see_unreadable()
        else:
            book.see_new(name)
        password = password_from(password_file, name=name)
        see_password(password, name=name)
        hashed = Hashing().make(password)
        kept = None
        if begin_anew:
            book.see_unreadable()  # it may have been mended while the password was typed
            kept = book.begin_anew(name, role=role, password=hashed, by=by())
        else:
            book.add_user(name, role=role, password=hashed, by=by())
    if kept is not None:
        click.echo(f"what was there is kept as {kept}", err=True)
    _say({"user": name, "role": role}, f"{name} may sign in ({role})", as_json=as_json)


@user.command("passwd")
@click.argument("name")
@click.option("--role", type=ROLE, help="Another role; the password stays, unless --password-file names another.")
@_password
@access_options
def passwd(
    *, name: str, role: Role | None, password_file: Path | None, config: Path | None, state: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Give NAME another password, or another role. They are signed out everywhere."""
    book = book_of(config=config, state=state)
    with told(book):
        name = user_name(name)
        book.see_there(name)
        password = None
        if role is None or password_file is not None:
            password = password_from(password_file, name=name)
            see_password(password, name=name)
        kept = None if password is None else Hashing().make(password)
        book.change_user(name, by=by(), password=kept, role=role)
        now = book.known().users[name]
    _say({"user": name, "role": now.role}, f"{name} ({now.role}) has been changed, and is signed out", as_json=as_json)


@user.command("remove")
@click.argument("name")
@access_options
def remove(*, name: str, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Remove NAME, and sign them out. What they did stays in the custody record."""
    book = book_of(config=config, state=state)
    with told(book):
        name = user_name(name)
        book.see_there(name)
        book.remove_user(name, by=by())
        left = len(book.known().users)
    if not left:
        click.echo("that was the last user: the page is open again to whoever is at this machine", err=True)
    _say({"user": name, "removed": True}, f"{name} is removed", as_json=as_json)


@user.command("list")
@access_options
def list_(*, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Everybody who may sign in, by name."""
    book = book_of(config=config, state=state, to_read=True)
    with told(book):
        users = sorted(book.known().users.values(), key=lambda one: one.name)
    document = {
        "users": [
            {"name": one.name, "role": one.role, "made_at": rfc3339(one.made_at), "changed_at": rfc3339(one.changed_at)}
            for one in users
        ]
    }
    lines = [f"{one.name:<24} {one.role:<10} since {rfc3339(one.made_at)[:10]}" for one in users]
    _say(
        document,
        "\n".join(lines) or "there are no users: the page is open to whoever is at this machine",
        as_json=as_json,
    )


def _say(document: object, text: str, *, as_json: bool) -> None:
    click.echo(json.dumps(document) if as_json else text)
