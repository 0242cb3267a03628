"""A segment is the set of its verified copies. The one transition table, and what each set means.

Rules this file keeps:

* copies is a subset of {camera, spool, store}.
* An *action* of ours may remove `camera` or `spool` only while `store` is in: that is the invariant, and the table below is
  checked against it when this module is imported.
* An *observation* may remove anything: the world does as it likes. When nothing is left, the segment is lost, loudly.
* An event that is not in the table for the present set raises `NotInTable` and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Copy(StrEnum):
    """Where a copy of a segment lies."""

    CAMERA = "camera"
    SPOOL = "spool"
    STORE = "store"


Copies = frozenset[Copy]
NONE: Copies = frozenset()
CAMERA, SPOOL, STORE = Copy.CAMERA, Copy.SPOOL, Copy.STORE


class Step(StrEnum):
    """What can happen to the copies of a segment."""

    LISTED = "listed"
    COPIED = "copied"
    CONFIRMED = "confirmed"
    WIPED = "wiped"
    RELEASED = "released"
    REAPPEARED = "reappeared"
    RECOVERED = "recovered"
    VANISHED = "vanished"
    ROTTED = "rotted"
    STORE_LOST = "store_lost"
    FOUND = "found_in_store"


class NotInTable(ValueError):
    """This step cannot happen to a segment with these copies: a defect in the caller; nothing was changed."""


@dataclass(frozen=True)
class Rule:
    """`needs` must be in and `forbids` out; then `adds` comes in and `removes` goes out. `action`: dockd does it itself."""

    action: bool
    needs: Copies = NONE
    forbids: Copies = NONE
    adds: Copies = NONE
    removes: Copies = NONE


def _set(*copies: Copy) -> Copies:
    return frozenset(copies)


TABLE: dict[Step, Rule] = {
    # a new file is seen on a camera: a segment begins
    Step.LISTED: Rule(False, forbids=_set(CAMERA, SPOOL, STORE), adds=_set(CAMERA)),
    # pulled in one pass, verified by a second read of the source, durable in the spool
    Step.COPIED: Rule(True, needs=_set(CAMERA), forbids=_set(SPOOL), adds=_set(SPOOL)),
    # a receipt from the pinned store for these very bytes is in the ledger
    Step.CONFIRMED: Rule(True, needs=_set(SPOOL), forbids=_set(STORE), adds=_set(STORE)),
    # deleted from the camera under a permit, and seen gone
    Step.WIPED: Rule(True, needs=_set(CAMERA, STORE), removes=_set(CAMERA)),
    # the spool's room is given back
    Step.RELEASED: Rule(True, needs=_set(SPOOL, STORE), removes=_set(SPOOL)),
    # a file that was wiped or had vanished is listed again with the same content
    Step.REAPPEARED: Rule(False, forbids=_set(CAMERA), adds=_set(CAMERA)),
    # a spool file is found that the ledger did not know or had given up
    Step.RECOVERED: Rule(False, forbids=_set(SPOOL), adds=_set(SPOOL)),
    # gone from the camera without us, or replaced there by other bytes
    Step.VANISHED: Rule(False, needs=_set(CAMERA), removes=_set(CAMERA)),
    # the spool file is no longer its hash, or no longer there
    Step.ROTTED: Rule(False, needs=_set(SPOOL), removes=_set(SPOOL)),
    # the store, asked again, says that it does not have it, or has other bytes
    Step.STORE_LOST: Rule(False, needs=_set(STORE), removes=_set(STORE)),
    # the store, asked for what the ledger had lost sight of, has proven that it has these very bytes
    Step.FOUND: Rule(False, forbids=_set(STORE), adds=_set(STORE)),
}


def after(copies: Copies, step: Step) -> Copies:
    """The copies after `step`.

    Raises NotInTable where the table does not allow it; nothing is changed then.
    """
    rule = TABLE[step]
    if not rule.needs <= copies or rule.forbids & copies:
        have = "{" + ", ".join(sorted(c.value for c in copies)) + "}"
        raise NotInTable(f"{step.value} cannot happen to a segment whose copies are {have}")
    return (copies | rule.adds) - rule.removes


def is_lost(copies: Copies) -> bool:
    """No copy is left anywhere."""
    return not copies


def word(copies: Copies, *, held: bool) -> str:
    """The word that the page shows for a segment at rest."""
    if held:
        return "held"
    if STORE in copies:
        return "confirmed" if CAMERA in copies else "wiped"
    if SPOOL in copies:
        return "copied, not confirmed"
    return "waiting" if CAMERA in copies else "lost"


def _check_invariant() -> None:
    for step, rule in TABLE.items():
        if rule.action and rule.removes and STORE not in rule.needs:
            raise AssertionError(f"{step.value}: an action may remove a copy only while the store has one")
        if rule.action and STORE in rule.removes:
            raise AssertionError(f"{step.value}: no action of a dock removes the store's copy")


_check_invariant()
