"""While the ledger is a new one (made anew), or an older one (put back), that is a problem, until what is here has been answered for.

Rules: where footage is here, only the store's proof ends it. A rack where nothing is here to be proven has nobody to wait for: it ends there when the
store answers, every camera in a bay was listed, and nothing on the dock or in the bays waits for a proof, seen so at two looks in a row (cameras come
one after the other at a start). After a restart it is looked at anew. It is never opened a second time in one run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from dockd.docking import Bay
from dockd.page.facts import Sources
from ingest.errors import LedgerUnusable
from ingest.events import Event, SegmentAttested, SegmentConfirmed, SegmentFoundInStore
from ingest.ledger import views

NAMES = ("ledger_rebuilt", "ledger_went_back")
_LOOKS = 2


async def answered_for(sources: Sources, *, every: float) -> None:
    """Open and close both problems; returns when neither is one any more. `every` seconds it is looked, and with each proof."""
    proven, ledger = asyncio.Event(), sources.ledger

    def hear(event: Event, _seq: int) -> None:
        if isinstance(event, (SegmentConfirmed, SegmentAttested, SegmentFoundInStore)):
            proven.set()

    ledger.subscribe(hear)
    quiet = 0
    while True:
        proven.clear()
        with contextlib.suppress(LedgerUnusable):
            found = await ledger.read(
                lambda db: {
                    "ledger_rebuilt": views.not_whole(db.execute),
                    "ledger_went_back": views.went_back(db.execute),
                }
            )
            if any(found.values()):
                quiet = quiet + 1 if await _nothing_here(sources) else 0
                if quiet >= _LOOKS:
                    found = dict.fromkeys(NAMES)
            _show(sources, found)
            if not any(found.values()):
                return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await proven.wait()


def _show(sources: Sources, found: Mapping[str, str | None]) -> None:
    for name, why in found.items():
        if why is None:
            sources.troubles.close(name)
        else:
            sources.troubles.open(name, why)


async def _nothing_here(sources: Sources) -> bool:
    """Whether the store answers, every bay that has something in it was listed, and nothing here waits for its proof. Raises LedgerUnusable."""
    bays = sources.rack.bays.values()
    if sources.store_state().word != "connected" or not all(map(_known, bays)):
        return False
    here = [bay.camera.id for bay in bays if bay.camera is not None]
    return await sources.ledger.read(lambda db: views.unanswered(db.execute, here)) == 0


def _known(bay: Bay) -> bool:
    """Whether what may be in it is: a camera that is looked at anew, or cannot be read, may have anything."""
    if bay.camera is None:
        return bay.occupied in ("", "not_ours")
    return bay.visit is None or bay.visit.listed_once
