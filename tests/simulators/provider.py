"""An OpenID Connect provider behind the way by which dockd asks one, and what may be wrong with it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

ISSUER = "https://login.example.org/tenant"
CLIENT = "dockd-test-street"


def urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(kw_only=True)
class SimulatedProvider(httpx2.AsyncBaseTransport):
    """An honest one, but for what is set: `discovery`, `claims` and `header` are put over what is right (None: left out), `signer` signs instead."""

    key: ECKey | RSAKey
    issuer: str = ISSUER
    now: float = 1_800_000_000.0
    discovery: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signer: ECKey | RSAKey | OctKey | None = None
    published: list[Any] | None = None
    answers: dict[str, Callable[[], httpx2.Response]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    lets_codes_be_used_again: bool = False
    asked: list[httpx2.Request] = field(default_factory=list)

    def signs_in(self, url: str) -> dict[str, str]:
        """What the browser that was sent to `url` comes back with."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        path = request.url.path
        if path in self.answers:
            return self.answers[path]()
        if path.endswith("/.well-known/openid-configuration"):
            return answered(self._discovery())
        if path.endswith("/keys"):
            listed = self.published if self.published is not None else [self.key.as_dict(private=False)]
            return answered({"keys": listed})
        if path.endswith("/token"):
            return self._token(request)
        return httpx2.Response(404)

    def _discovery(self) -> dict[str, Any]:
        right = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip
        return over(right, self.discovery)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        begun = self.codes.get(form["code"]) if self.lets_codes_be_used_again else self.codes.pop(form["code"], None)
        if begun is None or begun["redirect_uri"] != form["redirect_uri"]:
            return answered({"error": "invalid_grant"}, status=400)
        if begun["code_challenge"] != urlsafe(hashlib.sha256(form["code_verifier"].encode()).digest()):
            return answered({"error": "invalid_grant"}, status=400)
        return answered({"access_token": "an-access-token", "token_type": "Bearer", "id_token": self.id_token(begun)})

    def id_token(self, begun: Mapping[str, str]) -> str:
        """The ID token for what a browser was sent with."""
        digest = hashlib.sha256(b"an-access-token").digest()
        right = {
            "iss": self.issuer, "sub": "4711", "aud": CLIENT, "iat": int(self.now), "exp": int(self.now) + 300, "nonce": begun["nonce"],
            "at_hash": urlsafe(digest[:16]), "preferred_username": "k.jones", "roles": ["bwc-sergeants"],
        }  # fmt: skip
        claims = over(right, self.claims)
        header = over({"alg": "ES256", "kid": self.key.as_dict().get("kid")}, self.header)
        if header["alg"] == "none":
            return f"{urlsafe(json.dumps(header).encode())}.{urlsafe(json.dumps(claims).encode())}."
        made_up = {"made-up": HeaderParameter("what nobody else knows", "str")}
        registry = JWSRegistry(made_up, algorithms=[header["alg"]], strict_check_header=False)
        return jwt.encode(header, claims, self.signer or self.key, registry=registry)


def over(right: dict[str, Any], wrong: Mapping[str, Any]) -> dict[str, Any]:
    """What is right, with what is wrong put over it; None leaves it out."""
    return {name: value for name, value in {**right, **wrong}.items() if value is not None}


def answered(document: Any, *, status: int = 200, **headers: str) -> httpx2.Response:
    """JSON."""
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=json.dumps(document).encode(), headers=sent)
