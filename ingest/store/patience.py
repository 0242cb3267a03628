"""How long whoever waits for a store waits. Apart from `ingest.store.line`: a share is waited for, too, and needs no HTTP client for that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds. `connect`: until there is a connection; `stall`: nothing moves in the middle of a body; `answer`: a small request; `settle`: nothing
    moves at the end of a body (4 MiB), and the answer after it.

    A line that is dead, where the store is not merely slow, is noticed long before (`ingest.store.sockets`).
    """

    connect: float = 10.0
    stall: float = 60.0
    answer: float = 30.0
    settle: float = 300.0
