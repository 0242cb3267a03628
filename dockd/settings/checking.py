"""What values say of each other: the checks that no single key can make.

Rules kept here: pure, no file is looked at (filesystem.py does); each mistake stands at the key that was written, not
at a default; what could not be read is not judged a second time by the default that stands in for it; state never lies where a camera may be, for what appears there is read as footage, and the other way
round; no secret crosses a network in clear.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.settings import kinds
from dockd.settings.addresses import A_URL, is_loopback, parse_bucket, parse_url, url_host
from dockd.settings.mistakes import Mistake, WrongValue
from dockd.settings.reading import Reading
from dockd.settings.schema import StoreSettings

_FOR_S3 = ("region", "object_lock", "retain_evidential")
_OF_NO_USE_ALONE = {"client_id", "client_secret_file", "ca_file", "roles"}
_FOR_TLS = ("ca_file", "client_cert_file", "client_key_file")


def cross_checks(reading: Reading, *, need_store: bool) -> list[Mistake]:
    """Every mistake between the values of a reading. With `need_store`, `store.url` has to be there."""
    return [
        *_bays(reading),
        *store_checks(reading, need_store=need_store),
        *_page(reading),
        *_oidc(reading),
        *_places(reading),
    ]


def _bays(reading: Reading) -> Iterator[Mistake]:
    for key, what in (("number", "bay"), ("usb_path", "port")):
        first: dict[object, int] = {}
        for index, bay in enumerate(reading.settings.bays):
            value = getattr(bay, key)
            earlier = first.setdefault(value, index)
            if earlier != index:
                line = reading.origin("bays", earlier, key).line
                place = reading.origin("bays", index, key)
                yield place.mistake(f"{what} {value} is already in line {line}", f"each {what} once")


def store_checks(reading: Reading, *, need_store: bool) -> Iterator[Mistake]:
    """Every mistake between the values of `[store]`."""
    store = reading.settings.store
    place = reading.origin("store", "url")
    if store.url is None:
        if need_store and ("store", "url") not in reading.origins:
            wanted = '"/path/of/the/share"' if store.kind == "directory" else '"https://store.example.org"'
            yield place.mistake("is missing", f"url = {wanted} in [store]")
    elif store.kind == "directory":
        if not store.url.startswith("/") or not store.url.isprintable():
            yield place.mistake(
                "is not an absolute path", 'the absolute path of the store\'s folder, as kind is "directory"'
            )
        yield from _useless(
            reading,
            ("token_file", "proxy", "proxy_auth_file", *_FOR_TLS),
            why='has no use with kind = "directory"',
            expected="no such key",
        )
    elif not _is_wrong(reading, ("store", "kind")):
        try:
            (parse_bucket if store.kind == "s3" else parse_url)(store.url)
        except WrongValue as wrong:
            yield place.mistake(wrong.message, wrong.expected)
        else:
            yield from _transport(reading, store.url)
    if not _is_wrong(reading, ("store", "kind")):
        yield from _s3(reading) if store.kind == "s3" else _not_s3(reading, store.kind)
    yield from _pair(reading, "store", "client_cert_file", "client_key_file")
    if store.kind != "directory" and store.proxy_auth_file is not None and ("store", "proxy") not in reading.origins:
        place = reading.origin("store", "proxy_auth_file")
        yield place.mistake("is there without proxy", "store.proxy too, or no proxy_auth_file")


def _s3(reading: Reading) -> Iterator[Mistake]:
    """No bucket is open to everybody."""
    if reading.settings.store.token_file is None and ("store", "token_file") not in reading.origins:
        expected = "token_file = the absolute path of a file that holds the access key and its secret"
        yield reading.origin("store", "token_file").mistake('is missing, as kind is "s3"', expected)


def _not_s3(reading: Reading, kind: str) -> Iterator[Mistake]:
    """Written out with their defaults, as the shipped file has them, they do no harm."""
    usual = StoreSettings()
    for key in _FOR_S3:
        if getattr(reading.settings.store, key) != getattr(usual, key):
            yield reading.origin("store", key).mistake(f'has no use with kind = "{kind}"', "no such key")


def _transport(reading: Reading, url: str) -> Iterator[Mistake]:
    if not url.lower().startswith("http://"):
        return
    yield from in_clear(reading)
    yield from _useless(reading, _FOR_TLS, why="has no use with an http:// url", expected="store.url with https://")


def in_clear(reading: Reading) -> Iterator[Mistake]:
    """That the token would be sent where others can read it."""
    store = reading.settings.store  # S3's secret signs requests and is never sent
    url = store.url or ""
    plain = store.kind == "tus" and url.lower().startswith("http://")
    if plain and store.token_file is not None and not is_loopback(url_host(url)):
        message = "would send the token of token_file over the network in clear"
        yield reading.origin("store", "url").mistake(message, A_URL)


def _useless(reading: Reading, keys: tuple[str, ...], *, why: str, expected: str) -> Iterator[Mistake]:
    for key in keys:
        if getattr(reading.settings.store, key) is not None:
            yield reading.origin("store", key).mistake(why, expected)


def _pair(reading: Reading, section: str, one: str, other: str) -> Iterator[Mistake]:
    values = getattr(reading.settings, section)
    for key, partner in ((one, other), (other, one)):
        if getattr(values, key) is not None and (section, partner) not in reading.origins:
            yield reading.origin(section, key).mistake(
                f"is there without {partner}", f"both {one} and {other}, or neither"
            )


def _page(reading: Reading) -> Iterator[Mistake]:
    page = reading.settings.page
    certified = {("page", "tls_cert_file"), ("page", "tls_key_file")} & reading.origins.keys()
    if not page.listen.loopback and not certified and not page.plain_http:
        message = (
            f"{page.listen} can be reached from other machines, and what people type would go over the line in clear"
        )
        expected = (
            "tls_cert_file and tls_key_file (or plain_http = true, if in clear is what you want), and a user where there is none yet "
            '(`dockd user add NAME --role ops`); or an address of this machine alone, such as "127.0.0.1:8080"'
        )
        yield reading.origin("page", "listen").mistake(message, expected)
    yield from _pair(reading, "page", "tls_cert_file", "tls_key_file")


def _oidc(reading: Reading) -> Iterator[Mistake]:
    oidc = reading.settings.oidc
    written = {str(one[1]) for one in reading.origins if one[0] == "oidc"}
    if "issuer" not in written:
        for item in sorted(written & _OF_NO_USE_ALONE):
            if getattr(oidc, item) is not None:
                yield reading.origin("oidc", item).mistake("is there without issuer", "oidc.issuer too, or no such key")
        return
    for key, wanted in (
        ("client_id", "the id that the provider has given to this dock"),
        ("roles", kinds.ROLES.expected),
    ):
        if not getattr(oidc, key) and not _is_wrong(reading, ("oidc", key)):
            yield reading.origin("oidc", key).mistake("is missing", wanted)
    if "openid" not in oidc.scopes:
        yield reading.origin("oidc", "scopes").mistake('has no "openid" in it', 'scopes with "openid" in it')
    if oidc.ca_file is not None and (oidc.issuer or "").lower().startswith("http://"):
        yield reading.origin("oidc", "ca_file").mistake(
            "has no use with an http:// issuer", "oidc.issuer with https://"
        )


def _places(reading: Reading) -> Iterator[Mistake]:
    yield from overlaps(reading, seen_as=lambda path: Path(os.path.normpath(path)))


@dataclass(frozen=True, slots=True)
class _Place:
    key: tuple[str, str]
    label: str
    path: Path


def overlaps(reading: Reading, *, seen_as: Callable[[Path], Path]) -> Iterator[Mistake]:
    """Mistakes of places that are, or lie in, one another; `seen_as` makes paths comparable (normal form, real path)."""
    places = _apart(reading)
    clashing: set[frozenset[tuple[str, str]]] = set()
    for index, one in enumerate(places):
        for other in places[index + 1 :]:
            inner, outer = (one, other) if within(seen_as(one.path), seen_as(other.path)) else (other, one)
            if not within(seen_as(inner.path), seen_as(outer.path)):
                continue
            # The keys lie beside the ledger: where both are in the way, one mistake says it.
            pair = frozenset((one.key, other.key))
            if pair not in clashing:
                clashing.add(pair)
                yield _clash(reading, inner, outer)


def _apart(reading: Reading) -> list[_Place]:
    """Every place that must lie apart from all others."""
    settings = reading.settings
    places = [
        _Place(("spool", "path"), "spool.path", settings.spool.path),
        _Place(("ledger", "path"), "ledger.path", settings.ledger.path),
        _Place(("ledger", "path"), "the keys folder beside ledger.path", settings.keys_path),
    ]
    if settings.docks.folders is not None:
        places.append(_Place(("docks", "folders"), "docks.folders", settings.docks.folders))
    if settings.log.file is not None:
        places.append(_Place(("log", "file"), "log.file", settings.log.file))
    if settings.store.kind == "directory" and (settings.store.url or "").startswith("/"):
        places.append(_Place(("store", "url"), "store.url", Path(settings.store.url or "/")))
    return [place for place in places if not _is_wrong(reading, place.key)]


def _is_wrong(reading: Reading, key: tuple[str, str]) -> bool:
    """Whether the value of a key could not be read: its default, which stands in for it, says nothing then."""
    return reading.origin(*key).key in {mistake.key for mistake in reading.mistakes}


def _clash(reading: Reading, inner: _Place, outer: _Place) -> Mistake:
    relation = "is the same place as" if inner.path == outer.path else "lies inside"
    expected = "a place apart from it"
    if inner.key in reading.origins or outer.key not in reading.origins:
        whose = "" if inner.label == _dotted(inner.key) else f"{inner.label} ({inner.path}) "
        message = f"{whose}{relation} {outer.label} ({outer.path})"
        return reading.origin(*inner.key).mistake(message, expected)
    return reading.origin(*outer.key).mistake(f"{inner.label} ({inner.path}) {relation} it", expected)


def _dotted(key: tuple[str, str]) -> str:
    return ".".join(key)


def within(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or lies below it, both in the same form."""
    return path == folder or folder in path.parents
