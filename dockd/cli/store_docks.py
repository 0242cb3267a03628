"""`dockd store invite`, `docks`, `approve`, `revoke`: which docks may come in to the embedded store."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from dockd.cli.common_options import fail
from ingest.clock import Clock, rfc3339

if TYPE_CHECKING:
    from ingest.central.enrolment import DockRow, Enrolment, Way

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"min": 60.0, "h": 3600.0, "d": 86400.0}
_LASTS = re.compile(r"([0-9]{1,6}) ?(min|h|d)")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on one line.")


class _Lasts(click.ParamType[float]):
    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _LASTS.fullmatch(str(value).strip())
        if found is None:
            self.fail('expected a time such as "24h", "30 min" or "7 d"', param, ctx)
        return int(found[1]) * _UNITS[found[2]]


def _root(function: F) -> F:
    option = click.option(
        "--root", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True), help="The store's folder, as given to `dockd store serve`.",
    )  # fmt: skip
    return option(function)


def _who() -> str:
    """Whose hand it is. The settings and the list of users come with it, and `store serve`, which is of the same group, needs neither."""
    from dockd.cli.access import by

    return by()


@click.command("invite")
@click.argument("name")
@_root
@click.option(
    "--expires",
    type=_Lasts(),
    default="24h",
    show_default=True,
    help="How long it may be used: from a minute to 30 days.",
)
@click.option(
    "--only",
    type=click.Choice(["certificate", "token"]),
    help="What it may be used for.  [default: what the dock asks for]",
)
@click.option(
    "--approve",
    is_flag=True,
    help="Nothing is given before somebody has looked at the dock's key (`dockd store approve`).",
)
@click.option(
    "--again",
    is_flag=True,
    help="NAME is enrolled already, and is another machine now: what it has ends when this is used.",
)
@_json
def invite(
    *, name: str, root: Path, expires: float, only: str | None, approve: bool, again: bool, as_json: bool
) -> None:
    """Invite a dock, which the store will know as NAME.

    Prints the invitation, once: one line for `dockd enroll` to ask for. It may be used once, and carries the thumbprint of the store's key, so that
    the dock knows that store when it speaks to it. Treat it as a password. The store may be running.
    """
    from ingest.central.enrolment import WAYS

    if not (root / "store.json").exists() and any(root.iterdir()):
        fail(
            f"{root} is no store's folder: name the one of `dockd store serve`, or an empty one for a new store", code=3
        )
    with _told(root) as book:
        first = not book.file.exists
        ways = (cast("Way", only),) if only else WAYS
        made = book.invite(name, who=_who(), lasts=expires, ways=ways, approval=approve, again=again)
        text = f"dockd1.{_thumbprint(root)}.{made.id}.{made.secret}"
    if first:
        click.echo(
            "the first invitation: from now on nobody comes in to this store without a token or a certificate, on this machine neither",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({"dock": name, "invitation": text, "ends_at": rfc3339(made.ends_at)}))
        return
    click.echo(text)
    click.echo(
        f"for {name}, until {rfc3339(made.ends_at)}, once. On the dock: dockd enroll https://… (it asks for this line)",
        err=True,
    )


@click.command("docks")
@_root
@click.option(
    "--log",
    "with_log",
    is_flag=True,
    help="The whole log instead: every invitation, enrolment, renewal and revocation.",
)
@_json
def docks(*, root: Path, with_log: bool, as_json: bool) -> None:
    """Every dock that was invited or enrolled: what it comes in with, until when, and the key by which to know it."""
    with _told(root) as book:
        lines = book.log() if with_log else []
        rows = [] if with_log else book.docks()
        store = _thumbprint(root)
    if as_json:
        said: dict[str, object] = {"store_key": store}
        said |= {"log": [vars(one) for one in lines]} if with_log else {"docks": [_document(one) for one in rows]}
        click.echo(json.dumps(said))
        return
    for line in lines:
        click.echo(
            f"{line.at} {line.action:<24} {line.dock:<20} by {line.who} {json.dumps(line.detail, sort_keys=True)}"
        )
    if not with_log:
        click.echo(f"the store's key: {store}")
        click.echo("\n".join(_shown(one) for one in rows) or "no dock was invited yet: dockd store invite NAME")


@click.command("approve")
@click.argument("name")
@_root
@click.option(
    "--fingerprint",
    help="The dock's key as the dock shows it (SHA-256, hex): approve that one, without being asked. Without a terminal nothing is approved unless this is given.",
)
def approve(*, name: str, root: Path, fingerprint: str | None) -> None:
    """Let in a dock that was invited with --approve, and has asked: its key is shown, and on the dock, too."""
    with _told(root) as book:
        key = book.waiting(name)
        if fingerprint is None:
            click.echo(f"{name} asks with the key {key}")
            if not (sys.stdin.isatty() and click.confirm("Is that the key that the dock shows?")):
                fail("nothing was approved" + ("" if sys.stdin.isatty() else ": give --fingerprint"), code=1)
        book.approve(name, key=key if fingerprint is None else fingerprint.strip().lower().replace(":", ""), who=_who())
    click.echo(f"{name} gets what it asked for as soon as it asks again")


@click.command("revoke")
@click.argument("name")
@_root
@click.option("--reason", default="", help="Why, for the log.")
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal nothing is changed unless this is given.")
def revoke(*, name: str, root: Path, reason: str, yes: bool) -> None:
    """Take back what a dock comes in with: from the next moment on the store answers it 403. What it has brought stays.

    It may be invited again. Its footage waits on it meanwhile, and nothing of that is deleted from its cameras.
    """
    with _told(root) as book:
        if not yes and not (sys.stdin.isatty() and click.confirm(f"Take back what {name} comes in with?")):
            fail("nothing was changed" + ("" if sys.stdin.isatty() else ": give --yes"), code=1)
        book.revoke(name, who=_who(), reason=reason[:500])
    click.echo(f"{name} is revoked")


@contextlib.contextmanager
def _told(root: Path) -> Iterator[Enrolment]:
    """The book of docks, written as the one who owns the store's folder. Exit code 1 where it is not so, 3 where it cannot be used."""
    import ingest.central.app  # noqa: F401 (loaded by who may read it)
    from dockd.enrolling.owner import as_owner_of
    from ingest.central.enrolment import Enrolment, NotSoError
    from ingest.central.enrolment_file import EnrolmentFile
    from ingest.central.layout import Layout
    from ingest.central.refusals import StoreUnusableError

    try:
        with as_owner_of(root):
            yield Enrolment(EnrolmentFile(Layout(root.absolute()).docks), clock=Clock())
    except NotSoError as wrong:
        fail(str(wrong), code=1)
    except StoreUnusableError as failed:
        fail(f"dockd store: {failed}", code=3)
    except OSError as failed:
        fail(f"{root} cannot be used: {failed.strerror or failed}. Who owns it (or root) may", code=3)


def _thumbprint(root: Path) -> str:
    """Of the store's present key; drawn now where the store has never run. Raises StoreUnusableError, OSError."""
    from ingest.central.app import thumbprint

    return thumbprint(root)


def _document(row: DockRow) -> dict[str, object]:
    ends = None if row.ends_at is None else rfc3339(row.ends_at)
    return vars(row) | {"since": rfc3339(row.since), "ends_at": ends}


def _shown(row: DockRow) -> str:
    what = {"asked": "waits for approval", "over": "invitation is over"}.get(row.state, row.state)
    ends = "" if row.ends_at is None else f" until {rfc3339(row.ends_at)}"
    key = "" if row.key is None else f"\n    key {row.key}"
    return f"{row.dock:<24} {what:<18} {row.way or '':<12} since {rfc3339(row.since)[:10]}{ends}{key}"
