"""Which settings a reload applies to an agent at work, and which want a restart: the one table, and the words for it.

Why it exists: the reload, the reference and whoever reads a configuration have to say the same. A test holds the table against the
schema: every key is in exactly one of the two.

Rules kept here: pure. A key is live only where all that rests on it can change while pulls, uploads and wipes are under way; where two
keys belong together (an address and its certificate, a store and its pin) both want a restart. What a named file *holds* (a token,
a certificate, the list of cameras, profiles) is read anew in either case.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

How = Literal["live", "restart"]

LIVE: Mapping[str, str] = MappingProxyType(
    {
        "cameras.profiles": "at once; cameras to which something else applies by then are docked anew",
        "pull.parallel": "for the next camera whose turn it is; none that is read is put off",
        "pull.per_controller": "for the next camera whose turn it is; none that is read is put off",
        "spool.keep_free": "for the next copy",
        "spool.keep_confirmed": "for all copies that are still there",
        "upload.parallel": "for the next request; none that is under way is cut",
        "upload.chunk": "for the next request",
        "bandwidth.limit": "at once, also for what is under way",
        "bandwidth.timetable": "at once, also for what is under way",
        "bandwidth.evidential": "at once, also for what is under way",
        "wipe.enabled": "at once: with false no permit is written any more, and one that is in use ends with the lot of files in hand",
        "wipe.grace": "at once: a longer one also for what was about to be deleted",
        "ready.min_battery": "at once",
        "ready.max_clock_offset": "at the next look at a camera's clock",
        "ready.min_room": "for the next camera that goes out",
        "ready.usable_after": "at once",
        "page.allowed_hosts": "for the next question to the page",
        "page.idle": "at once, also for those who are signed in",
        "log.level": "at once",
        "registry.file": "at once",
    }
)
"""Keys that a reload applies, and from when on each of them holds."""

RESTART: Mapping[str, str] = MappingProxyType(
    {
        "station.name": "it goes with what is being sent",
        "station.rack": "it goes with what is being sent",
        "docks.usb": "cameras that are docked would be let go of",
        "docks.folders": "cameras that are docked would be let go of",
        "docks.mount_helper": "it has mounted the cameras that are docked",
        "bays.number": "a camera that is docked is on record under its bay's number",
        "bays.usb_path": "a camera that is docked is on record under its bay's number",
        "spool.path": "copies lie there that the ledger counts on",
        "ledger.path": "it is the record of this run",
        "store.kind": "it is another store",
        "store.url": "it is another store",
        "store.token_file": "the store's adapter is made with it; what the file holds is read anew by itself",
        "store.ca_file": "the store's adapter is made with it; what the file holds is read anew by itself",
        "store.client_cert_file": "the store's adapter is made with it; what the file holds is read anew by itself",
        "store.client_key_file": "the store's adapter is made with it; what the file holds is read anew by itself",
        "store.proxy": "the store's adapter is made with it",
        "store.proxy_auth_file": "the store's adapter is made with it; what the file holds is read anew by itself",
        "store.region": "the store's adapter is made with it",
        "store.object_lock": "the store's adapter is made with it",
        "store.retain_evidential": "the store's adapter is made with it",
        "store.pin": "which store is believed is settled before anything is sent",
        "upload.retry_max": "waits that are written down already are judged by it",
        "page.listen": "browsers are connected to it",
        "page.tls_cert_file": "it belongs to page.listen; what the file holds is read anew by a reload, and by itself",
        "page.tls_key_file": "it belongs to page.listen; what the file holds is read anew by a reload, and by itself",
        "page.plain_http": "it belongs to page.listen",
        "oidc.issuer": "who may come in is settled at the start",
        "oidc.client_id": "who may come in is settled at the start",
        "oidc.client_secret_file": "who may come in is settled at the start; what the file holds is read anew by itself",
        "oidc.ca_file": "who may come in is settled at the start",
        "oidc.scopes": "who may come in is settled at the start",
        "oidc.name_claim": "who may come in is settled at the start",
        "oidc.role_claim": "who may come in is settled at the start",
        "oidc.roles": "who may come in is settled at the start",
        "oidc.sign_in_anew": "who may come in is settled at the start",
        "log.format": "a log is in one form",
        "log.file": "a log goes on where it began; a reload opens the same name anew, so that it can be rotated",
    }
)
"""Keys that want a restart, and why."""


def how(section: str, key: str) -> How:
    """What becomes of a changed key at a reload: "live" or "restart". Raises KeyError for what is no setting."""
    name = f"{section}.{key}"
    if name not in LIVE and name not in RESTART:
        raise KeyError(name)
    return "live" if name in LIVE else "restart"


def words(section: str, key: str) -> str:
    """That, for people, as half a sentence. Raises KeyError for what is no setting.

    >>> words("upload", "chunk")
    'live: for the next request'
    >>> words("ledger", "path")
    'needs a restart: it is the record of this run'
    """
    name = f"{section}.{key}"
    return f"live: {LIVE[name]}" if name in LIVE else f"needs a restart: {RESTART[name]}"
