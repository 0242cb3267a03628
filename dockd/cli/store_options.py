"""What a command is told of a store by options: the secrets and certificates for it, the proxy before it, its region.

Rules kept here: what a configuration is held to holds for options, in the same words and before anything is touched; nothing of a refused address
is repeated, for a secret may stand in it; a token over plain HTTP, which a configuration may not ask for, is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dockd.settings import Settings, StoreSettings
    from dockd.settings.mistakes import Mistake

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = {"url": "--store", "token_file": "--token-file", "ca_file": "--ca-file", "proxy": "--proxy",
            "proxy_auth_file": "--proxy-auth-file", "region": "--region", "client_cert_file": "--client-cert-file",
            "client_key_file": "--client-key-file"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options as they were given; None where one was not."""

    token_file: Path | None
    ca_file: Path | None
    proxy: str | None
    proxy_auth_file: Path | None
    region: str | None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None


def store_options(function: F) -> F:
    """--token-file, --ca-file, --client-cert-file, --client-key-file, --proxy, --proxy-auth-file, --region: the fields of `Given`."""
    for option in (
        click.option("--region", metavar="NAME", help="S3: the region that requests are signed for (default us-east-1)."),
        click.option("--proxy-auth-file", type=_FILE, help="File with USER:PASSWORD for the proxy, yours alone (chmod 600)."),
        click.option("--proxy", metavar="URL", help="An HTTP proxy on the way to the store (default: none, whatever the environment says)."),
        click.option("--client-key-file", type=_FILE, help="PEM key of that certificate, yours alone (default: it is in the same file)."),
        click.option("--client-cert-file", type=_FILE, help="PEM certificate by which the store knows this machine (dockd enroll gets one)."),
        click.option("--ca-file", type=_FILE, help="PEM certificates that may vouch for the store (default: the system's)."),
        click.option(
            "--token-file", type=_FILE,
            help="File with the store's bearer token; S3: with the access key and its secret (two lines, KEY:SECRET, or an AWS credentials file). "
            "Yours alone (chmod 600).",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def with_store(settings: Settings, *, url: str | None, given: Given) -> Settings:
    """The settings with the store that `url` (None: as it is) and the options name. Raises click.UsageError with every mistake in them."""
    from dockd.settings import StoreSettings
    from dockd.settings.addresses import parse_proxy, parse_store
    from dockd.settings.kinds import NAME

    store = settings.store
    if url is not None:
        kind, address = _read("--store", parse_store, url)
        # What is configured for a store of another kind has no use with this one.
        store = replace(store if kind == store.kind else StoreSettings(pin=store.pin), kind=kind, url=address)
    if given.proxy is not None:
        store = replace(store, proxy=_read("--proxy", parse_proxy, given.proxy))
    if given.region is not None:
        store = replace(store, region=_read("--region", NAME.read, given.region))
    store = replace(
        store,
        token_file=_absolute(given.token_file) or store.token_file,
        ca_file=_absolute(given.ca_file) or store.ca_file,
        proxy_auth_file=_absolute(given.proxy_auth_file) or store.proxy_auth_file,
        client_cert_file=_absolute(given.client_cert_file) or store.client_cert_file,
        client_key_file=_absolute(given.client_key_file or given.client_cert_file) or store.client_key_file,
    )
    settings = replace(settings, store=store)
    _check(settings, {"url", *(one.name for one in fields(given) if getattr(given, one.name) is not None)})
    return settings


def unheard(environ: Mapping[str, str]) -> str | None:
    """That variables of dockd's own are set which a command with options does not look at."""
    from dockd.settings.mistakes import printable
    from dockd.settings.reading import PREFIX

    names = sorted(printable(name) for name in environ if name.startswith(PREFIX))
    return f"{', '.join(names)}: not looked at here, what is meant is said by options" if names else None


def _absolute(file: Path | None) -> Path | None:
    return None if file is None else file.absolute()


def _read(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _check(settings: Settings, given: set[str]) -> None:
    from dockd.settings.checking import in_clear, store_checks
    from dockd.settings.documents import Origin
    from dockd.settings.filesystem import named_files
    from dockd.settings.locate import locate
    from dockd.settings.reading import Reading
    from dockd.settings.secret_forms import wrong_secrets

    names = {key: _OPTIONS[key] if key in given else f"store.{key}" for key in _written(settings.store)}
    origins: dict[tuple[str | int, ...], Origin] = {
        ("store", key): Origin("", None, name) for key, name in names.items()
    }
    reading = Reading("", settings, (), origins, locate(""), True)
    clear = list(in_clear(reading))
    wrong = [one for one in store_checks(reading, need_store=True) if one not in clear]
    wrong = wrong or [*named_files(reading, secrets_open=False)] or [*wrong_secrets(reading)]
    if wrong:
        raise click.UsageError("\n".join(_said(one) for one in wrong))
    for one in (*clear, *named_files(reading)):  # a person who types it may have reasons: told, and done
        click.echo(f"warning: {_said(one)}", err=True)


def _written(store: StoreSettings) -> Iterator[str]:
    return (one.name for one in fields(store) if getattr(store, one.name) is not None)


def _said(mistake: Mistake) -> str:
    return str(mistake).removeprefix(": ")
