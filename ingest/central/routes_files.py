"""/files/: tus 1.0, and what is finished.

Each handler reads its request strictly, asks the parts, and answers; no rule of the store is decided here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import formatdate

from aiohttp import web

from ingest.central import tus
from ingest.central.answers import body_of, bringing_of, caller_of, no_expectation
from ingest.central.bringing import Bringing
from ingest.central.descriptions import UploadDescription, understand
from ingest.central.index import Row
from ingest.central.layout import is_id, new_id
from ingest.central.objects import Objects
from ingest.central.reading import Reading
from ingest.central.receipts import Receipts, parse_question
from ingest.central.receiving import Receiving
from ingest.central.records import Records
from ingest.central.refusals import Refusal, gone, unknown
from ingest.central.settings import StoreSettings
from ingest.central.uploads import Upload, Uploads
from ingest.clock import Clock

_TUS = {"Tus-Resumable": tus.VERSION, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class FileRoutes:
    """Handlers for /files/."""

    def __init__(
        self,
        *,
        uploads: Uploads,
        receiving: Receiving,
        objects: Objects,
        receipts: Receipts,
        records: Records,
        reading: Reading,
        settings: StoreSettings,
        clock: Clock,
    ) -> None:
        self._uploads = uploads
        self._receiving = receiving
        self._objects = objects
        self._receipts = receipts
        self._records = records
        self._reading = reading
        self._settings = settings
        self._clock = clock

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register them."""
        for path in ("/files", "/files/"):
            router.add_route("OPTIONS", path, self.options)
            router.add_route("POST", path, self.create, expect_handler=no_expectation)
        router.add_route("OPTIONS", "/files/{id}", self.options)
        router.add_route("HEAD", "/files/{id}", self.head)
        router.add_route("PATCH", "/files/{id}", self.patch, expect_handler=no_expectation)
        router.add_route("DELETE", "/files/{id}", self.delete)
        router.add_route("POST", "/files/{id}", self.overridden, expect_handler=no_expectation)
        router.add_route("GET", "/files/{id}", self.read)
        router.add_route("GET", "/files/{id}/receipt", self.receipt)

    async def options(self, _: web.Request) -> web.Response:
        """What this server can do."""
        return web.Response(
            status=204,
            headers={
                "Tus-Resumable": tus.VERSION,
                "Tus-Version": tus.VERSION,
                "Tus-Extension": ",".join(tus.EXTENSIONS),
                "Tus-Checksum-Algorithm": ",".join(tus.CHECKSUMS),
                "Tus-Max-Size": str(self._settings.max_size),
            },
        )

    async def create(self, request: web.Request) -> web.Response:
        """POST /files/: announce, and perhaps send the first bytes."""
        headers = request.headers
        tus.check_version(headers.get("Tus-Resumable"))
        tus.check_creation(defer=headers.get("Upload-Defer-Length"), concat=headers.get("Upload-Concat"))
        size = tus.parse_number(headers.get("Upload-Length"), name="Upload-Length")
        metadata = headers.get("Upload-Metadata", "")
        understand(metadata)  # refused before anything is written
        with_body = request.content_length not in (None, 0) or "Transfer-Encoding" in headers
        if with_body:
            tus.check_content_type(headers.get("Content-Type"))
        checksum = tus.parse_checksum(headers.get("Upload-Checksum"))
        made = await self._receiving.announce(
            UploadDescription(
                id=new_id(), size=size, metadata=metadata, owner=caller_of(request).id, created_at=self._clock.now()
            )
        )
        if isinstance(made, Upload) and not made.busy and (made.size == 0 or (with_body and made.offset == 0)):
            with made.held(bringing := bringing_of(request)):
                if with_body:
                    tus.check_patch(at=0, offset=made.offset, length=made.size, body=request.content_length)
                offset = await self._receiving.receive(made, self._body(request, bringing), checksum=checksum)
        else:
            offset = made.offset if isinstance(made, Upload) else made.description.size
        return web.Response(
            status=201,
            headers={
                **_TUS,
                "Location": f"/files/{made.id}",
                "Upload-Offset": str(offset),
                **(self._expires(made) if isinstance(made, Upload) and offset < made.size else {}),
            },
        )

    def _body(self, request: web.Request, bringing: Bringing) -> AsyncIterator[bytes]:
        return body_of(request, idle=self._settings.idle_timeout, bringing=bringing)

    def _expires(self, upload: Upload) -> dict[str, str]:
        left = self._settings.unfinished - (self._uploads.now() - upload.active)
        return {"Upload-Expires": formatdate(self._clock.now() + left, usegmt=True)}

    async def _found(self, request: web.Request) -> Upload | Row:
        """Raises Refusal 404, 410."""
        id = request.match_info["id"]
        if not is_id(id):
            raise unknown("that upload")
        found = self._uploads.find(id) or await self._objects.find(id)
        if found is None:
            raise unknown(id)
        return found

    async def head(self, request: web.Request) -> web.Response:
        """How far an upload is, and what an object's bytes hash to. Of what another has brought a dock hears no more than it needs to have announced the same."""
        tus.check_version(request.headers.get("Tus-Resumable"))
        found, caller = await self._found(request), caller_of(request)
        reads = caller.may_read(found.description.owner)
        if isinstance(found, Upload) and not reads:
            raise unknown(found.id)  # it is to announce its own
        if isinstance(found, Upload) and found.bringing is not None and self._is_owner(found, request):
            await found.bringing.give_way()  # who asks for the offset has lost the line that he sent over
            found = await self._found(request)
        if isinstance(found, Upload):
            description, offset, more = found.description, found.offset, self._expires(found)
            return self._head(size=description.size, offset=offset, metadata=description.metadata, more=more)
        object = found.description
        wanted = tus.wants_sha256(request.headers.get("Want-Repr-Digest"))
        if wanted:
            await self._objects.look(found, who=caller.name, say=lambda: True)
        else:
            await self._objects.look_quickly(found, who=caller.name)
        more = {"ETag": f'"{object.sha256}"', "Accept-Ranges": "bytes"} if reads else {}
        if wanted:
            more["Repr-Digest"] = tus.repr_digest(object.sha256)
        return self._head(size=object.size, offset=object.size, metadata=object.metadata if reads else "", more=more)

    def _head(self, *, size: int, offset: int, metadata: str, more: dict[str, str]) -> web.Response:
        said = {"Upload-Metadata": metadata} if metadata else {}
        sizes = {"Upload-Offset": str(offset), "Upload-Length": str(size)}
        return web.Response(status=200, headers={**_TUS, **sizes, **said, **more})

    async def patch(self, request: web.Request) -> web.Response:
        """More bytes."""
        headers = request.headers
        tus.check_version(headers.get("Tus-Resumable"))
        tus.check_content_type(headers.get("Content-Type"))
        at = tus.parse_number(headers.get("Upload-Offset"), name="Upload-Offset")
        checksum = tus.parse_checksum(headers.get("Upload-Checksum"))
        found = await self._found(request)
        if isinstance(found, Row):
            size = found.description.size
            tus.check_patch(at=at, offset=size, length=size, body=request.content_length)
            await self._objects.look_quickly(found, who=caller_of(request).name)
            return web.Response(status=204, headers={**_TUS, "Upload-Offset": str(size)})
        self._check_owner(found, request)
        with found.held(bringing := bringing_of(request)):
            tus.check_patch(at=at, offset=found.offset, length=found.size, body=request.content_length)
            offset = await self._receiving.receive(found, self._body(request, bringing), checksum=checksum)
        more = self._expires(found) if offset < found.size else {}
        return web.Response(status=204, headers={**_TUS, "Upload-Offset": str(offset), **more})

    def _check_owner(self, upload: Upload, request: web.Request) -> None:
        if not caller_of(request).may_read(upload.description.owner):
            raise unknown(upload.id)
        if not self._is_owner(upload, request):
            raise Refusal(403, "owner", "this upload belongs to another token: announce your own")

    def _is_owner(self, upload: Upload, request: web.Request) -> bool:
        return upload.description.owner == caller_of(request).id

    async def delete(self, request: web.Request) -> web.Response:
        """End an own, unfinished upload."""
        tus.check_version(request.headers.get("Tus-Resumable"))
        found = await self._found(request)
        if isinstance(found, Row):
            raise Refusal(403, "finished", "this upload is finished: what is stored is deleted by retention alone")
        self._check_owner(found, request)
        with found.held():
            await self._records.note(
                "upload.terminated", object=found.id, who=caller_of(request).name, offset=found.offset
            )
            await self._receiving.end(found)
        return web.Response(status=204, headers=_TUS)

    async def overridden(self, request: web.Request) -> web.StreamResponse:
        """POST with X-HTTP-Method-Override, for networks that know no PATCH."""
        handlers = {"PATCH": self.patch, "DELETE": self.delete}
        handler = handlers.get(request.headers.get("X-HTTP-Method-Override", ""))
        if handler is None:
            allow = "OPTIONS, HEAD, GET, PATCH, DELETE"
            raise Refusal(405, "method", f"this address answers to {allow}", headers={"Allow": allow})
        return await handler(request)

    async def _finished(self, request: web.Request) -> Row:
        found = await self._found(request)
        if isinstance(found, Upload):
            if not caller_of(request).may_read(found.description.owner):
                raise unknown(found.id)
            raise Refusal(
                404, "unfinished", f"the upload stands at byte {found.offset} of {found.size}: it is no object yet"
            )
        return found

    async def receipt(self, request: web.Request) -> web.Response:
        """A signed statement of what lies on the disk now."""
        question = parse_question(request.query)
        row = await self._finished(request)
        token = await self._receipts.attest(row, question, caller=caller_of(request))
        return web.Response(
            body=token.encode("ascii"), content_type="application/jwt", headers={"Cache-Control": "no-store"}
        )

    async def read(self, request: web.Request) -> web.StreamResponse:
        """The bytes, or a range of them; in the log for good."""
        row = await self._finished(request)
        if not caller_of(request).may_read(row.description.owner):
            raise Refusal(
                403,
                "owner",
                "another dock has brought this: it is given to that one, and to whoever has a token to read",
            )
        if row.state == "damaged":
            raise gone(f"object {row.id} is damaged in this store")
        await self._objects.look_quickly(row, who=caller_of(request).name)
        return await self._reading.answer(request, row, who=caller_of(request).name)
