"""Which adapter stands behind `store.kind`: one line for each kind in `KINDS`, and one function that makes it of the settings.

Each adapter is imported only where it is used: what one kind of store needs costs the others nothing.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.errors import DockdError
from ingest.token_lines import first_token

if TYPE_CHECKING:
    from dockd.settings.mistakes import Mistake
    from dockd.settings.reading import Reading
    from dockd.settings.schema import StoreSettings
    from ingest.model import ProofMethod
    from ingest.store.base import Store
    from ingest.store.outgoing import Outgoing
    from ingest.store.patience import Patience
    from ingest.store.proxy import Proxy
    from ingest.store.throttle import Bucket
    from ingest.store.tls import ClientTls
    from ingest.store.unshown import Unshown


_SOURCE_LINE = re.compile(r" \(_ssl\.c:\d+\)")


class Misconfigured(DockdError):
    """The settings ask for what cannot be had; the message says what to change."""


async def _unpinned() -> None:
    return None


async def _no_keys() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an adapter is given beside its settings.

    `founds`: whether a bucket or folder that is no store yet may be made one; `observe(method, seconds)` is told of every request; `patience`:
    when silence counts as a cut line; `bucket`: the one limit that everything is charged to that goes through an adapter's sockets; `pinned`: the
    kind of proof that the pinned store announced, None where none is or where it is to be pinned anew; `keys`: thumbprints of its keys, none likewise; `tls`: what the adapter's connections are made with (None: what
    the settings say).
    """

    founds: Callable[[], Awaitable[bool]]
    observe: Callable[[str, float], None]
    patience: Patience | None
    bucket: Bucket | None = None
    pinned: Callable[[], Awaitable[ProofMethod | None]] = _unpinned
    keys: Callable[[], Awaitable[tuple[str, ...]]] = _no_keys
    tls: ClientTls | None = None


def store_of(settings: StoreSettings, *, needs: Needs) -> Store:
    """The adapter for these settings. Raises Misconfigured."""
    if settings.url is None:
        raise Misconfigured("store.url is not set: name the central store's address")
    return KINDS[settings.kind](settings, settings.url, needs)


def _tus(settings: StoreSettings, url: str, needs: Needs) -> Store:
    from ingest.store.tus import TusStore

    return TusStore(
        url, token=lambda: first_token(_secret(settings.token_file) or ""), tls=_context(settings, needs), observe=needs.observe, patience=needs.patience,
        proxy=proxy_of(settings), outgoing=_outgoing(needs), unshown=_unshown(settings, url, needs),
    )  # fmt: skip


def _unshown(settings: StoreSettings, url: str, needs: Needs) -> Unshown | None:
    """Only who shows a certificate may be cut for it."""
    from ingest.store.tls import ClientTls
    from ingest.store.unshown import Unshown

    if settings.client_cert_file is None or not url.lower().startswith("https:"):
        return None
    return Unshown(
        url=url, tls=lambda: ClientTls(ca=settings.ca_file).context, pinned=needs.keys, proxy=proxy_of(settings)
    )


def _s3(settings: StoreSettings, url: str, needs: Needs) -> Store:
    from ingest.store.s3 import S3Store

    if settings.token_file is None:
        raise Misconfigured(
            "an S3 store needs a key: name the file that holds it and its secret (store.token_file, --token-file)"
        )
    return S3Store(
        url, credentials=lambda: _secret(settings.token_file), region=settings.region, lock=settings.object_lock,
        retain=settings.retain_evidential, tls=_context(settings, needs), patience=needs.patience, observe=needs.observe, founds=needs.founds,
        pinned=needs.pinned, proxy=proxy_of(settings), outgoing=_outgoing(needs),
    )  # fmt: skip


def _directory(settings: StoreSettings, url: str, needs: Needs) -> Store:
    from ingest.store.directory import DirectoryStore

    return DirectoryStore(Path(url), founds=needs.founds, observe=needs.observe, patience=needs.patience)


KINDS: dict[str, Callable[[StoreSettings, str, Needs], Store]] = {"tus": _tus, "s3": _s3, "directory": _directory}


def _outgoing(needs: Needs) -> Outgoing | None:
    """What counts and paces the sockets of an adapter that speaks HTTP."""
    from ingest.store.outgoing import Outgoing

    return Outgoing(needs.bucket) if needs.bucket is not None else None


def _secret(file: Path | None) -> str | None:
    """A secret's file, whole. Read at each use, so that a new secret needs no restart; never kept, never logged."""
    if file is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return file.read_text(encoding="utf-8")
    return None


def proxy_of(settings: StoreSettings) -> Proxy | None:
    """The proxy that the settings name, and no other."""
    from ingest.store.proxy import Proxy

    file = settings.proxy_auth_file
    return None if settings.proxy is None else Proxy(url=settings.proxy, auth=lambda: _first_line(_secret(file)))


def _first_line(text: str | None) -> str | None:
    return text.split("\n", 1)[0] if text else None


def client_tls(settings: StoreSettings) -> ClientTls | None:
    """Whom to believe, and by what to be known; None for a store that is reached without TLS. Blocks. Raises Misconfigured."""
    from ingest.store.tls import CertificateUnusable, ClientTls

    if settings.kind == "directory" or not (settings.url or "").lower().startswith("https:"):
        return None
    try:
        return ClientTls(ca=settings.ca_file, cert=settings.client_cert_file, key=settings.client_key_file)
    except CertificateUnusable as error:
        key = "store.ca_file" if error.of == "ca" else "store.client_cert_file and store.client_key_file"
        raise Misconfigured(f"{key}: {error}") from error


def wrong_certificates(reading: Reading) -> list[Mistake]:
    """What of the files that the store is to be spoken to with cannot be used, as mistakes of the configuration. Blocks. Raises nothing."""
    try:
        client_tls(reading.settings.store)
    except Misconfigured as error:
        key, _, why = _SOURCE_LINE.sub("", error.message).partition(": ")
        if key == "store.ca_file":
            return [reading.origin("store", "ca_file").mistake(why, "PEM certificates of authorities")]
        return [reading.origin("store", "client_cert_file").mistake(why, "a PEM certificate chain and its key")]
    return []


def _context(settings: StoreSettings, needs: Needs) -> ssl.SSLContext | None:
    tls = needs.tls if needs.tls is not None else client_tls(settings)
    return tls.context if tls is not None else None
