"""Stores that keep something else than what came in, and vouch for what came in: they refuse every wrong byte, and lie all the same.

Each hashes what comes over the line, so that it passes every check of its honesty. `kept` says what it really keeps.
"""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from tests.simulators.stores.honest import TUS, HonestStore, Kind, Shelf, Thing, given


class KeepsOtherBytes(HonestStore):
    """What came in is what it speaks of; what it keeps is another matter."""

    def kept(self, came: bytes) -> bytes:
        raise NotImplementedError

    def lies_about(self, thing: Thing) -> bool:
        """Whether this one is lied about."""
        return True

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if not self.lies_about(thing):
            return await super().patch(request, name, thing)
        if int(request.headers["Upload-Offset"]) != len(thing.came):
            return web.Response(status=409)
        async for block in request.content.iter_any():
            thing.came += block
        if len(thing.came) == thing.size:
            if self.kind != "plain" and hashlib.sha256(thing.came).hexdigest() != thing.announced:
                del self.shelf.things[name]
                return web.json_response({"detail": "these are other bytes than were announced"}, status=460)
            thing.bytes = bytearray(self.kept(bytes(thing.came)))
        return web.Response(status=204, headers={**TUS, "Upload-Offset": str(len(thing.came))})

    def offset(self, thing: Thing) -> int:
        return len(thing.came) or len(thing.bytes)

    def complete(self, thing: Thing) -> bool:
        return self.offset(thing) == thing.size

    def digest(self, thing: Thing) -> str:
        return hashlib.sha256(thing.came or thing.bytes).hexdigest()

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        said = super().claims(request, name, thing)
        return {**said, "size": self.offset(thing), "sha256": self.digest(thing)}


