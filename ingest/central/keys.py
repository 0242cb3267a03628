"""The store's identity and the keys that it signs with.

A dock pins a key by its RFC 7638 thumbprint. A key may be replaced: then the old one signs a statement that names the
new one, and a dock that has pinned any key of that chain can follow it.

Rules: private keys never leave `keys/` (0600 in a 0700 folder); the id is drawn once and never changes; old public keys
stay offered, so that old receipts can still be checked; only EdDSA over Ed25519 is signed or accepted.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.refusals import StoreUnusableError
from ingest.clock import rfc3339

_ALGORITHM = "EdDSA"


class _OnlyEdDSA(JWSRegistry):
    """joserfc warns of the name "EdDSA" since RFC 9864 calls it "Ed25519"; the contract, and JWT libraries, say EdDSA."""

    def get_alg(self, name: str) -> Any:
        if name != _ALGORITHM:
            raise ValueError(f"{name!r} is not signed here")
        return self.algorithms[name]


_REGISTRY = _OnlyEdDSA(algorithms=[_ALGORITHM])


@dataclass(frozen=True)
class Identity:
    """Who the store is. `secret` keys the hashes of its tokens."""

    store_id: str
    secret: bytes


def load_identity(layout: Layout, *, disk: Disk, now: float) -> Identity:
    """The store's identity, drawn at its first start. Blocks. Raises StoreUnusableError, OSError."""
    if not layout.identity.exists():
        fresh = {"store_id": str(uuid.uuid4()), "secret": secrets.token_hex(32), "created_at": rfc3339(now)}
        disk.save(layout.identity, json.dumps(fresh).encode("ascii"))
        disk.sync_folder(layout.root)
    try:
        found = json.loads(layout.identity.read_bytes())
        return Identity(str(uuid.UUID(found["store_id"])), bytes.fromhex(found["secret"]))
    except (ValueError, KeyError, TypeError) as damaged:
        raise StoreUnusableError(
            f"{layout.identity} is damaged ({damaged}): put it back from a backup; docks that have pinned this store "
            "trust no other"
        ) from damaged


def present(layout: Layout) -> str:
    """The thumbprint of the current key, as the ring says: nothing is made. Blocks. Raises StoreUnusableError."""
    try:
        current = json.loads((layout.keys / "ring.json").read_bytes())["current"]
    except (OSError, ValueError, KeyError, TypeError) as damaged:
        raise StoreUnusableError(f"the signing keys in {layout.keys} cannot be read ({damaged})") from damaged
    if not isinstance(current, str) or not current.isascii():
        raise StoreUnusableError(f"the signing keys in {layout.keys} are damaged: put them back from a backup")
    return current


class KeyRing:
    """The current key, all public keys, and the chain of statements from the first key to the current one."""

    def __init__(self, layout: Layout, *, disk: Disk, store_id: str) -> None:
        self._layout = layout
        self._disk = disk
        self._store_id = store_id
        self._ring = layout.keys / "ring.json"
        self._current = OKPKey.generate_key("Ed25519")
        self._public: list[dict[str, object]] = []
        self.history: list[str] = []

    def load(self) -> None:
        """Read the keys, or draw the first one. Blocks. Raises StoreUnusableError, OSError."""
        if not self._ring.exists():
            self._save(self._current, history=[], public=[_public(self._current)])
            return
        try:
            found = json.loads(self._ring.read_bytes())
            pem = (self._layout.keys / f"{found['current']}.pem").read_bytes()
            self._current = OKPKey.import_key(pem)
            self._public, self.history = list(found["public"]), [str(s) for s in found["history"]]
            if self._current.thumbprint() != found["current"]:
                raise ValueError("the key is not the one that the ring names")
        except (OSError, ValueError, KeyError, TypeError) as damaged:
            raise StoreUnusableError(
                f"the signing key in {self._layout.keys} cannot be read ({damaged}): put it back from a backup; "
                "docks that have pinned it accept no other"
            ) from damaged

    def rotate(self, *, now: float) -> str:
        """Draw a new key, signed for by the present one. Gives its thumbprint. Blocks. Raises OSError."""
        fresh = OKPKey.generate_key("Ed25519")
        statement = self.sign(
            {"iss": self._store_id, "new_key": fresh.thumbprint(), "jwk": _public(fresh), "at": rfc3339(now)},
            typ="dockd-key+jwt",
        )
        self._save(fresh, history=[*self.history, statement], public=[_public(fresh), *self._public])
        return self.thumbprint

    def _save(self, current: OKPKey, *, history: list[str], public: list[dict[str, object]]) -> None:
        thumbprint = current.thumbprint()
        self._disk.save(self._layout.keys / f"{thumbprint}.pem", current.as_pem(private=True))
        ring = {"current": thumbprint, "public": public, "history": history}
        self._disk.save(self._ring, json.dumps(ring, indent=1).encode("ascii"))
        self._disk.sync_folder(self._layout.keys)
        self._current, self._public, self.history = current, public, history

    @property
    def thumbprint(self) -> str:
        """RFC 7638, of the current key."""
        return self._current.thumbprint()

    def sign(self, claims: Mapping[str, object], *, typ: str = "JWT") -> str:
        """A compact JWS over the claims with the current key."""
        header = {"alg": _ALGORITHM, "kid": self.thumbprint, "typ": typ}
        return jws.serialize_compact(header, json.dumps(claims), self._current, registry=_REGISTRY)

    def jwks(self) -> dict[str, object]:
        """All public keys, the current one first."""
        return {"keys": self._public}


def _public(key: OKPKey) -> dict[str, object]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": _ALGORITHM, "use": "sig"}
