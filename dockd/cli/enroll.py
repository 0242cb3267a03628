"""`dockd enroll`: what this dock comes in with to its store."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from dockd.cli.common_options import default_state, fail, in_state, plain, root_cause, state_options
from dockd.cli.store_options import Given, with_store
from ingest.clock import Clock, rfc3339

if TYPE_CHECKING:
    from dockd.enrolling.enrol import Enrolled, Enrolling
    from dockd.settings import Settings
    from ingest.store.enrolling import Way

_FILE = click.Path(path_type=Path, dir_okay=False)
_OR_STREAM = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_LARGEST = 256 << 10


@click.command("enroll")
@click.argument("url", required=False)
@click.option(
    "--as",
    "way",
    type=click.Choice(["certificate", "token"]),
    help="What to ask for.  [default: what the store prefers]",
)
@click.option(
    "--invitation-file",
    type=_OR_STREAM,
    help="File with the invitation; - is standard input.  [default: asked for on the terminal]",
)
@click.option(
    "--pin",
    "--fingerprint",
    "pin",
    metavar="KEY",
    help="The thumbprint of the store's key, from its operator: nobody else is told anything.",
)
@click.option(
    "--request-only",
    is_flag=True,
    help="Make a certificate request for another authority, and end; the key stays here.",
)
@click.option(
    "--request-file", type=_OR_STREAM, help="With --request-only: where to write the request; - is standard output."
)
@click.option(
    "--certificate",
    type=_OR_STREAM,
    help="Take in what that authority has signed (PEM, with its chain; - is standard input).",
)
@click.option("--anew", is_flag=True, help="By an invitation, even if what the dock has would be renewed.")
@click.option(
    "--no-wait", is_flag=True, help="Do not wait for a person at the store to look at the key; run it again later."
)
@click.option(
    "--write",
    "write_it",
    is_flag=True,
    help="Write the lines into the configuration; comments stay, and so does the file before, beside it.",
)
@click.option("--ca-file", type=_FILE, help="PEM certificates that may vouch for the store (default: the system's).")
@click.option(
    "--proxy",
    metavar="URL",
    help="An HTTP proxy on the way to the store (default: none, whatever the environment says).",
)
@click.option("--proxy-auth-file", type=_FILE, help="File with USER:PASSWORD for the proxy, yours alone (chmod 600).")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON document.")
@state_options
def enroll(
    *, url: str | None, way: str | None, invitation_file: Path | None, pin: str | None, request_only: bool, request_file: Path | None, certificate: Path | None,
    anew: bool, no_wait: bool, write_it: bool, as_json: bool, config: Path | None, state: Path | None, **line: Any,
) -> None:  # fmt: skip
    """Enrol this dock at the store at URL (default: store.url of the configuration), or renew what it has.

    A key pair (or a token) is drawn here and never leaves. The store says who it is, and has to show the key that the invitation, --pin or you have named; then it is shown the invitation
    (`dockd store invite`) and gives a certificate, or takes the token. It is tried, with wrong bytes that the store has to refuse, before it replaces anything. Run it again at
    any step, and after Ctrl-C: it goes on. Run again later, it renews; the agent renews certificates by itself.

    With an authority of your own: --request-only, have the request signed, then --certificate FILE.

    Exit code 0: done (and, with --no-wait, not before it was given); 1: the store does not give it, is not the one that is meant, or a person there has not looked yet; 2: usage or configuration; 3: the
    store or the state cannot be used.
    """
    if sum((request_only, certificate is not None)) > 1 or (request_file is not None and not request_only):
        raise click.UsageError(
            "--request-only (with --request-file) and --certificate are two steps, one after the other"
        )
    file = _configuration(config, state)
    if write_it and file is None:
        raise click.UsageError("--write has no file to write into: name it by --config")
    known = _known(file, state)
    if request_only:
        sys.exit(_request(known, request_file))
    settings = _at(known, url=url, line=line)
    invited = _text(invitation_file, secret=True) if invitation_file is not None else None
    enrolling = _enrolling(
        settings, known, _Terminal(), pin=pin, way=cast("Way | None", way), anew=anew, wait=not no_wait, invited=invited
    )
    done = _done(enrolling, chain=_text(certificate, secret=False) if certificate is not None else None)
    code = _told(done, file=file, write_it=write_it, as_json=as_json)
    _say_what_is_left(settings)
    sys.exit(code)


@dataclass(frozen=True)
class _Terminal:
    """Whoever types."""

    def say(self, text: str) -> None:
        click.echo(text, err=True)

    def agrees(self, lines: list[str]) -> bool:
        from dockd.enrolling.files import NotTaken

        click.echo("\n".join(lines), err=True)
        if not sys.stdin.isatty():
            raise NotTaken(
                "nobody can be asked whether that is the store that is meant: name its key by --pin (its operator sees it with `dockd store docks`)"
            )
        return click.confirm("Has the store's operator named that key?", err=True)

    def invitation(self) -> str:
        from dockd.enrolling.files import NotTaken

        if not sys.stdin.isatty():
            raise NotTaken(
                "it takes an invitation (`dockd store invite`, on the store): give its file by --invitation-file"
            )
        return str(click.prompt("Invitation", hide_input=True, err=True))


def _configuration(config: Path | None, state: Path | None) -> Path | None:
    """The agent's own file, there or not; None where a state folder was named."""
    from dockd.settings import DEFAULT_FILE

    if state is not None and config is not None:
        raise click.UsageError("give --state or --config, not both")
    return config or (None if state is not None else DEFAULT_FILE)


