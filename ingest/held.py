"""Whether a person may have a held segment tried again now, and if not, why. Pure.

Rules kept here: trying again is what a new docking does by itself: the hold goes, and everything that led to it is done anew, every check
included: a camera's file is read again (twice, for a copy; through the descriptor that is unlinked, for a deletion), a copy is sent and proven
again. Whatever persists ends held again, with its reason. What a caught store or a ledger in doubt has brought about is no segment's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# wants_pin: the store was caught; asked: no copy is known here, and the store is being asked; wants_camera: it can only be read again from its
# camera; wants_camera_to_delete: what failed is deleting it from there; nowhere: no copy is left to try it with.
WhyNot = Literal["wants_pin", "asked", "wants_camera", "wants_camera_to_delete", "nowhere"]
# Held because of what is outside of any one segment: a person cannot say that it is over.
_NOT_BY_HAND: Mapping[str, WhyNot] = {"dishonest": "wants_pin", "in_doubt": "asked"}


def why_not(*, reason: str, on_camera: bool, in_spool: bool, in_store: bool, docked: bool) -> WhyNot | None:
    """Why it cannot be tried again now; None where it can. `docked`: its camera is in a bay.

    >>> why_not(reason="store_refused", on_camera=True, in_spool=True, in_store=False, docked=False)
    >>> why_not(reason="integrity_failed", on_camera=True, in_spool=False, in_store=False, docked=False)
    'wants_camera'
    """
    if reason in _NOT_BY_HAND:
        return _NOT_BY_HAND[reason]
    if in_spool or (docked and on_camera) or (in_store and not on_camera):
        return None
    if on_camera:
        return "wants_camera_to_delete" if in_store else "wants_camera"
    return "nowhere"
