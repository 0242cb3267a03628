"""The ledger: what dockd knows, durably. SQLite, WAL, synchronous=FULL, exactly one connection that writes.

A change of state and its custody record are one transaction. Nothing outside this package speaks SQL to it.
"""

from ingest.ledger.core import Ledger, Transaction

__all__ = ["Ledger", "Transaction"]