class Short(KeepsOtherBytes):
    """Keeps the first half."""

    def kept(self, came: bytes) -> bytes:
        return came[: len(came) // 2]


class Long(KeepsOtherBytes):
    """Keeps more than it was given."""

    def kept(self, came: bytes) -> bytes:
        return came + bytes(4096)


class Hole(KeepsOtherBytes):
    """A part in the middle never reached the disk."""

    def kept(self, came: bytes) -> bytes:
        third = len(came) // 3
        return came[:third] + bytes(third) + came[2 * third :]


class OneBit(KeepsOtherBytes):
    """One bit, somewhere in the middle."""

    def kept(self, came: bytes) -> bytes:
        middle = len(came) // 2
        return came[:middle] + bytes([came[middle] ^ 1]) + came[middle + 1 :]


class Nothing(KeepsOtherBytes):
    """An empty file."""

    def kept(self, came: bytes) -> bytes:
        return b""


class LiesAboutLargeOnes(Hole):
    """Honest with what is checked, and with small segments."""

    def lies_about(self, thing: Thing) -> bool:
        return thing.size > 2 << 20


class LiesFromTheThirdOn(OneBit):
    """Honest with the first two segments."""

    def lies_about(self, thing: Thing) -> bool:
        said = [one for one in self.shelf.things.values() if one.size < 1 << 20]
        return thing in said[2:]


class LiesAfterThePin(Short):
    """Honest until it has been pinned and found honest, and with the first segments; then a disk of its own fails."""

    failed = False

    def lies_about(self, thing: Thing) -> bool:
        return self.failed


class GivesOtherBytesBack(HonestStore):
    """Its proof is true, and what it gives back is not."""

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        return given(request, bytes(len(thing.bytes)))


class GivesNothingBack(HonestStore):
    """It vouches, and answers 404 to whoever wants the bytes."""

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        return web.Response(status=404)


class ReceiptThenLoss(HonestStore):
    """Its first proof of a segment is true; then the bytes are gone, and it goes on vouching from memory."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.remembered: dict[int, tuple[int, str]] = {}

    def _lost(self, thing: Thing) -> tuple[int, str]:
        if id(thing) not in self.remembered and thing.whole:
            self.remembered[id(thing)] = len(thing.bytes), thing.sha256
        return self.remembered.get(id(thing), (len(thing.bytes), thing.sha256))

    def offset(self, thing: Thing) -> int:
        return self._lost(thing)[0]

    def complete(self, thing: Thing) -> bool:
        return self.offset(thing) == thing.size

    def digest(self, thing: Thing) -> str:
        return self._lost(thing)[1]

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        size, digest = self._lost(thing)
        return {**super().claims(request, name, thing), "size": size, "sha256": digest}

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        return web.Response(text=self.signed(self.claims(request, name, thing)), content_type="application/jwt")

    async def read(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if not thing.bytes:
            return web.Response(status=410)
        answer = await super().read(request, name, thing)
        thing.bytes = bytearray()  # after the first look
        return answer


class HeldInACacheOnly(KeepsOtherBytes):
    """Gives the client's own bytes back once, from a cache, and has kept nothing."""

    def kept(self, came: bytes) -> bytes:
        return b""

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        body, thing.came = bytes(thing.came), bytearray()
        return given(request, body) if body else web.Response(status=404)


class RightHashWrongSize(HonestStore):
    """The hash is right, the size is not."""

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return {**super().claims(request, name, thing), "size": len(thing.bytes) + 1}

    async def head(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        answer = await super().head(request, name, thing)
        if self.kind == "digests" and thing.whole:
            answer.headers["Upload-Length"] = str(thing.size + 1)
        return answer


class AnnouncedHash(Hole):
    """Checks nothing: the hash in its proof is the client's own, the bytes have a hole."""

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        async for block in request.content.iter_any():
            thing.came += block
        if len(thing.came) == thing.size:
            thing.bytes = bytearray(self.kept(bytes(thing.came)))
        return web.Response(status=204, headers={**TUS, "Upload-Offset": str(len(thing.came))})

    def digest(self, thing: Thing) -> str:
        return thing.announced


class AnotherFilesBytes(KeepsOtherBytes):
    """Mixes its objects up: whatever it is asked for, it has the first."""

    def kept(self, came: bytes) -> bytes:
        first = next((t for t in self.shelf.things.values() if t.came and t.size < 1 << 20), None)
        return came if first is None or bytes(first.came) == came else bytes(first.came)


class AnotherFilesDigest(HonestStore):
    """Gives another object's digest, and another object's bytes."""

    def _other(self, thing: Thing) -> Thing:
        return next((t for t in self.shelf.things.values() if t is not thing and t.whole), Thing(size=0, said={}))

    def digest(self, thing: Thing) -> str:
        return self._other(thing).sha256

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        return given(request, bytes(self._other(thing).bytes))


class EmptiesByFilename(HonestStore):
    """Calls each upload what the client calls the file (tus-node with such a namingFunction, tusd with such a hook): a new one empties it."""

    async def create(self, request: web.Request) -> web.StreamResponse:
        answer = await super().create(request)
        made = self.shelf.things.pop(answer.headers["Location"].rpartition("/")[2])
        name = made.said["filename"].decode()
        self.shelf.things[name] = made
        answer.headers["Location"] = f"/files/{name}"
        return answer


class AddsByFilename(HonestStore):
    """Each upload has a name of its own, and what comes is added to the file that the client names (tus-php)."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.files: dict[bytes, bytearray] = {}

    async def create(self, request: web.Request) -> web.StreamResponse:
        answer = await super().create(request)
        thing = self.shelf.things[answer.headers["Location"].rpartition("/")[2]]
        thing.bytes = self.files.setdefault(thing.said["filename"], bytearray())
        return answer

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if int(request.headers["Upload-Offset"]) != len(thing.came):
            return web.Response(status=409)
        async for block in request.content.iter_any():
            thing.came += block
            thing.bytes += block
        if (
            thing.size == len(thing.came)
            and self.kind != "plain"
            and thing.announced != hashlib.sha256(thing.came).hexdigest()
        ):
            del self.shelf.things[name]
            return web.Response(status=460)
        return web.Response(status=204, headers={**TUS, "Upload-Offset": str(len(thing.came))})

    def offset(self, thing: Thing) -> int:
        return len(thing.came)
