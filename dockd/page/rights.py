"""What each address demands of whoever asks, said where its handler is, and who it is that asks.

Rules kept here: an address that says nothing of itself is for ops alone; who asks is found out once, by the doorkeeper.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from dockd.access import Right, Who

Handler = TypeVar("Handler", bound=Callable[..., Any])
_NEEDS = "dockd_needs"
WHO: web.RequestKey[Who] = web.RequestKey("who", Who)
# Which moment was the latest that was known when the request came: what is drawn for it is not older.
SINCE: web.RequestKey[str] = web.RequestKey("since", str)
# What a change by this asker's browser must bring along, unmasked: dockd.page.asked.
CSRF: web.RequestKey[bytes] = web.RequestKey("csrf", bytes)
# Asks again whether whoever asks may still, once all that they send has come; and for how many seconds that is waited for.
STILL: web.RequestKey[Callable[[web.Request], Awaitable[None]]] = web.RequestKey("still")
PATIENCE: web.RequestKey[float] = web.RequestKey("patience", float)


def needs(right: Right) -> Callable[[Handler], Handler]:
    """Marks a handler: whoever asks must have this right."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _NEEDS, right)
        return handler

    return mark


def needed(handler: Any) -> Right:
    """What this handler demands."""
    right: Right = getattr(handler, _NEEDS, "operate")
    return right


def says(handler: Any) -> bool:
    """Whether this handler says what it demands."""
    return hasattr(handler, _NEEDS)


def who(request: web.Request) -> Who:
    """Who asks, as the doorkeeper found out."""
    return request[WHO]
