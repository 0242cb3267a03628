"""Reading what a store signs: receipts (compact JWS, EdDSA) and its public keys (JWK set). Parsed, checked against a key, not believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from ingest.errors import Garbled
from ingest.model import Claim, Head, is_sha256

LARGEST_RECEIPT = 64 << 10
KEY_STATEMENT = "dockd-key+jwt"
_MOST_KEYS = 256
_ALGORITHMS = ["EdDSA", "Ed25519"]


class _Ed25519Alone(JWSRegistry):
    """The protocol says EdDSA (RFC 8037), of which joserfc warns since RFC 9864 calls it Ed25519: both are taken, and nothing else is."""

    def get_alg(self, name: str) -> Any:
        if name not in _ALGORITHMS:
            raise ValueError(f"{name!r} is not taken here")
        return self.algorithms[name]


_REGISTRY = _Ed25519Alone(algorithms=_ALGORITHMS)


def keys_of(jwks: Any) -> dict[str, OKPKey]:
    """Ed25519 public keys by RFC 7638 thumbprint. Raises Garbled where it is no JWK set with at least one."""
    found: dict[str, OKPKey] = {}
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if isinstance(listed, list) and len(listed) > _MOST_KEYS:
        raise Garbled(f"the store announces {len(listed)} keys: at most {_MOST_KEYS} are looked at")
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
            continue
        try:
            key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": str(entry.get("x"))})
            found[key.thumbprint()] = key
        except (JoseError, ValueError, TypeError) as error:
            raise Garbled(f"the store's key cannot be read: {error}") from error
    if not found:
        raise Garbled("the store announces receipts, but no Ed25519 key that could have signed them")
    return found


def verified(text: str, keys: Mapping[str, OKPKey]) -> tuple[dict[str, Any], str]:
    """The payload of a compact JWS and the thumbprint of the key that signed it. Raises Garbled."""
    named = signer_of(text)
    tried = {named: keys[named]} if named is not None and named in keys else keys
    for thumbprint, key in tried.items():
        found = _opened(text, key)
        if found is not None and found[0].get("typ") != KEY_STATEMENT:
            return found[1], thumbprint
    raise Garbled("what the store calls a receipt is not signed by any of its keys")


def statement(text: str, keys: Mapping[str, OKPKey], *, typ: str) -> tuple[dict[str, Any], str]:
    """The same for what a store signs of another kind than a receipt: `typ` says which, and nothing of another type passes for it. Raises Garbled."""
    named = signer_of(text)
    found = _opened(text, keys[named]) if named is not None and named in keys else None
    if named is None or found is None or found[0].get("typ") != typ:
        raise Garbled(f"what the store calls {typ} is not signed by any of its keys")
    return found[1], named


def _opened(text: str, key: OKPKey) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and payload, if this key has signed them."""
    try:
        found = jws.deserialize_compact(text, key, registry=_REGISTRY)
        payload = json.loads(found.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return (dict(found.headers()), payload) if isinstance(payload, dict) else None


def signer_of(text: str) -> str | None:
    """The `kid` that a compact JWS names, unverified: it only says which key to try."""
    head = text.partition(".")[0]
    try:
        said = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return None
    kid = said.get("kid") if isinstance(said, dict) else None
    return kid if isinstance(kid, str) else None


def named_key(text: str, signer: OKPKey, *, store: str) -> OKPKey | None:
    """The key that a statement of this store, signed by `signer`, names as the next; None where it is no such statement."""
    found = _opened(text, signer)
    if found is None or found[0].get("typ") != KEY_STATEMENT or found[1].get("iss") != store:
        return None
    try:
        named = keys_of({"keys": [found[1].get("jwk")]})
    except Garbled:
        return None
    return named.get(str(found[1].get("new_key")))


def claim_of(text: str, keys: Mapping[str, OKPKey]) -> Claim:
    """The claim in a signed receipt. Raises Garbled where it is not signed, or does not say what a receipt says."""
    said, key = verified(text, keys)
    size, digest = said.get("size"), said.get("sha256")
    texts = {name: said.get(name) for name in ("iss", "sub", "stored_at", "attested_at")}
    if not (isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 63 and is_sha256(digest)):
        raise Garbled("the store's receipt does not say which bytes it is for")
    if not all(isinstance(value, str) and len(value) < 1024 and value.isprintable() for value in texts.values()):
        raise Garbled("the store's receipt does not say whose it is, of what object and when")
    if not all(said.get(name) is None or isinstance(said.get(name), str) for name in ("segment", "camera", "nonce")):
        raise Garbled("the store's receipt is malformed")
    return Claim(
        method="receipt", store=str(texts["iss"]), object=str(texts["sub"]), size=size, sha256=str(digest), key=key,
        stored_at=str(texts["stored_at"]), attested_at=str(texts["attested_at"]), durable=said.get("durable") is True,
        head=_head(said), number=_number(said), raw=text, segment=said.get("segment"), camera=said.get("camera"), nonce=said.get("nonce"),
    )  # fmt: skip


def _number(said: dict[str, Any]) -> int | None:
    number = said.get("number")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 63 else None


def _head(said: dict[str, Any]) -> Head | None:
    seq, head = said.get("seq"), said.get("head")
    if isinstance(seq, int) and not isinstance(seq, bool) and is_sha256(head):
        return Head(seq=seq, hash=str(head))
    return None
