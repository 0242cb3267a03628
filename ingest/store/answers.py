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
    Retry,
    StoreBusy,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
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


def plain(text: str, *, longest: int = 4096) -> bool:
    """Whether a header's value may be used and kept: printable ASCII, bounded. Headers come as bytes, and may be any."""
    return len(text) <= longest and text.isascii() and text.isprintable()


_NEVER = (NeverStorable, "it will never take this as it is; somebody has to look at it")
_CREDENTIALS = (Refused, "it does not take this dock's credentials; check store.token_file and store.client_cert_file")
_GONE = (ObjectGone, "that is not there (any more)")
_BUSY = (StoreBusy, "it is busy")
_ELSEWHERE = (UploadBlocked, "it stands elsewhere, or somebody else is writing; its offset is asked again")
_REDIRECT = (StoreDown, "redirects are not followed; name the store's own address in store.url")
_MEANINGS: dict[int, tuple[type[DockdError], str]] = {
    400: _NEVER, 413: _NEVER, 415: _NEVER, 422: _NEVER, 401: _CREDENTIALS, 403: _CREDENTIALS, 404: _GONE, 410: _GONE,
    409: _ELSEWHERE, 423: _ELSEWHERE, 429: _BUSY, 503: _BUSY, 507: (StoreFull, "it has no room"),
    460: (Unproven, "the bytes that arrived are not the ones announced"),
}  # fmt: skip


def error_of(status: int, *, doing: str, after: float = 0.0, detail: str = "") -> DockdError:
    """The error that an HTTP status stands for. `doing` is what was asked of the store."""
    kind, meaning = _MEANINGS.get(status, _REDIRECT if 300 <= status < 400 else (StoreDown, ""))
    text = f"the store answered {status} to {doing}" + (f" ({detail})" if detail else "")
    text += f": {meaning}" if meaning else ""
    return kind(text, after=after) if issubclass(kind, Retry) else kind(text)


def history_conflict(body: bytes) -> HistoryConflict:
    """The 409 to a receipt request, with what the store last saw where its body says so."""
    seq: int | None = None
    head: str | None = None
    try:
        said = json.loads(body)
        named = said.get("seq") if isinstance(said, dict) else None
        if isinstance(named, int) and not isinstance(named, bool) and named >= 0 and is_sha256(said.get("head")):
            seq, head = named, said["head"]
    except (ValueError, RecursionError):
        pass
    return HistoryConflict(
        "the store knows a later custody history of this dock: this ledger went back in time (was it restored from a copy?). "
        "Nothing is deleted until a new chain names what the store last saw",
        seq=seq,
        head=head,
    )
