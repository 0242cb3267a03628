"""The documents' times as people read them: on the station's own clock. Messages until their language is known (dockd.page.language)."""

from __future__ import annotations

from dockd.page.words import moment_words
from ingest.clock import from_rfc3339


def clock(text: str | None) -> str:
    """RFC 3339 as hours and minutes; empty for None."""
    return moment_words(from_rfc3339(text)).split(" ", 1)[0] if text else ""


def moment(text: str | None) -> str:
    """RFC 3339 as a time and a day; empty for None."""
    return moment_words(from_rfc3339(text)) if text else ""
