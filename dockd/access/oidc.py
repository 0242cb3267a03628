"""Signing in at the force's own OpenID Connect provider: the authorization code flow with PKCE.

Rules kept here: what a sign-in was begun with (state, nonce, PKCE's verifier, the address to come back to) is sealed into that browser's own short-lived
cookie, with a key that lives as long as this process: nobody else's browser can end it, and nothing is kept for those who never come back. The answer is
held against it before the provider is asked anything, and against the issuer, where it names one (mix-up, RFC 9207). Each ends once, before its code is
sent: whoever has no account has begun one as easily as whoever has, and costs the provider one question for it, and few from one address.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.client import OAuth2Client
from cryptography.fernet import Fernet, InvalidToken

from dockd.access.id_token import Expected, NotLetIn, UnknownKey, Why, checked, name_of, role_of, subject_of
from dockd.access.provider import Metadata, Provider, word_of
from dockd.access.roles import Role
from dockd.access.tries import Tries
from dockd.settings.schema import OidcSettings
from ingest.clock import Clock

LONGEST = 600  # seconds that somebody may take at the provider
_LONGEST_CODE = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """`url`: where the browser goes. `sealed`: what it keeps in a cookie until it is back."""

    url: str
    sealed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """Who somebody is, proven. `subject`: by which the provider knows them for good; `onward`: where they wanted to go."""

    name: str
    role: Role
    subject: str
    onward: str


class Oidc:
    """Sign-ins at one provider."""

    def __init__(self, settings: OidcSettings, *, provider: Provider, clock: Clock) -> None:
        self._settings = settings
        self._provider = provider
        self._clock = clock
        self._seal = Fernet(Fernet.generate_key())
        self._ended: dict[str, float] = {}
        self._tries = Tries()

    async def begin(self, *, back: str, onward: str) -> Begun:
        """Send a browser to the provider, which sends it to `back`. Raises NotLetIn (away, unproven)."""
        metadata = await self._provider.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        client = OAuth2Client(
            None, client_id=self._provider.client_id, redirect_uri=back, scope=" ".join(self._settings.scopes), code_challenge_method="S256"
        )  # fmt: skip
        prompt = "login" if self._settings.sign_in_anew else None
        url, _state = client.create_authorization_url(
            metadata.authorize, state=state, nonce=nonce, code_verifier=verifier, prompt=prompt
        )
        now = self._clock.now()
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "back": back, "onward": onward, "begun": now}
        sealed = self._seal.encrypt_at_time(json.dumps(kept).encode("ascii"), int(now))
        return Begun(url=url, sealed=sealed.decode("ascii"))

    async def end(self, *, sealed: str, answer: Mapping[str, str], address: str) -> SignedIn:
        """Who has come back from `address`, with `answer` in the page's and `sealed` in the cookie. Raises NotLetIn."""
        kept = self._unsealed(sealed)
        if not _equal(answer.get("state", ""), kept["state"]):
            raise NotLetIn(
                "stale", "somebody came back from the provider with a state that their browser had not begun"
            )
        metadata = await self._provider.metadata()
        issuer = self._provider.issuer
        if answer.get("iss", "" if metadata.says_issuer else issuer) != issuer:
            raise NotLetIn("unproven", "somebody came back with the answer of another provider")
        if "error" in answer:
            raise NotLetIn("refused", f"the provider says {word_of(answer['error'])}")
        code = answer.get("code", "")
        if not code or len(code) > _LONGEST_CODE or not (code.isascii() and code.isprintable()):
            raise NotLetIn("unproven", "somebody came back from the provider without a code")
        self._let_ask(kept["state"], address)
        claims = await self._claims(metadata, code, kept)
        settings = self._settings
        found = SignedIn(
            name=name_of(claims, claim=settings.name_claim), role=role_of(claims, claim=settings.role_claim, roles=settings.roles or ()),
            subject=subject_of(claims), onward=kept["onward"],
        )  # fmt: skip
        self._tries.give_back(address, now=self._boot())
        return found

    def _let_ask(self, state: str, address: str) -> None:
        """From now on this sign-in has been, and this address has brought a code. Raises NotLetIn where the provider is not to be asked."""
        self._provider.see_room()
        if not self._tries.take(address, now=self._boot()):
            raise NotLetIn("often", "too many came back from the provider from one address with what was no code")
        self._end(state)

    def _boot(self) -> float:
        return self._clock.boottime_ns() / 1e9

    async def _claims(self, metadata: Metadata, code: str, kept: Mapping[str, Any]) -> dict[str, Any]:
        provider = self._provider
        text, access_token = await provider.tokens(metadata, code=code, verifier=kept["verifier"], back=kept["back"])
        expected = Expected(
            issuer=provider.issuer, client_id=provider.client_id, nonce=kept["nonce"], begun=kept["begun"], anew=self._settings.sign_in_anew
        )  # fmt: skip
        now = self._clock.now()
        try:
            return checked(
                text, keys=await provider.keys(metadata), expected=expected, access_token=access_token, now=now
            )
        except UnknownKey:
            keys = await provider.keys(metadata, another=True)
        try:
            return checked(text, keys=keys, expected=expected, access_token=access_token, now=now)
        except UnknownKey:
            raise NotLetIn("unproven", "the provider's ID token is signed by a key that it does not publish") from None

    def _unsealed(self, sealed: str) -> dict[str, Any]:
        try:
            text = self._seal.decrypt_at_time(sealed.encode("utf-8", "replace"), LONGEST, int(self._clock.now()))
        except InvalidToken:
            raise NotLetIn(
                "stale", "somebody came back from the provider whose browser had not begun it, or too long ago"
            ) from None
        found: dict[str, Any] = json.loads(text)
        if found["state"] in self._ended:
            raise NotLetIn("stale", "somebody came back from the provider a second time with one answer")
        return found

    def _end(self, state: str) -> None:
        """From now on this sign-in has been. Raises NotLetIn where it has been before."""
        now = self._clock.now()
        if state in self._ended:
            raise NotLetIn("stale", "somebody came back from the provider a second time with one answer")
        self._ended = {one: at for one, at in self._ended.items() if abs(now - at) <= 2 * LONGEST}
        self._ended[state] = now


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


__all__ = ["LONGEST", "Begun", "NotLetIn", "Oidc", "Provider", "SignedIn", "Why"]
