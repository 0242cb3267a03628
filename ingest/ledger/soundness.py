"""Whether anything in the record book speaks against what this dock says that it has, or what the store said that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.ledger import store_memory, stores, views
from ingest.ledger.segments import IN_DOUBT

Execute = Callable[..., Any]
_UNSOUND = ("spool_spoils", "spool_unread", IN_DOUBT)


def caught(execute: Execute) -> str | None:
    """Why the pinned store is not believed until a person pins it anew; None where it is. A line that died since changes nothing of it."""
    pinned = stores.pinned(execute)
    return pinned.dishonest if pinned is not None else None


def sound(execute: Execute) -> bool:
    """Whether nothing does: then a camera may be away with footage that is safe here."""
    held = execute("SELECT 1 FROM segments WHERE held IN (?, ?, ?) LIMIT 1", _UNSOUND).fetchone()
    return (
        held is None
        and caught(execute) is None
        and store_memory.unseen(execute) is None
        and views.not_whole(execute) is None
        and views.went_back(execute) is None
    )
