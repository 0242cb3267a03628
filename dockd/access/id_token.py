"""What an ID token must say before anybody is let in by it, and what it makes of them. Pure: no network, no clock.

Rules kept here (OpenID Connect Core 3.1.3.7): only signatures by public key are looked at, `none` and shared secrets never; the token is from the
issuer, for this dock, of this one sign-in (nonce), not over and not of the future; where it names who it was made for (azp), the access token beside it
(at_hash) or when the password was given (auth_time), that holds too; a role is what the site has mapped, and nothing where it has mapped nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from dockd.access.roles import ROLES, Role
from ingest.errors import DockdError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY = 60  # seconds by which the two clocks may differ
_MOST_KEYS = 64
_LEAST_RSA_BITS = 2048
_LONGEST_TOKEN = 64 << 10
_LONGEST_NAME = 100
_MOST_WORDS = 2000
_PARTS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}

# stale: this browser has not begun it, or too long ago. refused: the provider said no. away: it cannot be asked. unproven: what it sent does not hold.
# often, busy: it was not asked. no_role, too_many_groups, no_name: it is proven who they are, and they may not come in.
Why = Literal["stale", "refused", "away", "unproven", "often", "busy", "no_role", "too_many_groups", "no_name"]


class NotLetIn(DockdError):
    """Nobody is let in. `why` in a word, for the page; the message is for the log, and has no secret in it."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


class UnknownKey(Exception):
    """The token names a key that is not among those known: the provider may have a new one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What this one sign-in was begun with. `begun`: when; `anew`: the provider was to ask for the password again."""

    issuer: str
    client_id: str
    nonce: str
    begun: float
    anew: bool


class _Signatures(JWSRegistry):
    """Long enough for a header with a chain of certificates in it."""

    max_header_length = 16 << 10


_REGISTRY = _Signatures(algorithms=ALGORITHMS, strict_check_header=False)


def keys_of(document: Any) -> tuple[RSAKey | ECKey, ...]:
    """The public keys of a JWK set that may sign here; what is of another kind is passed over. Raises NotLetIn where none is left."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: list[RSAKey | ECKey] = []
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        key = _key_of(entry)
        if key is not None:
            found.append(key)
    if not found:
        raise NotLetIn("unproven", "the provider's key set has no RSA or EC key in it that signs")
    return tuple(found)


def _key_of(entry: Any) -> RSAKey | ECKey | None:
    kty = entry.get("kty") if isinstance(entry, dict) else None
    if kty not in _PARTS or entry.get("use", "sig") != "sig":
        return None
    taken = {"kty": kty} | {
        name: entry[name] for name in (*_PARTS[kty], "kid", "alg") if isinstance(entry.get(name), str)
    }
    try:
        if kty == "EC":
            return ECKey.import_key(taken)
        long_enough = len(taken.get("n", "")) * 6 >= _LEAST_RSA_BITS
        return RSAKey.import_key(taken) if long_enough else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def checked(
    text: str, *, keys: Sequence[RSAKey | ECKey], expected: Expected, access_token: str, now: float
) -> dict[str, Any]:
    """The claims of an ID token that holds. Raises NotLetIn, UnknownKey."""
    header, claims = _opened(text, keys)
    token = CodeIDToken(
        claims,
        header,
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
        },
        params={"nonce": expected.nonce, "client_id": expected.client_id, "access_token": access_token},
    )
    try:
        token.validate(now=int(now), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError, OverflowError) as wrong:
        raise NotLetIn("unproven", f"the provider's ID token does not hold: {_plainly(wrong)}") from wrong
    given = claims.get("auth_time")
    if given is not None and (isinstance(given, bool) or not isinstance(given, (int, float))):
        raise NotLetIn("unproven", "the provider's ID token says when the password was asked for by what is no time")
    if expected.anew and given is not None and not given >= expected.begun - LEEWAY:
        raise NotLetIn("unproven", "the provider did not ask for the password anew, as it was told to")
    return claims


def _opened(text: str, keys: Sequence[RSAKey | ECKey]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, if one of these keys has signed them."""
    header = _header_of(text)
    if header.get("alg") not in ALGORITHMS:
        raise NotLetIn(
            "unproven", f"the provider's ID token is signed by {str(header.get('alg'))[:20]!r}, which is not taken"
        )
    for key in _candidates(header, keys):
        try:
            found = jwt.decode(text, key, registry=_REGISTRY)
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
        return dict(found.header), found.claims
    raise NotLetIn("unproven", "the provider's ID token is not signed by any of its keys")


def _candidates(header: Mapping[str, Any], keys: Sequence[RSAKey | ECKey]) -> list[RSAKey | ECKey]:
    kty = "EC" if str(header["alg"]).startswith("ES") else "RSA"
    fitting = [key for key in keys if key.key_type == kty and key.as_dict().get("alg") in (None, header["alg"])]
    kid = header.get("kid")
    named = [key for key in fitting if kid is None or key.as_dict().get("kid") == kid]
    if not named:
        raise UnknownKey
    return named


def _header_of(text: str) -> dict[str, Any]:
    """Unverified: it only says which key to try."""
    head = text[:_LONGEST_TOKEN].partition(".")[0]
    try:
        if len(text) > _LONGEST_TOKEN or not text.isascii():
            raise ValueError
        said = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        if not isinstance(said, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise NotLetIn("unproven", "what the provider sent as an ID token is none") from None
    return said


def role_of(claims: Mapping[str, Any], *, claim: str, roles: Sequence[tuple[str, Role]]) -> Role:
    """The highest role that the site has mapped to what the provider says of them. Raises NotLetIn."""
    found = _said_in(claims, claim)
    words = [found] if isinstance(found, str) else found[:_MOST_WORDS] if isinstance(found, list) else []
    mapped = [role for word, role in roles if word in words]
    if mapped:
        return max(mapped, key=ROLES.index)
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, dict) and claim in elsewhere:
        raise NotLetIn(
            "too_many_groups",
            f"the provider leaves out {claim}, as there are too many of them for one token: have it send app roles",
        )
    raise NotLetIn("no_role", f"nothing in the claim {claim} is one of oidc.roles")


def name_of(claims: Mapping[str, Any], *, claim: str) -> str:
    """What they are called. Raises NotLetIn where the provider gives no name that can be shown and written down."""
    found = _said_in(claims, claim)
    if not isinstance(found, str) or not found.strip() or not found.isprintable() or len(found) > _LONGEST_NAME:
        raise NotLetIn("no_name", f"the provider's ID token has no name in the claim {claim}")
    return found.strip()


def subject_of(claims: Mapping[str, Any]) -> str:
    """By what the provider knows them for good (OpenID Connect Core 2: ASCII, at most 255 characters). Raises NotLetIn."""
    found = claims["sub"]
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or not 0 < len(found) <= 255:
        raise NotLetIn("unproven", "the provider's ID token has a subject that is none")
    return found


def _said_in(claims: Mapping[str, Any], claim: str) -> Any:
    """
    >>> _said_in({"realm_access": {"roles": ["a"]}}, "realm_access.roles"), _said_in({"https://a.b/c": 1}, "https://a.b/c")
    (['a'], 1)
    """
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _plainly(error: Exception) -> str:
    """As the library says it, printable and short."""
    return "".join(one if one.isprintable() else " " for one in str(error))[:200]
