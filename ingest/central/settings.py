"""What an operator may set, and how it is read from a TOML file.

    [store]
    listen         = "127.0.0.1:1080"   # address:port; more than loopback needs a token file
    token_file     = "/etc/dockd/store-tokens"    # one token a line, then optionally " # name"
    tls_cert_file  = "/etc/dockd/store.pem"       # certificate chain and key (PEM): the store serves https; a renewed one is
    tls_key_file   = "/etc/dockd/store.key"       # taken up within a minute
    client_ca_file = "/etc/dockd/docks-ca.pem"    # authorities (PEM): who shows no client certificate of theirs, or of an enrolled dock, is not let in
    certificates   = "90 d"     # how long the certificates are good that enrolled docks get
    max_size       = "64 GiB"   # the largest segment taken
    keep_free      = "1 GiB"    # so much of the disk stays free: uploads beyond get 507
    retention      = "31 d"     # what is not evidential is deleted so long after capture or upload, whichever is later
    unfinished     = "7 d"      # an upload of which nothing was heard for so long is removed
    sweep_every    = "1 h"      # how often is looked for what is to be deleted
    look_again     = "24 h"     # a receipt from an older look than this reads the whole object again
    idle_timeout   = "30 s"     # a connection that brings no data for so long is cut
    max_unfinished = 1024       # unfinished uploads per token
    max_receiving  = 64         # requests that bring data at one time
    max_connections = 512
    clock          = "synchronised"   # or "as-is": delete even if the kernel does not say that time is synchronised

Rules: unknown keys are errors, every mistake is reported at once, quantities carry their unit.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from ingest.central.refusals import StoreMisusedError

_UNITS_SIZE = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_UNITS_SIZE |= {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS_TIME = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]+)")
_MAX_FILE = 1 << 20
_CERTIFICATES = (3600.0, 825 * 86400.0)


class SettingsError(StoreMisusedError):
    """The configuration has mistakes: `mistakes` has one line for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Sizes in bytes, times in seconds; see the module for what each means."""

    listen: tuple[str, int] | None = None
    token_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    client_ca_file: Path | None = None
    certificates: float = 90 * 86400.0
    max_size: int = 64 << 30
    keep_free: int = 1 << 30
    retention: float = 31 * 86400.0
    unfinished: float = 7 * 86400.0
    sweep_every: float = 3600.0
    look_again: float = 86400.0
    idle_timeout: float = 30.0
    max_unfinished: int = 1024
    max_receiving: int = 64
    max_connections: int = 512
    clock: Literal["synchronised", "as-is"] = "synchronised"
    sync_window: int = 32 << 20  # bytes that are synced and read back together; not for operators
    sync_every: float = 5.0  # seconds: a slow line's bytes are made durable at least this often; not for operators
    buffer: int = 2 << 20  # bytes written at once; not for operators
    look_at_certificate: float = 30.0  # seconds between two looks at the store's own certificate; not for operators


_INNER = ("sync_window", "sync_every", "buffer", "look_at_certificate")
_FILES = ("token_file", "tls_cert_file", "tls_key_file", "client_ca_file")
_KEYS = [field.name for field in dataclasses.fields(StoreSettings) if field.name not in _INNER]


def read_settings(path: Path) -> StoreSettings:
    """Raises SettingsError with every mistake, OSError if the file cannot be read."""
    with path.open("rb") as file:
        content = file.read(_MAX_FILE + 1)
    if len(content) > _MAX_FILE:
        raise SettingsError([f"{path}: larger than {_MAX_FILE} bytes: is it the right file?"])
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError([f"{path}: no TOML: {wrong}"]) from wrong
    return _settings(document, path=path, lines=content.decode("utf-8").splitlines())


def _settings(document: dict[str, Any], *, path: Path, lines: list[str]) -> StoreSettings:
    mistakes = [f"{path}: [{section}] is unknown; expected [store]" for section in document if section != "store"]
    table = document.get("store", {})
    if not isinstance(table, dict):
        raise SettingsError([*mistakes, f"{path}: store is to be a table: [store]"])
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = _value(key, value)
        except ValueError as wrong:
            mistakes.append(f"{path}:{_line_of(key, lines)}: store.{key}: {wrong}")
    if mistakes:
        raise SettingsError(mistakes)
    return StoreSettings(**values)


def _line_of(key: str, lines: list[str]) -> int:
    return next((n for n, line in enumerate(lines, 1) if re.match(rf"\s*{re.escape(key)}\s*=", line)), 1)


def _value(key: str, value: object) -> object:
    if key not in _KEYS:
        raise ValueError(f"unknown key; known are {', '.join(_KEYS)}")
    if key in ("max_size", "keep_free"):
        return int(_quantity(value, _UNITS_SIZE, example='"5 GiB"'))
    if key in ("max_unfinished", "max_receiving", "max_connections"):
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
            raise ValueError("expected a whole number from 1 to 100000")
        return value
    if key == "clock":
        if value not in ("synchronised", "as-is"):
            raise ValueError('expected "synchronised" or "as-is"')
        return value
    if key == "listen":
        return parse_listen(value)
    if key in _FILES:
        return _file(value)
    seconds = _positive(_quantity(value, _UNITS_TIME, example='"24 h"'))
    return _of_a_certificate(seconds) if key == "certificates" else seconds


def _file(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("expected the path of a file")
    return Path(value)


def _of_a_certificate(seconds: float) -> float:
    if not _CERTIFICATES[0] <= seconds <= _CERTIFICATES[1]:
        raise ValueError("expected from 1 h to 825 d")
    return seconds


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("expected more than zero")
    return seconds


def _quantity(value: object, units: dict[str, Any], *, example: str) -> float:
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] not in units:
        raise ValueError(f"expected a number with a unit ({', '.join(units)}), such as {example}")
    return float(found[1]) * float(units[found[2]])


def parse_listen(value: object) -> tuple[str, int]:
    """`127.0.0.1:1080`, `[::1]:0` as (address, port). Raises ValueError."""
    wrong = ValueError('expected "ADDRESS:PORT" such as "127.0.0.1:1080" or "[::1]:1080", port 0 for any free one')
    if not isinstance(value, str):
        raise wrong
    host, colon, port = value.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise wrong
    try:
        ip_address(host)
    except ValueError:
        raise wrong from None
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    return ip_address(host).is_loopback
