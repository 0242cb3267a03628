"""Every "no" of the store: to a client as RFC 9457 problem details, to the operator as an error that ends the start.

Rules: the text names the thing and says what to do; `slug` is a stable word that programs may branch on; nothing of the
machine's inside (paths, tracebacks) goes to a client. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLES = {
    400: "The request cannot be understood",
    401: "A valid token is needed",
    403: "Not allowed",
    404: "Not here",
    405: "This address does not do that",
    408: "No data came for too long",
    409: "It is in another state",
    410: "It is not here any more",
    412: "Another version of the protocol",
    413: "Too large",
    415: "Another content type is needed",
    416: "No such range",
    423: "Somebody is writing to it",
    429: "Too many",
    460: "The bytes are not what was announced",
    500: "The store has failed",
    503: "Busy",
    507: "The store is full",
}


class StoreUnusableError(Exception):
    """The store cannot run on this root or with these settings; the message says why and what to do."""


class StoreMisusedError(StoreUnusableError):
    """What was asked for is not allowed, whatever the state of root and machine."""


class StoreInUseError(StoreUnusableError):
    """Another process has this root open."""


class Refusal(Exception):
    """An answer that is no success. `extra` is added to the problem document, `headers` to the answer."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def problem(self) -> dict[str, object]:
        """The RFC 9457 document."""
        return {
            "type": f"urn:dockd:store:{self.slug}",
            "title": TITLES.get(self.status, "Refused"),
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


def bad_request(slug: str, detail: str) -> Refusal:
    """400: as sent, this can never succeed."""
    return Refusal(400, slug, detail)


def busy(detail: str, *, after: int, status: int = 503) -> Refusal:
    """503 or 429 with Retry-After in seconds."""
    return Refusal(status, "busy", detail, headers={"Retry-After": str(after)})


def full(detail: str) -> Refusal:
    """507: no room; what came so far is kept."""
    return Refusal(507, "full", detail, headers={"Retry-After": "60"})


def unknown(what: str) -> Refusal:
    """404: never heard of it."""
    return Refusal(404, "unknown", f"{what} is not known to this store: announce it again with POST /files/")


def gone(detail: str) -> Refusal:
    """410: it was here."""
    return Refusal(410, "gone", detail)
