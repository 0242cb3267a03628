"""What a store's answer means for the caller: one table for every adapter (docs/architecture.md, "Answers")."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime

from ingest.errors import (
    DockdError,
    HistoryConflict,
    NeverStorable,
    ObjectGone,
    Refused,
    StoreBusy,
    StoreDown,
    StoreFull,
    Unproven,
)
from ingest.model import is_sha256

LONGEST_RETRY_AFTER = 24 * 3600.0


def retry_after(text: str | None, *, now: float) -> float:
    """Seconds of a Retry-After header (seconds or a date); 0 where there is none or it is nonsense; at most a day."""
    if not text:
        return 0.0
    if text.strip().isascii() and text.strip().isdigit():
        return min(float(text.strip()[:9]), LONGEST_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds()), LONGEST_RETRY_AFTER)


def error_of(status: int, *, doing: str, after: float = 0.0, detail: str = "") -> DockdError:
    """The error that an HTTP status stands for. `doing` is what was asked of the store."""
    said = f" ({detail})" if detail else ""
    text = f"the store answered {status} to {doing}{said}"
    if status in (400, 413, 415, 422):
        return NeverStorable(f"{text}: it will never take this as it is; somebody has to look at it")
    if status in (401, 403):
        return Refused(f"{text}: it does not take this dock's credentials; check store.token_file", after=after)
    if status in (404, 410):
        return ObjectGone(f"{text}: that is not there (any more)")
    if status in (429, 503):
        return StoreBusy(f"{text}: it is busy", after=after)
    if status == 507:
        return StoreFull(f"{text}: it has no room", after=after)
    if status == 460:
        return Unproven(f"{text}: the bytes that arrived are not the ones announced")
    if 300 <= status < 400:
        return StoreDown(f"{text}: redirects are not followed; name the store's own address in store.url", after=after)
    return StoreDown(text, after=after)


def history_conflict(body: bytes) -> HistoryConflict:
    """The 409 to a receipt request, with what the store last saw where its body says so."""
    seq: int | None = None
    head: str | None = None
    try:
        said = json.loads(body)
        if isinstance(said, dict) and isinstance(said.get("seq"), int) and is_sha256(said.get("head")):
            seq, head = said["seq"], said["head"]
    except (ValueError, RecursionError):
        pass
    return HistoryConflict(
        "the store knows a later custody history of this dock: this ledger went back in time (was it restored from a copy?). "
        "Nothing is deleted until a new chain names what the store last saw",
        seq=seq,
        head=head,
    )
