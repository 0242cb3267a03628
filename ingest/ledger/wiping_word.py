"""What the record says last of whether cameras are emptied.

Why it exists: whoever checks the record reads it beside the permits that follow. Rule: nobody begins to empty cameras, or ceases to, over a word of
the record that says otherwise; one that says nothing of it means "at once".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ingest.events import WipingOff, WipingOn
from ingest.ledger.core import Transaction

Execute = Callable[..., Any]
_LAST = "SELECT action, body FROM custody WHERE action IN ('settings.wiping_off', 'settings.wiping_on') ORDER BY seq DESC LIMIT 1"


def last(execute: Execute) -> WipingOff | WipingOn:
    """What is on record."""
    row = execute(_LAST).fetchone()
    if row is None:
        return WipingOn(seconds=0)
    return WipingOff() if row[0] == WipingOff.action else WipingOn(seconds=json.loads(row[1])["data"]["seconds"])


def say(tx: Transaction, word: WipingOff | WipingOn) -> None:
    """`word` holds from now on: an entry, where that is not what the record says last."""
    if word != last(tx.execute):
        tx.record(word)
