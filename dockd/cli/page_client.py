"""Asking the page of an agent: over HTTP or HTTPS, with a token where the agent has users.

Rules kept here: no proxy is asked, no redirect followed (a token would go where it should not); what answers is bounded; a token is read from a file, and
never printed; whoever is refused is told what to do.
"""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import BadStatusLine, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from dockd.cli.common_options import fail
from dockd.ops import page_address
from dockd.settings.mistakes import printable

LARGEST = 16 << 20
PATIENCE = 5.0
_LONGEST_TOKEN = 4096
_LONGEST_WORD = 1000
_PAGE = ("page.listen", "page.tls_cert_file", "page.allowed_hosts")
_VOUCHED_FOR_BY_NOBODY = (
    2,
    18,
    19,
    20,
    21,
)  # X509_V_ERR: no issuer, self-signed (alone, or in its chain), no issuer here, not verified at all
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
HOW = "The agent has users: make a token with `dockd token create --role viewer`, keep it in a file, and name that file by --token-file"


class NotReachable(Exception):
    """The agent does not answer; the text says how."""


class Refused(NotReachable):
    """Something answers there, and not as is asked; the text says what it says, or what to do."""


class NotLetIn(Exception):
    """The agent answers, and not this asker; the text says what to do."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class PageClient:
    """`base` without a slash at its end; `token` empty: none is shown; `ca_file`: who vouches for the agent's certificate, beside the machine's own list."""

    base: str
    token: str = field(default="", repr=False)
    ca_file: Path | None = None

    def get(self, path: str) -> Any:
        """The document there. Raises NotReachable, Refused, NotLetIn."""
        return self.send(path, None)

    def send(self, path: str, document: dict[str, Any] | None) -> Any:
        """The answer to a document that is posted; None asks for what is there. Raises NotReachable, Refused, NotLetIn, urllib.error.HTTPError (refused otherwise)."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(document).encode("ascii")
        try:
            handlers = (
                urllib.request.ProxyHandler({}),
                _NoRedirects(),
                urllib.request.HTTPSHandler(context=self._tls()),
            )
            request = urllib.request.Request(self.base + path, data=body, headers=headers)
            with urllib.request.build_opener(*handlers).open(request, timeout=PATIENCE) as answer:
                return json.loads(answer.read(LARGEST))
        except urllib.error.HTTPError as error:
            if error.code in (401, 403) and document is None:
                raise NotLetIn(self._why_not(error.code)) from error
            if document is not None:
                raise
            raise Refused(_answered(error)) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise Refused(self._why_not_trusted(error.reason)) from error
            raise NotReachable(f"{printable(str(error.reason))}{self._other_scheme(error.reason)}") from error
        except (OSError, ValueError, HTTPException) as error:
            why = printable(str(error) or type(error).__name__)
            raise NotReachable(f"{why}{self._other_scheme(error)}") from error

    def _other_scheme(self, error: object) -> str:
        """What to try where it looks as if HTTP was spoken to a port that wants TLS, or the other way round; else empty."""
        if self.base.startswith("http://") and isinstance(error, (ConnectionResetError, BadStatusLine)):
            return ". Something is there: if the page has a certificate, ask for https:// (--url)"
        if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
            return ". Something is there: if the page has no certificate, ask for http:// (--url)"
        return ""

    def _tls(self) -> ssl.SSLContext:
        found = ssl.create_default_context()
        if self.ca_file is not None:
            found.load_verify_locations(self.ca_file)
        return found

    def _why_not_trusted(self, error: ssl.SSLCertVerificationError) -> str:
        why = printable(error.verify_message)
        if error.verify_code not in _VOUCHED_FOR_BY_NOBODY:
            return f"its certificate does not hold: {why}. Ask by a name that is in it (--url), or have it renewed"
        if self.ca_file is not None:
            return f"its certificate is not vouched for by {printable(str(self.ca_file))} either: {why}"
        return f"this machine does not know who vouches for its certificate: {why}. Name a file with that authority's certificate (or the page's own, where it is self-signed) by --ca-file"

    def _why_not(self, code: int) -> str:
        if code == 403:
            return "the agent does not let this token read: it is of another role. Make one with `dockd token create --role viewer`"
        if self.token:
            return "the agent does not know this token: it is wrong, has expired or was revoked. Make another with `dockd token create --role viewer`"
        return HOW


def _answered(error: urllib.error.HTTPError) -> str:
    """What the agent says of it in its own words, where it has some."""
    try:
        detail = json.loads(error.read(LARGEST)).get("detail")
    except (OSError, ValueError, AttributeError, HTTPException):
        detail = None
    if isinstance(detail, str) and detail:
        return f"it answers {error.code}: {printable(detail[:_LONGEST_WORD])}"
    return f"it answers {error.code}, and not as dockd's page does"


def token_of(file: Path | None) -> str:
    """What stands in the file; empty where none is named. Ends the program with 2 where there is no token in it."""
    if file is None:
        return ""
    try:
        with file.open("rb") as stream:
            text = stream.read(_LONGEST_TOKEN + 1).decode("ascii").strip()
    except (OSError, ValueError) as error:
        fail(f"--token-file {printable(str(file))} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}", code=2)  # fmt: skip
    if not text or len(text) > _LONGEST_TOKEN or not text.isprintable() or " " in text:
        fail(f"--token-file {printable(str(file))} holds no token, expected is one line as `dockd token create` prints it", code=2)  # fmt: skip
    return text


def default_url(config: Path | None = None, *, shows_token: bool = False, strict: bool = False) -> str:
    """Where the agent of this machine has its page: as it has left word itself, else by its configuration or by this one.

    What is wrong with the configuration is told, and does no harm where nobody needs it. Ends the program with 2 where it does, or with `strict` always.
    `shows_token`: a token goes nowhere but where the configuration, or who asks, says.
    """
    from dockd.settings import DEFAULT_FILE, defaults

    if config is None and not DEFAULT_FILE.exists():
        return page_address.url_of(defaults().page)
    from dockd.cli.right_keys import readable_keys

    known = readable_keys(config)
    if strict and known.mistakes:
        fail("\n".join(map(str, known.mistakes)), code=2)
    page, doubted = known.settings.page, known.in_doubt(*_PAGE)
    hosts = () if doubted else (page.listen.host, *page.allowed_hosts)
    told = page_address.found(known.settings.ledger.path.parent, config=known.file.absolute(), hosts=hosts)
    if told is not None and ((not doubted and told == page_address.url_of(page)) or not _listens(told)):
        told = None  # nothing new, or of an agent that was killed
    if told is not None and shows_token:
        click.echo(f"dockd: the agent says that it is asked at {told}: a token is shown there only where you say so (--url {told})", err=True)  # fmt: skip
        told = None
    if told is None:
        known.rely_on(*_PAGE, instead="the page's address may be named by --url")
        return page_address.url_of(page)
    known.warn()
    return told


def _listens(url: str) -> bool:
    """Whether anybody does there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE):
            return True
    except OSError:
        return False


def base_of(url: str | None, *, config: Path | None = None, shows_token: bool = False, strict: bool = False) -> str:
    """The address that is asked: `url`, else as the agent and this configuration, or its own, say (`default_url`). Raises click.UsageError."""
    if url is not None and config is not None:
        raise click.UsageError("give --url or --config, not both")
    base = (url or default_url(config, shows_token=shows_token, strict=strict)).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise click.UsageError(f"--url {base} is no address such as http://127.0.0.1:8080")
    return base
