"""What people may change, one method each: the API calls and the forms of the pages alike do it through here.

Rules kept here: each change is one entry of custody, with who did it (`by`, as `dockd.access.Who.by` says it); pressing twice does no more than
pressing once; the answer is the changed document, as the API gives it. Nothing here deletes anything: not from a camera, not from the dock, not
from the store.
"""

from __future__ import annotations

from dockd.page.documents import Document
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.view import View


class Doings:
    """All of it. Made of `sources` and `view`, as many times as one likes: it keeps nothing.

    Every method raises page.doorkeeper.Problem: 400 for words that cannot be taken, 404 for what is not there, 409 where it makes no sense as
    things are, 503 while the ledger cannot be written; its `detail` is plain words for a person.
    """

    def __init__(self, *, sources: Sources, view: View) -> None:
        self._sources = sources
        self._view = view

    async def first(self, segment: str, *, by: str) -> Document:
        """Send it next, before all that is not evidence. The segment's document. 409 where the store has it, or no copy is left to send."""
        raise Problem(503, "this is not built yet")

    async def evidential(self, segment: str, *, by: str) -> Document:
        """It is evidence, for good: here, beside its copy on the dock, and at the store as soon as that can be told. The segment's document."""
        raise Problem(503, "this is not built yet")

    async def retry(self, segment: str, *, by: str) -> Document:
        """Try a held one again, now that its cause is gone. The segment's document. 409 where that cannot help, and what would."""
        raise Problem(503, "this is not built yet")

    async def out_of_use(self, bay: int, *, reason: str, by: str) -> Document:
        """Nobody is to use this bay: why, in a person's words. The bay's document."""
        raise Problem(503, "this is not built yet")

    async def back_in_use(self, bay: int, *, by: str) -> Document:
        """It may be used again. The bay's document."""
        raise Problem(503, "this is not built yet")

    async def issue(self, camera: str, *, officer: str, by: str) -> Document:
        """A pool camera goes to `officer`; "" takes it back into the pool. The camera's document. 409 for one that is somebody's own."""
        raise Problem(503, "this is not built yet")

    async def seen(self, problem: str, *, hours: float, by: str) -> Document:
        """Somebody has seen to it, for so many hours (more than 0, at most 24). It stays a problem. The problem's document."""
        raise Problem(503, "this is not built yet")

    async def close(self, problem: str, *, reason: str, by: str) -> Document:
        """It is over for a person, and why: only what cannot close by itself (`closable`). It opens again if it becomes worse. Its document."""
        raise Problem(503, "this is not built yet")
