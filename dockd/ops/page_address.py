"""Where a running agent is to be asked, left beside its ledger: the configuration may say something else by now, or nothing that can be read.

Rules kept here: written when the page is served and taken away at a clean end; it names the configuration that the agent runs with, so that it speaks of no
other; it costs nothing but itself where it cannot be written. Whoever reads it takes it for hostile: bounded, a regular file and no link, an address of this
machine or a host that the configuration names itself, and nothing else in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from dockd.settings import ListenAddress, PageSettings
from dockd.settings.addresses import is_loopback

NAME = "page.address"
_LARGEST = 8 << 10
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - looked at, not bound


def url_of(page: PageSettings, *, port: int | None = None) -> str:
    """Where a page is asked; `port`: the one that it got, where any was right.

    A page with a certificate that listens on every address is asked by the first name that it allows: no certificate is made out to 0.0.0.0.
    """
    listen: ListenAddress = page.listen if port is None else replace(page.listen, port=port)
    if page.tls_cert_file is None:
        return f"http://{listen}"
    if listen.host in _EVERYWHERE and page.allowed_hosts:
        listen = replace(listen, host=page.allowed_hosts[0])
    return f"https://{listen}"


@contextlib.asynccontextmanager
async def left(folder: Path, *, config: Path | None, url: str) -> AsyncIterator[None]:
    """While the body runs, `folder` says that the agent of `config` is asked at `url` (None: nobody looks for it by a configuration)."""
    if config is None:
        yield
        return
    await asyncio.to_thread(_write, folder / NAME, json.dumps({"config": str(config), "url": url}))
    try:
        yield
    finally:
        await asyncio.to_thread(_forget, folder / NAME)


def _write(file: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)  # whatever it says, and whoever put it there
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.write(text)


def _forget(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)


def found(folder: Path, *, config: Path, hosts: Sequence[str] = ()) -> str | None:
    """What the agent of `config` has left in `folder`: an address of this machine, or of one of `hosts`. None where there is nothing to be believed."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW)
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            said = json.loads(opened.read(_LARGEST))
        url = said["url"] if said["config"] == str(config) else None
        return url if isinstance(url, str) and _is_asked(url, hosts) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_asked(url: str, hosts: Sequence[str]) -> bool:
    """Raises ValueError where it is no URL at all."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in ("http", "https") or host is None or not port:
        return False
    if url != f"{parts.scheme}://{ListenAddress(host, port)}":
        return False  # anything beside, such as a user or a path
    return is_loopback(host) or host in _EVERYWHERE or host in hosts
