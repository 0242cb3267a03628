"""What an OpenID Connect provider is asked: what it is, its keys, and a token for a code.

Rules kept here: what comes is hostile (bounded in size and time, no redirects, no compression, no proxy of the environment, the site's own authorities
where it names some); it is the one issuer that the site has named, letter for letter; whatever it names is asked over TLS, or on this machine; the
client's secret is read when it is used, sent to the token endpoint alone, and never logged.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote_plus

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.auth import encode_client_secret_basic
from joserfc.jwk import ECKey, RSAKey

from dockd.access.id_token import NotLetIn, keys_of
from dockd.settings.addresses import is_private_way, parse_url
from dockd.settings.mistakes import WrongValue
from dockd.settings.schema import OidcSettings

PATIENCE = 10.0  # seconds for all that is asked at a time; waiting for a turn is not asking
LARGEST = 256 << 10  # bytes of an answer
_KEPT = 3600.0  # seconds for which a discovery document and a key set are believed
_AGAIN = 30.0  # seconds between two looks for a key that is not known
_CALM = 3.0  # seconds for which a provider that was away is not asked again
AT_ONCE = 4  # codes that are asked about
MOST_WAITING = 16  # for a turn
_LARGEST_SECRET = 4096
_WELL_KNOWN = "/.well-known/openid-configuration"

Keys = tuple[RSAKey | ECKey, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What the provider says of itself. `basic`: the client's secret goes into a header; `says_issuer`: its answers name it (RFC 9207)."""

    authorize: str
    token: str
    jwks: str
    basic: bool
    says_issuer: bool


class Provider:
    """One provider. `transport` makes the way to it, for one question each; left out: sockets."""

    def __init__(
        self, settings: OidcSettings, *, transport: Callable[[], httpx2.AsyncBaseTransport] | None = None
    ) -> None:
        self.issuer = settings.issuer or ""
        self.client_id = settings.client_id or ""
        self._settings = settings
        self._transport = transport
        self._tls: ssl.SSLContext | None = None
        self._patience = PATIENCE
        self._few = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._one = asyncio.Lock()
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[Keys, float] | None = None
        self._away: tuple[NotLetIn, float] | None = None

    async def metadata(self) -> Metadata:
        """Its discovery document, at most an hour old. Raises NotLetIn."""
        async with self._one:
            if self._away is not None and time.monotonic() - self._away[1] < _CALM:
                raise self._away[0]
            if self._metadata is None or time.monotonic() - self._metadata[1] > _KEPT:
                try:
                    found = await self._asked(self._discover)
                except NotLetIn as away:
                    self._away = away, time.monotonic()
                    raise
                self._metadata = found, time.monotonic()
            return self._metadata[0]

    async def keys(self, metadata: Metadata, *, another: bool = False) -> Keys:
        """The keys that it signs with, at most an hour old; `another`: one is looked for that is not among them. Raises NotLetIn."""
        async with self._one:
            age = time.monotonic() - self._keys[1] if self._keys is not None else _KEPT + 1
            if self._keys is None or age > (_AGAIN if another else _KEPT):
                found = await self._asked(lambda client: _document(client, metadata.jwks, what="key set"))
                self._keys = keys_of(found), time.monotonic()
            return self._keys[0]

    def see_room(self) -> None:
        """Raises NotLetIn where one more code would wait for too long."""
        if self._waiting >= MOST_WAITING:
            raise NotLetIn("busy", f"{self._waiting} who came back from the provider wait for their turn already")

    async def tokens(self, metadata: Metadata, *, code: str, verifier: str, back: str) -> tuple[str, str]:
        """ID token and access token for a code. Raises NotLetIn."""

        async def ask(client: AsyncOAuth2Client) -> tuple[str, str]:
            auth = client.client_auth(await self._way_of_saying_who(client, metadata))
            try:
                found = await client.fetch_token(
                    metadata.token, grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=back, auth=auth
                )  # fmt: skip
            except (TypeError, OverflowError) as error:  # numbers that are none, in the library's own reading
                raise NotLetIn("unproven", "the provider sent something else for a code than tokens") from error
            id_token, access_token = found.get("id_token"), found.get("access_token")
            if not isinstance(id_token, str) or not isinstance(access_token, str) or not access_token.isascii():
                raise NotLetIn("unproven", "the provider sent no ID token for a code")
            return id_token, access_token

        self.see_room()
        self._waiting += 1
        try:
            await self._few.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._asked(ask)
        finally:
            self._few.release()

    # -- how it is asked ------------------------------------------------------------------------------------------------

    async def _asked(self, ask: Callable[[AsyncOAuth2Client], Awaitable[_T]]) -> _T:
        try:
            async with asyncio.timeout(self._patience), await self._client() as client:
                return await ask(client)
        except TimeoutError as error:
            raise NotLetIn("away", f"{self.issuer} does not answer within {self._patience:.0f} s") from error
        except OAuthError as error:
            raise NotLetIn("refused", f"{self.issuer} refuses the code of a sign-in: {word_of(error.error)}") from error
        except httpx2.HTTPStatusError as error:
            raise NotLetIn("away", f"{self.issuer} answers {error.response.status_code}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise NotLetIn("away", f"{self.issuer} cannot be reached: {plainly(error)}") from error
        except (ValueError, RecursionError) as error:
            raise NotLetIn("away", f"{self.issuer} sends what cannot be understood") from error

    async def _client(self) -> AsyncOAuth2Client:
        client = AsyncOAuth2Client(
            client_id=self.client_id, code_challenge_method="S256", transport=_Bounded(await self._way()), trust_env=False,
            follow_redirects=False, timeout=httpx2.Timeout(PATIENCE / 2), headers={"Accept-Encoding": "identity"},
        )  # fmt: skip
        client.register_compliance_hook("access_token_response", _whole)
        return client

    async def _way(self) -> httpx2.AsyncBaseTransport:
        if self._transport is not None:
            return self._transport()
        if self._tls is None:
            self._tls = await asyncio.to_thread(_tls, self._settings)
        return httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)

    async def _discover(self, client: AsyncOAuth2Client) -> Metadata:
        found = await _document(client, self.issuer.rstrip("/") + _WELL_KNOWN, what="discovery document")
        if not isinstance(found, dict) or found.get("issuer") != self.issuer:
            raise NotLetIn(
                "unproven",
                f"{self.issuer} calls itself another issuer: write oidc.issuer as its discovery document has it",
            )
        ways = _words(found, "token_endpoint_auth_methods_supported", "client_secret_basic")
        if "S256" not in _words(found, "code_challenge_methods_supported", "S256"):
            raise NotLetIn("unproven", f"{self.issuer} knows no PKCE with S256")
        return Metadata(
            authorize=_endpoint(found, "authorization_endpoint"), token=_endpoint(found, "token_endpoint"), jwks=_endpoint(found, "jwks_uri"),
            basic="client_secret_basic" in ways, says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        )  # fmt: skip

    async def _way_of_saying_who(self, client: AsyncOAuth2Client, metadata: Metadata) -> Any:
        file = self._settings.client_secret_file
        if file is None:
            return "none"
        client.client_secret = await asyncio.to_thread(_secret, file)
        return _basic if metadata.basic else "client_secret_post"