def _known(file: Path | None, state: Path | None) -> Settings:
    """The dock's settings as far as they are there."""
    from dockd.settings import SettingsError, defaults, load

    try:
        if file is not None:
            return load(file, environ=os.environ, for_run=False) if file.exists() else _of_agent(file)
    except SettingsError as error:
        fail(str(error), code=2)
    where, settings = in_state(state or default_state()), defaults()
    ledger, spool = replace(settings.ledger, path=where.ledger), replace(settings.spool, path=where.spool)
    return replace(settings, ledger=ledger, spool=spool)


def _of_agent(file: Path) -> Settings:
    """There is no configuration yet: a dock in its usual place, if there is one."""
    from dockd.settings import defaults

    settings = defaults()
    if not settings.ledger.path.parent.exists():
        fail(
            f"there is neither {file} nor {settings.ledger.path.parent}: install dockd first, or name a state folder by --state",
            code=3,
        )
    return settings


def _at(known: Settings, *, url: str | None, line: dict[str, Any]) -> Settings:
    """The settings with the store that is meant, and without what the dock has for it so far."""
    from dockd.settings.addresses import is_loopback, url_host

    store = known.store
    if url is None and store.url is None:
        raise click.UsageError("name the store's address: dockd enroll https://store.example.org")
    bare = replace(
        store,
        client_cert_file=None,
        client_key_file=None,
        token_file=store.token_file if store.kind == "s3" else None,
        pin=None,
    )
    settings = with_store(replace(known, store=bare), url=url, given=Given(token_file=None, region=None, **line))
    address = settings.store.url or ""
    if settings.store.kind == "directory":
        raise click.UsageError("a store that is a folder enrols nobody: who may write there its server says")
    if address.lower().startswith("http://") and not is_loopback(url_host(address)):
        raise click.UsageError(
            f"{address} is reached in clear: whoever is on the line would have the invitation. Use its https address"
        )
    return settings


def _enrolling(settings: Settings, known: Settings, person: _Terminal, **more: Any) -> Enrolling:
    from dockd import __version__
    from dockd.enrolling.enrol import Enrolling

    return Enrolling(settings=settings, current=known.store, person=person, version=__version__, clock=Clock(), **more)


def _request(known: Settings, target: Path | None) -> int:
    """Make the request; the key is drawn once, and kept."""
    from dockd.enrolling.files import NotTaken
    from dockd.enrolling.owner import as_owner_of, see_python

    enrolling = _enrolling(known, known, _Terminal())
    try:
        with as_owner_of(known.ledger.path.parent):
            see_python(known.ledger.path.parent)
            text, key = enrolling.getting.request(), enrolling.getting.fingerprint()
        if target is not None and str(target) != "-":
            target.write_text(text, encoding="ascii")
    except NotTaken as error:
        fail(error.message, code=1)
    except OSError as error:
        fail(plain(error), code=3)
    if target is not None and str(target) == "-":
        click.echo(text, nl=False)
    click.echo(
        f"the request is {target if target is not None and str(target) != '-' else enrolling.files.request}; its key is {key}",
        err=True,
    )
    click.echo(
        "have it signed for a client (extendedKeyUsage clientAuth), then: dockd enroll URL --certificate FILE", err=True
    )
    return 0


def _done(enrolling: Enrolling, *, chain: str | None) -> Enrolled:
    """Run it as the one whose folder it is. Ends the program where it comes to nothing."""
    from dockd.enrolling.files import NotTaken
    from dockd.enrolling.owner import as_owner_of, see_python
    from dockd.store_kinds import Misconfigured
    from ingest.errors import DockdError, LedgerUnusable, Refused, Stop
    from ingest.store.enrolling import NotEnrolled

    try:
        with as_owner_of(enrolling.settings.ledger.path.parent):
            see_python(enrolling.settings.ledger.path.parent)
            return asyncio.run(enrolling.run() if chain is None else enrolling.by_certificate(chain))
    except (DockdError, OSError, ExceptionGroup) as error:
        known = root_cause(error)
        if known is None:
            raise
        refused = isinstance(known, NotTaken | NotEnrolled | Refused | Stop) and not isinstance(known, LedgerUnusable)
        said = _as_typed(plain(known), enrolling)
        fail(said, code=2 if isinstance(known, Misconfigured) else 1 if refused else 3)


