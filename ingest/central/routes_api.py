"""The well-known document, the list of segments, and marking evidence."""

from __future__ import annotations

from aiohttp import web

from ingest.central import tus
from ingest.central.answers import caller_of
from ingest.central.enrolled import Enrolled
from ingest.central.index import Index, Row
from ingest.central.keys import KeyRing
from ingest.central.layout import is_id
from ingest.central.objects import Objects
from ingest.central.records import Records
from ingest.central.refusals import bad_request, unknown
from ingest.clock import rfc3339

_MOST = 1000
CAPABILITIES = (
    *tus.EXTENSIONS,
    "repr-digest",
    "receipts",
    "durable",
    "custody-head",
    "same-announced-same-object",
    "range",
    "evidential",
)


class ApiRoutes:
    """Handlers for everything but /files/."""

    def __init__(
        self, *, store_id: str, keys: KeyRing, index: Index, objects: Objects, records: Records, enrolled: Enrolled
    ) -> None:
        self._store_id = store_id
        self._keys = keys
        self._index = index
        self._objects = objects
        self._records = records
        self._enrolled = enrolled

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register them."""
        router.add_get("/.well-known/dockd-store", self.well_known)
        router.add_get("/api/v1/segments", self.segments)
        router.add_post("/api/v1/segments/{id}/evidential", self.evidential)

    async def well_known(self, _: web.Request) -> web.Response:
        """Who this store is. `key_history`: each key's statement that names the next, signed by the one before."""
        await self._enrolled.fresh()
        return web.json_response(
            {
                "store_id": self._store_id,
                "protocol": 1,
                "jwks": self._keys.jwks(),
                "upload": "/files/",
                "capabilities": [*CAPABILITIES, *(["enroll"] if self._enrolled.any else [])],
                "key_history": self._keys.history,
            },
            headers={"Cache-Control": "no-cache"},
        )

    async def segments(self, request: web.Request) -> web.Response:
        """Pages of stored segments, in the order in which they were stored; for an enrolled dock, of what it has brought."""
        limit = self._limit(request.query.get("limit", ""))
        after = await self._after(request.query.get("after", ""))
        rows = await self._index.page(after=after, limit=limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        caller, following = caller_of(request), str(rows[-1].place) if rows else None
        rows = [row for row in rows if caller.may_read(row.description.owner)]
        await self._records.note("segments.listed", object=None, who=caller.name, after=after, count=len(rows))
        return web.json_response(
            {"segments": [_listed(row) for row in rows], "next": following if more else None},
            headers={"Cache-Control": "no-store"},
        )

    def _limit(self, text: str) -> int:
        if text == "":
            return _MOST
        limit = tus.parse_number(text, name="limit")
        if not 1 <= limit <= _MOST:
            raise bad_request("limit", f"limit is to be from 1 to {_MOST}")
        return limit

    async def _after(self, text: str) -> int:
        """A `next` of an earlier page, or the id of a segment."""
        if text == "":
            return 0
        if is_id(text):
            row = await self._index.find(text)
            if row is None:
                raise unknown(text)
            return row.place
        return tus.parse_number(text, name="after")

    async def evidential(self, request: web.Request) -> web.Response:
        """Keep a segment for good. Refused to nobody: a dock may have announced what another rack had brought before, and then this is its evidence too.

        What it is, who may not read it is not told.
        """
        id, caller = request.match_info["id"], caller_of(request)
        if not is_id(id):
            raise unknown("that segment")
        row = await self._objects.mark_evidential(id, who=caller.name)
        object = row.description
        told = _listed(row) if caller.may_read(object.owner) else {"id": object.id, "evidential": object.evidential}
        return web.json_response(told)


def _listed(row: Row) -> dict[str, object]:
    object = row.description
    said = object.announced
    return {
        "id": object.id,
        "camera": said.camera,
        "segment": said.segment,
        "filename": said.filename,
        "size": object.size,
        "sha256": object.sha256,
        "stored_at": rfc3339(object.stored_at),
        "evidential": object.evidential,
    }