def _basic(auth: Any, method: str, uri: str, headers: Any, body: Any) -> Any:
    """RFC 6749, 2.3.1: each is written as in a form before both are joined."""
    auth.client_id, auth.client_secret = quote_plus(auth.client_id), quote_plus(auth.client_secret)
    return encode_client_secret_basic(auth, method, uri, headers, body)


def _whole(response: httpx2.Response) -> httpx2.Response:
    """A token is a 200's; 400 and 401 say why there is none."""
    if response.status_code not in (200, 400, 401):
        raise NotLetIn("away", f"the provider's token endpoint answers {response.status_code}")
    return response


async def _document(client: AsyncOAuth2Client, url: str, *, what: str) -> Any:
    answer = await client.request("GET", url, withhold_token=True)
    if answer.status_code != 200:
        raise NotLetIn("away", f"the provider answers {answer.status_code} where its {what} should be")
    return answer.json()


def _endpoint(document: dict[str, Any], name: str) -> str:
    """An address that the provider names. Raises NotLetIn where it would be asked in clear."""
    url = document.get(name)
    if not isinstance(url, str):
        raise NotLetIn("unproven", f"the provider's discovery document has no {name}")
    try:
        parse_url(url.partition("?")[0])
    except WrongValue as wrong:
        raise NotLetIn("unproven", f"the provider's {name} {wrong.message}") from wrong
    if not is_private_way(url) or not (url.isascii() and url.isprintable()) or "#" in url:
        raise NotLetIn("unproven", f"the provider's {name} would be asked over the network in clear")
    return url


def _words(document: dict[str, Any], name: str, usual: str) -> list[Any]:
    """A list of the discovery document; what is usual, where there is none."""
    found = document.get(name, [usual])
    return found if isinstance(found, list) else []


def _see_that_it_is_a_file(path: Path) -> None:
    """A FIFO would be waited for. Raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is not a regular file")


def _tls(settings: OidcSettings) -> ssl.SSLContext:
    try:
        if settings.ca_file is not None:
            _see_that_it_is_a_file(settings.ca_file)
        return ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise NotLetIn(
            "away", f"oidc.ca_file: {settings.ca_file} holds no PEM certificates that can be read: {plainly(error)}"
        ) from error


def _secret(file: Path) -> str:
    """The first line of the client's secret's file. Read at each use, so that a new secret needs no restart."""
    try:
        _see_that_it_is_a_file(file)
        with file.open("rb") as opened:
            line = opened.read(_LARGEST_SECRET).partition(b"\n")[0].decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotLetIn("away", f"oidc.client_secret_file: {file} cannot be read: {plainly(error)}") from error
    if not line:
        raise NotLetIn("away", f"oidc.client_secret_file: {file} is empty")
    return line


class _Bounded(httpx2.AsyncBaseTransport):
    """No answer is larger than is looked at, nor unpacks to more."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            await answer.aclose()
            raise NotLetIn("away", "the provider sends what is compressed, though it was asked not to")
        stream = _BoundedStream(cast("httpx2.AsyncByteStream", answer.stream))
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > LARGEST:
                raise NotLetIn("away", f"the provider sends more than {LARGEST >> 10} KiB")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def word_of(text: object) -> str:
    """What the provider calls an error, fit for a log: RFC 6749 has it printable ASCII."""
    return (
        "".join(one for one in str(text) if one.isascii() and (one.isalnum() or one in "_-."))[:60] or "no word for it"
    )


def plainly(error: Exception) -> str:
    """An error of the way, printable and short."""
    return "".join(one if one.isprintable() else " " for one in str(error) or type(error).__name__)[:200]