def _as_typed(text: str, enrolling: Enrolling) -> str:
    """Whoever types names the store's authority by an option, and no key of a configuration that may not be written yet."""
    from ingest.store.line import WHOSE_AUTHORITY

    named = enrolling.settings.store.ca_file
    if named is None:
        asked = "No authority was named: --ca-file FILE, with the certificate of the authority that signed it (the system's do not know it)"
    elif named == enrolling.current.ca_file:
        return text
    else:
        asked = f"Is --ca-file ({named}) the authority that signed it?"
    return text.replace(WHOSE_AUTHORITY, asked)


def _told(done: Enrolled, *, file: Path | None, write_it: bool, as_json: bool) -> int:
    from dockd.enrolling.configuration import as_toml

    if done.waits:
        click.echo(f"{done.dock} waits for a person at the store; run this again when they have looked", err=True)
        if as_json:
            click.echo(json.dumps({"dock": done.dock, "way": done.way, "waits": True}))
        return 1
    written, backup = (False, None) if not write_it or file is None else (True, _write(file, done.lines))
    if as_json:
        click.echo(json.dumps(_document(done, written=written)))
        return 0
    store = done.store
    if store is not None:
        click.echo(
            f"the store {store.id} at {store.url} took it, refused wrong bytes, and is {'pinned' if done.pinned else 'the one that was pinned before'}"
        )
    until = f", until {rfc3339(done.ends)}" if done.ends is not None else ""
    click.echo(f"{'this dock' if done.dock is None else done.dock} comes in with {done.file}{until}")
    if written:
        click.echo(f"written to {file}" + (f"; the file before is {backup}" if backup else ""))
    else:
        click.echo(f"In {file or 'dockd.toml'} (or run it with --write):\n\n{as_toml(done.lines)}")
    if done.by_agent:
        click.echo(
            "the agent at work takes up a renewed file within a minute; what is new in its configuration with a restart: systemctl restart dockd"
        )
    return 0


def _say_what_is_left(settings: Settings) -> None:
    """A dock that was put back from a backup is enrolled anew, and needs a person's word on the store all the same."""
    from ingest.ledger.unconfirmed import why_unconfirmed

    if why := why_unconfirmed(settings.keys_path):
        click.echo(f"nothing is deleted before you say that this store is believed: dockd store pin ({why})", err=True)


def _write(file: Path, lines: dict[str, str | None]) -> Path | None:
    """Write them; printed where that cannot be done, so that nothing is lost."""
    from dockd.cli.check_config import mistakes_of
    from dockd.enrolling.configuration import as_toml, write
    from dockd.enrolling.files import NotTaken
    from dockd.enrolling.owner import as_owner_of
    from dockd.settings import defaults, load

    def check(trial: Path) -> Sequence[str]:
        with as_owner_of(ledger.parent):  # as the agent will read it
            return mistakes_of(trial)

    try:
        ledger = load(file, environ=os.environ, for_run=False).ledger.path if file.exists() else defaults().ledger.path
        return write(file, lines, check=check, group=ledger.parent.stat().st_gid)
    except (NotTaken, OSError) as error:
        click.echo(as_toml(lines))
        fail(
            f"{file} cannot be written: {plain(error)}\nthe lines are above; all else is done",
            code=2 if isinstance(error, NotTaken) else 3,
        )


def _document(done: Enrolled, *, written: bool) -> dict[str, object]:
    store = done.store
    return {
        "dock": done.dock, "way": done.way, "file": str(done.file), "ends_at": None if done.ends is None else rfc3339(done.ends), "waits": False,
        "store": None if store is None else {"id": store.id, "url": store.url, "keys": list(store.keys), "pinned": done.pinned},
        "config": done.lines, "written": written,
    }  # fmt: skip


def _text(source: Path, *, secret: bool) -> str:
    """A small file, or standard input. Ends the program where it cannot be read, and where a secret may be read by everybody."""
    try:
        if str(source) == "-":
            raw = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with source.open("rb") as file:
                if secret and os.fstat(file.fileno()).st_mode & stat.S_IROTH:
                    fail(f"{source} can be read by everybody on this machine: chmod 600 {source}", code=2)
                raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            fail(f"{source} is larger than what is wanted here", code=2)
        return raw.decode("utf-8")
    except OSError as error:
        fail(plain(error), code=2)
    except UnicodeDecodeError:
        fail(f"{source} is not what is wanted here: it is no text", code=2)
