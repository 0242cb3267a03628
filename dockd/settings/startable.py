"""What is wrong in a configuration that dockd can work with all the same: a mistake to `dockd check-config` and to a reload, and no reason to stay down.

Why it exists: an agent that does not start copies nothing, so a start goes on with these, does not follow what is wrong, and says so; whoever changes
a configuration hears of them before. Rules kept here: nothing of what a secret's file holds is repeated; what could not be read is told of once. The list
of cameras is told of by its own reader (`dockd.profiles.registry_checks`).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.settings.bay_paths import wrong_bays
from dockd.settings.filesystem import sign_in_files
from dockd.settings.mistakes import Mistake, shown
from dockd.settings.reading import Reading
from dockd.settings.secret_forms import wrong_secrets

_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_LARGEST = 1 << 20
_KIND_KEYS = ("store.kind", "DOCKD__STORE__KIND")


@dataclass(frozen=True, kw_only=True)
class Startable:
    """`values` stand in the configuration itself; `files` are what it names, to be believed or to come in with."""

    values: tuple[Mistake, ...]
    files: tuple[Mistake, ...]

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All of them."""
        return (*self.values, *self.files)


def startable(reading: Reading) -> Startable:
    """Every such mistake. Blocks. Raises nothing."""
    told = {mistake.key for mistake in reading.mistakes}
    kind_known = not told & set(_KIND_KEYS)  # what a pin and a secret have to look like depends on it
    values = [*wrong_bays(reading)[0], *(_wrong_pin(reading) if kind_known else ())]
    files = [*(wrong_secrets(reading) if kind_known else ()), *sign_in_files(reading), *_wrong_authority(reading)]
    return Startable(values=tuple(values), files=tuple(one for one in files if one.key not in told))


def _wrong_pin(reading: Reading) -> Iterator[Mistake]:
    store = reading.settings.store
    if store.pin is None or _THUMBPRINT.fullmatch(store.pin):
        return
    if store.kind != "tus":
        if not store.pin.startswith(f"{store.kind}:"):
            wanted = f'the id of that store as `dockd status --json` shows it, which begins with "{store.kind}:"'
            yield reading.origin("store", "pin").mistake(
                f"{shown(store.pin)} is the id of no store of this kind", wanted
            )
    elif not store.pin.startswith("tus:"):
        why = f"{shown(store.pin)} is no key's thumbprint: it has {len(store.pin)} characters"
        wanted = '43 letters, digits, "-" and "_", as `dockd store docks` shows it on the store (of a tus server that has no key: "tus:" and its address)'
        yield reading.origin("store", "pin").mistake(why, wanted)


def _wrong_authority(reading: Reading) -> Iterator[Mistake]:
    file = reading.settings.oidc.ca_file
    if file is not None and (why := _no_authorities(file)):
        yield reading.origin("oidc", "ca_file").mistake(f"{file} {why}", "PEM certificates of authorities")


def _no_authorities(file: Path) -> str:
    """Why nobody can be believed by what is in this file, "" where somebody can; "" where it cannot be read, too. Blocks."""
    try:
        if not file.is_file():
            return ""
        if file.stat().st_size == 0:
            return ""  # told of already
        if file.stat().st_size > _LARGEST:
            return "is larger than 1 MiB"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        return "holds no PEM certificates that can be read"
    except OSError:
        return ""
    return ""
