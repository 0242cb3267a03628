"""What a store can do wrong: one small class a lie, named after the damage."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections import Counter
from typing import Any

from aiohttp import web
from joserfc.jwk import OKPKey

from tests.simulators.stores.honest import TUS, HonestStore, Kind, Shelf, Thing, signature


async def drained(request: web.Request) -> int:
    """Read the body to its end and forget it; how much it was."""
    size = 0
    async for block in request.content.iter_any():
        size += len(block)
    return size


# -- with the bytes ----------------------------------------------------------------------------------------------------


class LosesTheSecondHalf(HonestStore):
    """Answers 200 and says how little it has."""

    def keep(self, thing: Thing, block: bytes) -> None:
        super().keep(thing, block[: max(0, thing.size // 2 - len(thing.bytes))])

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        await super().patch(request, name, thing)
        return web.Response(status=200, headers={**TUS, "Upload-Offset": str(len(thing.bytes))})


class SaysItHasAll(HonestStore):
    """Keeps a half, answers 200 with the full offset, and signs for that half. It refuses what was wrong on its way in."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.came: dict[int, Any] = {}

    def keep(self, thing: Thing, block: bytes) -> None:
        self.came.setdefault(id(thing), hashlib.sha256()).update(block)
        super().keep(thing, block[: max(0, thing.size // 2 - len(thing.bytes))])

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        await super().patch(request, name, thing)
        if self.came[id(thing)].hexdigest() != thing.announced:
            return web.Response(status=460)
        return web.Response(status=200, headers={**TUS, "Upload-Offset": str(thing.size)})

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        return web.Response(text=self.signed(self.claims(request, name, thing)), content_type="application/jwt")


class FlipsABit(HonestStore):
    """Keeps other bytes; its proof is true of those."""

    def keep(self, thing: Thing, block: bytes) -> None:
        first = not thing.bytes
        super().keep(thing, block)
        if first:
            thing.bytes[0] ^= 1

    def checks(self, thing: Thing) -> bool:
        """It does not let the honesty check through: that was wrong before its own flip."""
        thing.bytes[0] ^= 1
        good = thing.announced == thing.sha256
        thing.bytes[0] ^= 1
        return good or self.kind == "plain"


class VouchesForWhatWasAnnounced(HonestStore):
    """The hash in its proof is the client's own."""

    def checks(self, thing: Thing) -> bool:
        return True

    def digest(self, thing: Thing) -> str:
        return thing.announced

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return {**super().claims(request, name, thing), "sha256": thing.announced}


class ForgetsWhatItConfirmed(HonestStore):
    """Gives a good receipt, and loses the object."""

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        answer = await super().receipt(request, name, thing)
        if answer.status == 200:
            del self.shelf.things[name]
        return answer


class ForgetsEachOnce(HonestStore):
    """Loses every segment once after it was confirmed."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.asked: Counter[bytes] = Counter()

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        segment = thing.said["segment"]
        if thing.whole:
            self.asked[segment] += 1
        if self.asked[segment] == 2:
            del self.shelf.things[name]
            return web.Response(status=404)
        return await super().receipt(request, name, thing)


# -- with receipts -----------------------------------------------------------------------------------------------------


class ReceiptForAnotherFile(HonestStore):
    """Signs for an object that was not asked for."""

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        other, its = next(((n, t) for n, t in self.shelf.things.items() if n != name and t.whole), ("none", thing))
        said = super().claims(request, other, its)
        return said | {"nonce": request.query["nonce"]}


class ReceiptOfAnotherStore(HonestStore):
    """Passes on what another store says, signed by that store's key."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.other = Shelf()

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return {**super().claims(request, name, thing), "iss": self.other.store_id}

    def signed(self, claims: dict[str, Any]) -> str:
        return signature(claims, self.other.keys[-1])


class SignsForAnotherStore(ReceiptOfAnotherStore):
    """Signs with its own, pinned key, in another store's name."""

    def signed(self, claims: dict[str, Any]) -> str:
        return signature(claims, self.shelf.keys[-1])


class SignsInNoName(HonestStore):
    """Its receipts carry a word that no database takes."""

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return {**super().claims(request, name, thing), "iss": "\ud800"}


class ReplaysReceipts(HonestStore):
    """Gives the first receipt of each object again and again."""

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.first: dict[str, dict[str, Any]] = {}

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return self.first.setdefault(name, super().claims(request, name, thing))


class EndlessReceipt(HonestStore):
    """A body of 1 GB where a receipt belongs. `sent` counts what was taken of it."""

    sent = 0

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/jwt"})
        answer.content_length = 1 << 30
        await answer.prepare(request)
        block = b"e" * (64 << 10)
        with contextlib.suppress(ConnectionError):
            for _ in range((1 << 30) // len(block)):
                await answer.write(block)
                type(self).sent += len(block)
        return answer


class GarbageForReceipts(HonestStore):
    """Bytes that are no receipt."""

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        return web.Response(body=secrets.token_bytes(500), content_type="application/jwt")


class UnsignedReceipts(HonestStore):
    """All that a receipt says, signed by nobody known."""

    def signed(self, claims: dict[str, Any]) -> str:
        return signature(claims, OKPKey.generate_key("Ed25519"))


# -- with the line -----------------------------------------------------------------------------------------------------


class SilentAboutReceipts(HonestStore):
    """Takes the question, and never answers."""

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError


class Silent(HonestStore):
    """Takes every question, and never answers."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError


class YesToEverything(HonestStore):
    """200 OK."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await drained(request)
        return web.Response(text="OK")


class YesInTus(HonestStore):
    """200 to everything, with all the headers that a tus client looks for."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        offset = int(request.headers.get("Upload-Offset", "0")) + await drained(request)
        headers = {**TUS, "Tus-Version": "1.0.0", "Upload-Offset": str(offset), "Location": "/files/yes"}
        return web.Response(headers=headers)


class Redirects(HonestStore):
    """Sends bytes, or questions for receipts, to another server. `elsewhere` is that one's address."""

    def __init__(self, shelf: Shelf, *, elsewhere: str, what: str) -> None:
        super().__init__(shelf)
        self.elsewhere = elsewhere
        self.what = what

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == self.what or request.path.endswith(f"/{self.what}"):
            return web.Response(status=307, headers={"Location": f"{self.elsewhere}{request.path_qs}"})
        return await super().answer(request)


class AnnouncesElsewhere(HonestStore):
    """Names an address at another server for each upload."""

    def __init__(self, shelf: Shelf, *, elsewhere: str) -> None:
        super().__init__(shelf)
        self.elsewhere = elsewhere

    async def create(self, request: web.Request) -> web.StreamResponse:
        answer = await super().create(request)
        answer.headers["Location"] = self.elsewhere + answer.headers["Location"]
        return answer


class LocksEverySegment(HonestStore):
    """Somebody else is writing, it says of every upload, for ever; the honesty check it lets through."""

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if thing.size >= 1 << 20:
            return await super().patch(request, name, thing)
        await drained(request)
        return web.Response(status=423)


class NeverSawTheUpload(HonestStore):
    """Makes every upload, and knows none."""

    async def head(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        return web.Response(status=404)


class SaysHistoryWentBack(HonestStore):
    """409 to everything about receipts, naming a later entry each time."""

    seq = 10

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        self.seq += int(request.query.get("seq", "0")) + 1
        return web.json_response({"seq": self.seq, "head": secrets.token_hex(32)}, status=409)


class Answers(HonestStore):
    """One status, with headers and a body, to one kind of request (`POST`, `HEAD`, `PATCH`, `receipt` ...), the first `times` times."""

    def __init__(
        self, shelf: Shelf, what: str, status: int, *, times: int = 1 << 30, headers: dict[str, str] | None = None,
        body: bytes = b"", kind: Kind | None = None, early: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(shelf, kind=kind)
        self.what, self.status, self.times = what, status, times
        self.headers, self.body, self.early = headers or {}, body, early

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.times > 0 and (request.method == self.what or request.path.endswith(f"/{self.what}")):
            self.times -= 1
            if not self.early:
                await drained(request)
            answer = web.Response(status=self.status, headers=self.headers, body=self.body)
            if self.early:
                answer.force_close()
            return answer
        return await super().answer(request)


class CutsInTheMiddle(HonestStore):
    """Takes `after` bytes of a body, and lets the line go; `times` times."""

    def __init__(self, shelf: Shelf | None = None, *, after: int, times: int = 1, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.after, self.times = after, times

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if self.times <= 0:
            return await super().patch(request, name, thing)
        self.times -= 1
        left = self.after
        async for block in request.content.iter_any():
            self.keep(thing, block[:left])
            left -= len(block)
            if left <= 0:
                break
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
