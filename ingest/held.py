"""Whether a person may have a held segment tried again now, and if not, what would help. Pure.

Rules kept here: trying again is what a new docking does by itself: the hold goes, and everything that led to it is done anew, every check
included: a camera's file is read again (twice, for a copy; through the descriptor that is unlinked, for a deletion), a copy is sent and proven
again. Whatever persists ends held again, with its reason. What a caught store or a ledger in doubt has brought about is no segment's affair.
"""

from __future__ import annotations

from collections.abc import Mapping

# Held because of what is outside of any one segment: a person cannot say that it is over.
_NOT_BY_HAND: Mapping[str, str] = {
    "dishonest": "the store was caught: this is tried again when ops have pinned a store anew (dockd store pin)",
    "in_doubt": "no copy of it is known here, and the store is being asked for it: that goes on by itself",
}


def why_not(*, reason: str, on_camera: bool, in_spool: bool, in_store: bool, docked: bool, camera: str) -> str:
    """Why it cannot be tried again now, and what to do, for a person; empty where it can.

    `docked`: its camera is in a bay.

    >>> why_not(reason="store_refused", on_camera=True, in_spool=True, in_store=False, docked=False, camera="CAM01")
    ''
    >>> why_not(reason="integrity_failed", on_camera=True, in_spool=False, in_store=False, docked=False, camera="CAM01")
    'it can only be read again from camera CAM01: put that camera into a bay; it is tried again then by itself'
    """
    if reason in _NOT_BY_HAND:
        return _NOT_BY_HAND[reason]
    if in_spool or docked:
        return ""
    if in_store:
        return f"it is in the store, and what failed is deleting it from camera {camera}: put that camera into a bay; it is tried again then by itself"
    if on_camera:
        return f"it can only be read again from camera {camera}: put that camera into a bay; it is tried again then by itself"
    return "no copy of it is left to try it with: ask ops to look at its custody record"
