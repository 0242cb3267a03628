"""Who a dockd store says it is: its well-known document, its keys, and the line of statements by which one key names the next.

A statement is a compact JWS of type `dockd-key+jwt`, signed by the key before: `iss` (the store), `new_key` (thumbprint), `jwk` (the new
key itself). Everything here comes from the network: bounded, and no statement is verified more than once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from joserfc.jwk import OKPKey

from ingest.errors import Garbled, Unproven
from ingest.model import StoreIdentity
from ingest.store import receipts
from ingest.store.answers import plain
from ingest.store.line import origin, shown_origin

WELL_KNOWN = "/.well-known/dockd-store"
_LONGEST_HISTORY = 256


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A well-known document, understood. `keys` by thumbprint, the current one first."""

    store: str
    upload_url: str
    keys: Mapping[str, OKPKey]
    history: tuple[str, ...] = field(default=(), repr=False)
    marks: bool = False

    def identity(self, url: str) -> StoreIdentity:
        """The value that is held against the pin."""
        return StoreIdentity(
            id=self.store, url=url, method="receipt", durable=True, keys=tuple(self.keys),
            publics=tuple(str(key.as_dict(private=False)["x"]) for key in self.keys.values()),
        )  # fmt: skip

    def vouches(self, key: str, pinned: Iterable[str]) -> bool:
        """Whether `key` is one of `pinned`, or named by one of them, or by one that was so named."""
        trusted = {thumbprint: self.keys[thumbprint] for thumbprint in pinned if thumbprint in self.keys}
        waiting = {statement: receipts.signer_of(statement) for statement in self.history}
        while key not in trusted:
            ready = [statement for statement, signer in waiting.items() if signer in trusted]
            if not ready:
                return False
            for statement in ready:
                signer = waiting.pop(statement)
                named = receipts.named_key(statement, trusted[str(signer)], store=self.store)
                if named is not None:
                    trusted[named.thumbprint()] = named
        return True


def understand(body: bytes, *, url: str) -> Announced:
    """Raises Garbled where it is no such document, Unproven where it leads to another server."""
    try:
        said: dict[str, Any] = json.loads(body)
        store, upload, protocol = said["store_id"], said["upload"], said["protocol"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Garbled(f"the store's {WELL_KNOWN} is malformed") from error
    if not isinstance(store, str) or not 0 < len(store) < 256 or not isinstance(upload, str) or protocol != 1:
        raise Garbled(f"the store's {WELL_KNOWN} is of another protocol, or malformed")
    if not store.isprintable():
        raise Garbled(f"the store's id in {WELL_KNOWN} is no plain word")
    if not plain(upload):
        raise Garbled(f"the upload address in the store's {WELL_KNOWN} is no plain text of bounded length")
    try:
        address = urljoin(url, upload)
        elsewhere = origin(address) != origin(url)
    except ValueError as error:
        raise Garbled(f"the upload address in the store's {WELL_KNOWN} is malformed") from error
    if elsewhere:
        raise Unproven(
            f"the store's {WELL_KNOWN} leads to another server, {shown_origin(address)}: that is not followed"
        )
    history = said.get("key_history")
    capabilities = said.get("capabilities")
    statements = [item for item in history if isinstance(item, str)] if isinstance(history, list) else []
    return Announced(
        store=store, upload_url=address, keys=receipts.keys_of(said.get("jwks")), history=tuple(statements[:_LONGEST_HISTORY]),
        marks=isinstance(capabilities, list) and "evidential" in capabilities,
    )  # fmt: skip
