"""`dockd bandwidth`: what may be sent to the store, now and next; set it for a time, or lift that again. It asks the running agent."""

from __future__ import annotations

import json
import re
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from dockd.cli.bandwidth_words import coming_words, holding_words, rate_words
from dockd.cli.common_options import fail
from dockd.cli.page_client import NotLetIn, NotReachable, PageClient, Refused, base_of, token_of
from dockd.settings.mistakes import WrongValue, printable
from dockd.settings.units import parse_duration, parse_rate

_LARGEST = 1 << 20
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Whom to ask, and how to tell: as it was given to the command, or else to `dockd bandwidth` before it."""

    url: str | None
    config: Path | None
    token_file: Path | None
    ca_file: Path | None
    as_json: bool

    def below(self, above: _Asked | None) -> _Asked:
        """What was not given here is as it was given before the command's name."""
        if above is None:
            return self
        where = (self.url, self.config) if self.url or self.config else (above.url, above.config)
        return _Asked(
            url=where[0], config=where[1], token_file=self.token_file or above.token_file,
            ca_file=self.ca_file or above.ca_file, as_json=self.as_json or above.as_json,
        )  # fmt: skip

    def page(self, *, to_change: bool = True) -> PageClient:
        """Raises click.UsageError; ends the program where there is no token in the file, and, for those who are `to_change` anything, where the configuration is wrong."""
        token = token_of(self.token_file)
        base = base_of(self.url, config=self.config, shows_token=bool(token), strict=to_change)
        return PageClient(base=base, token=token, ca_file=self.ca_file)


def _asking(function: F) -> F:
    """The options of all three, as `dockd status` has them."""
    file = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON document on one line."),
        click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Who vouches for the page's certificate, where this machine does not know it."),
        click.option("--token-file", type=file, help="A token of `dockd token create`, where the agent has users; with the role ops, to set anything."),
        click.option("--config", type=file, help="The agent's configuration, which says where its page is (default /etc/dockd/dockd.toml)."),
        click.option("--url", metavar="URL", help="The page's address (default: as the agent's own configuration says)."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.group("bandwidth", invoke_without_command=True)
@_asking
@click.pass_context
def bandwidth(context: click.Context, /, **asked: Any) -> None:
    """What may be sent to the store, now and next; `limit` sets it for a time, `lift` ends that.

    Exit codes: 0 done; 1 the agent refused; 2 usage; 3 the agent is not reachable.
    """
    context.obj = _Asked(**asked)
    if context.invoked_subcommand is None:
        _tell(_ask(context.obj.page(to_change=False), "/api/v1/bandwidth"), as_json=context.obj.as_json)


@bandwidth.command("limit")
@click.argument("rate", metavar="RATE")
@click.option("--for", "lasts", metavar="DURATION", help='How long, such as "2 h" or "1 h 30 min"; at most 7 days.')
@click.option(
    "--until",
    metavar="TIME",
    help='Or until when: "18:00", "2026-11-20 18:00", by this machine\'s clock, or with its zone.',
)
@_asking
@click.pass_context
def limit(context: click.Context, /, *, rate: str, lasts: str | None, until: str | None, **asked: Any) -> None:
    """Let dockd send RATE ("5 Mbit/s", or unlimited) for a time, whatever the timetable says.

    It ends by itself, and outlives a restart of dockd. It is recorded. To be called on the machine that dockd runs on.
    """
    wanted: dict[str, Any] = {"rate": rate}
    try:
        if rate != "unlimited":
            parse_rate(rate)
        if lasts is not None:
            parse_duration(lasts)
    except WrongValue as error:
        raise click.UsageError(str(error)) from error
    if lasts is not None and until is not None:
        raise click.UsageError("--for and --until are both there: give one of them")
    if lasts is not None:
        wanted["for"] = lasts
    elif until is not None:
        wanted["until"] = moment_meant(until, now=datetime.now().astimezone())
    else:
        raise click.UsageError('say how long: --for "2 h", or --until TIME')
    _change(_Asked(**asked).below(context.obj), wanted)


@bandwidth.command("lift")
@_asking
@click.pass_context
def lift(context: click.Context, /, **asked: Any) -> None:
    """End what was set by hand: the timetable and bandwidth.limit hold again. No harm where nothing was set: that is said."""
    meant = _Asked(**asked).below(context.obj)
    before = _ask(meant.page(), "/api/v1/bandwidth")
    _change(meant, {"rate": None})
    if before["source"] != "override":
        click.echo("nothing was set by hand: there was nothing to lift", err=True)


def moment_meant(text: str, *, now: datetime, zone: tzinfo | None = None) -> str:
    """RFC 3339 of a moment as a person says it; without a zone, by the clock of `zone` (None: this machine's). Raises click.UsageError.

    A time of day alone is the next one, today or tomorrow; `now` has a zone.
    """
    text = text.strip()

    def here(wall: datetime) -> datetime:
        return wall.astimezone() if zone is None else wall.replace(tzinfo=zone)

    try:
        if _TIME_OF_DAY.fullmatch(text) is None:
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo is not None else here(found)).isoformat()
        found = datetime.fromisoformat(f"{now.astimezone(zone):%Y-%m-%d} {text}")
        return here(found if here(found) > now else found + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(
            f'--until {printable(text)[:80]!r} is no time, expected such as "18:00", "2026-11-20 18:00" or "2026-11-20T18:00:00+01:00"'
        ) from None


def _change(asked: _Asked, wanted: dict[str, Any]) -> None:
    _tell(_ask(asked.page(), "/api/v1/bandwidth/override", wanted), as_json=asked.as_json)


def _ask(page: PageClient, path: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        said = page.send(path, wanted)
        if not isinstance(said, dict) or not {"limit_bytes_per_second", "source", "until", "next"} <= said.keys():
            raise NotReachable("what answers there is not dockd's page")
    except urllib.error.HTTPError as error:
        _refused(page.base, error)
    except (NotLetIn, Refused) as error:
        fail(f"{page.base}: {str(error).rstrip('.')}.", code=3)
    except NotReachable as error:
        _unreachable(page.base, str(error))
    return said


def _refused(base: str, error: urllib.error.HTTPError) -> NoReturn:
    """In the agent's own words, where it has some."""
    try:
        detail = json.loads(error.read(_LARGEST)).get("detail")
    except (OSError, ValueError, AttributeError):
        detail = None
    if not isinstance(detail, str):
        _unreachable(base, f"it answers {error.code}")
    fail(f"the agent refused: {printable(detail)}", code=3 if error.code >= 500 else 1)


def _unreachable(base: str, why: str) -> NoReturn:
    fail(
        f"the agent is not reachable at {base}: {printable(why)}. Is `dockd run` running, and is this its page's address?",
        code=3,
    )


def _tell(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(said))
        return
    lines = [f"now: {holding_words(said)}", *(f"from {line}" for line in coming_words(said))]
    configured = said.get("configured", {})
    lines.append(
        f"configured: limit {rate_words(configured.get('limit_bytes_per_second'))}, "
        f"{configured.get('timetable_lines', 0)} lines of the timetable, evidential footage {configured.get('evidential', '?')}"
    )
    click.echo("\n".join(printable(line) for line in lines))
