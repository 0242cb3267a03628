"""While the ledger is a new one (made anew), or an older one (put back), that is a problem, until what is here has been answered for.

Rules: where footage is here, only the store's proof ends it. A rack where nothing is here to be proven has nobody to wait for: it ends there when the
store answers, every camera in a bay was listed, and nothing on the dock or in the bays waits for a proof, seen so at two looks in a row (cameras come
one after the other at a start). What an earlier run came to, with the store heard since, is not opened again. It is never opened a second time in one run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

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
    first, quiet = ledger.rebuilt is None and ledger.went_back is None, 0
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
                if quiet >= _LOOKS or (first and await _came_to_that(sources)):
                    found = dict.fromkeys(NAMES)
            _show(sources, found)
            if not any(found.values()):
                return
            first = False
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
    """Whether the store answers, and nothing here waits for its proof. Raises LedgerUnusable."""
    there = [bay for bay in sources.rack.bays.values() if bay.camera is not None]
    if sources.store_state().word != "connected" or any(
        bay.visit is not None and not bay.visit.listed_once for bay in there
    ):
        return False
    here = [bay.camera.id for bay in there if bay.camera is not None]
    return await sources.ledger.read(lambda db: views.unanswered(db.execute, here)) == 0


async def _came_to_that(sources: Sources) -> bool:
    """Whether an earlier run on this ledger has heard the store, and nothing that it knows, on whatever camera, is unproven. Raises LedgerUnusable."""
    return await sources.ledger.read(
        lambda db: views.heard_since(db.execute) and views.unanswered(db.execute, None) == 0
    )
