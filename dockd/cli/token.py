"""`dockd token`: what programs, and screens on a wall, show instead of a password."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import click

from dockd.access.known import Token, new_token
from dockd.access.roles import Role
from dockd.access.words import NotTaken
from dockd.cli.access import ROLE, access_options, book_of, by, told
from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_duration
from ingest.clock import rfc3339

_LONGEST = 3650 * 86400.0
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@click.group("token")
def token() -> None:
    """Tokens for programs (Authorization: Bearer) and for screens on a wall (/wall?token=…). They hold from when they are made, and are shown once."""


@token.command("create")
@click.option(
    "--role", type=ROLE, required=True, help="What it opens: wall is for the wall screen, and opens nothing else."
)
@click.option(
    "--expires", default="365 d", show_default=True, help='How long it holds, such as "30 d"; at most 3650 d.'
)
@click.option("--name", help="What it is called in custody (default: its role and a number).")
@access_options
def create(
    *, role: Role, expires: str, name: str | None, config: Path | None, state: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Make a token and print it. It is not kept: whoever loses it makes another."""
    try:
        lasts = parse_duration(expires)
    except WrongValue as error:
        raise click.UsageError(f"--expires: {error}") from error
    if not 0 < lasts <= _LONGEST:
        raise click.UsageError("--expires is more than 0 and at most 3650 d")
    book = book_of(config=config, state=state)
    with told(book):
        if name is not None and _NAME.fullmatch(name) is None:
            raise NotTaken(
                'that is no token\'s name, expected is one such as "wall-east": letters, digits, and . _ - between them'
            )
        shown = new_token()
        made = book.add_token(shown, name=name, role=role, lasts=lasts, by=by())
    if as_json:
        click.echo(json.dumps({"token": shown, **_document(made, now=made.made_at)}))
        return
    click.echo(shown)
    click.echo(f"{made.name} ({role}) holds until {rfc3339(made.expires_at)}; it is not shown again", err=True)


@token.command("revoke")
@click.argument("name")
@access_options
def revoke(*, name: str, config: Path | None, state: Path | None, as_json: bool) -> None:
    """NAME opens nothing from now on."""
    book = book_of(config=config, state=state)
    with told(book):
        book.see_token(name)
        book.revoke_token(name, by=by())
    click.echo(json.dumps({"name": name, "revoked": True}) if as_json else f"{name} opens nothing any more")


@token.command("list")
@access_options
def list_(*, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Every token that was made, by name; never the tokens themselves."""
    book = book_of(config=config, state=state, to_read=True)
    with told(book):
        tokens = sorted(book.known().tokens.values(), key=lambda one: one.id)
    now = time.time()
    found = [_document(one, now=now) for one in tokens]
    lines = [f"{one['name']:<24} {one['role']:<10} {one['state']:<8} until {one['expires_at']}" for one in found]
    click.echo(json.dumps({"tokens": found}) if as_json else "\n".join(lines) or "there are no tokens")


def _document(one: Token, *, now: float) -> dict[str, str | None]:
    state = "revoked" if one.revoked_at is not None else "holds" if one.holds(now) else "expired"
    return {
        "name": one.name, "role": one.role, "state": state, "made_at": rfc3339(one.made_at), "expires_at": rfc3339(one.expires_at),
        "revoked_at": None if one.revoked_at is None else rfc3339(one.revoked_at),
    }  # fmt: skip
