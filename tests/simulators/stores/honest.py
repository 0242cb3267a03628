"""A small central store that does as the protocol says, over plain dictionaries: what the lies in `lies.py` are made from.

`Shelf` is what lies there, and outlives a store; a store is a behaviour over it. Three kinds, by what they announce: signed receipts,
digests (RFC 9530), or nothing at all.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web
from joserfc import jws
from joserfc.jwk import OKPKey

Kind = Literal["receipts", "digests", "plain"]
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class Thing:
    """An upload, and later an object. `came`: what a store that lies took in, where that is not what it keeps."""

    size: int
    said: dict[str, bytes]
    bytes: bytearray = field(default_factory=bytearray)
    came: bytearray = field(default_factory=bytearray)
    stored_at: str = ""

    @property
    def whole(self) -> bool:
        return len(self.bytes) == self.size

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.bytes).hexdigest()

    @property
    def name(self) -> str:
        """The file's own, whatever `filename` says to a server of another make."""
        return self.said.get("path", self.said["filename"]).rpartition(b"/")[2].decode("utf-8", "surrogateescape")

    @property
    def announced(self) -> str:
        return self.said.get("sha256", b"").decode()


@dataclass
class Shelf:
    """What a store has: its name, its keys (the last one signs), its things, and what it saw of its docks."""

    store_id: str = field(default_factory=lambda: f"store-{secrets.token_hex(4)}")
    keys: list[OKPKey] = field(default_factory=lambda: [OKPKey.generate_key("Ed25519")])
    history: list[str] = field(default_factory=list)
    things: dict[str, Thing] = field(default_factory=dict)
    docks: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def whole(self) -> dict[str, str]:
        """SHA-256 of what is whole, by the segment's name: to look from outside."""
        return {t.name: t.sha256 for t in self.things.values() if t.whole}

    def new_key(self, *, signed: bool) -> None:
        """Another key signs from now on; `signed`: the one before says so."""
        fresh = OKPKey.generate_key("Ed25519")
        if signed:
            said = {"iss": self.store_id, "new_key": fresh.thumbprint(), "jwk": public(fresh)}
            self.history.append(signature(said, self.keys[-1], typ="dockd-key+jwt"))
        self.keys.append(fresh)


def given(request: web.Request, body: bytes) -> web.Response:
    """These bytes, or the part of them that was asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
    if asked is None:
        return web.Response(body=body)
    first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
    if first > last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
    said = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
    return web.Response(status=206, headers=said, body=body[first : last + 1])


def public(key: OKPKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint()}


def signature(said: Mapping[str, Any], key: OKPKey, *, typ: str = "JWT") -> str:
    """A compact JWS."""
    header = {"alg": "Ed25519", "kid": key.thumbprint(), "typ": typ}
    return jws.serialize_compact(header, json.dumps(said), key, algorithms=["Ed25519"])


class HonestStore:
    """Handlers of the protocol. A lie overrides the one method that it lies in."""

    kind: Kind = "receipts"

    def __init__(self, shelf: Shelf | None = None, *, kind: Kind | None = None) -> None:
        self.shelf = shelf if shelf is not None else Shelf()
        self.kind = kind or self.kind

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.shelf.asked.append(f"{request.method} {request.path}")
        if request.path == "/.well-known/dockd-store":
            return await self.well_known(request)
        if request.path.rstrip("/") == "/files":
            return await (self.options(request) if request.method == "OPTIONS" else self.create(request))
        name, _, what = request.path.removeprefix("/files/").partition("/")
        thing = self.shelf.things.get(name)
        if thing is None:
            return web.Response(status=404)
        if what == "receipt" and self.kind == "receipts":
            return await self.receipt(request, name, thing)
        handler = {"HEAD": self.head, "PATCH": self.patch, "GET": self.read}.get(request.method)
        return await handler(request, name, thing) if handler else web.Response(status=405)

    async def well_known(self, _request: web.Request) -> web.StreamResponse:
        if self.kind != "receipts":
            return web.Response(status=404)
        return web.json_response(self.document())

    def document(self) -> dict[str, Any]:
        keys = [public(key) for key in reversed(self.shelf.keys)]
        return {
            "store_id": self.shelf.store_id, "protocol": 1, "jwks": {"keys": keys}, "upload": "/files/",
            "capabilities": ["receipts"], "key_history": self.shelf.history,
        }  # fmt: skip

    async def options(self, _request: web.Request) -> web.StreamResponse:
        more = {"Want-Repr-Digest": "sha-256=10"} if self.kind == "digests" else {}
        return web.Response(status=204, headers={**TUS, "Tus-Version": "1.0.0", "Tus-Extension": "creation", **more})

    async def create(self, request: web.Request) -> web.StreamResponse:
        pairs = (pair.partition(" ") for pair in request.headers.get("Upload-Metadata", "").split(",") if pair)
        said = {key.strip(): base64.b64decode(value) for key, _, value in pairs}
        name = secrets.token_hex(8)
        self.shelf.things[name] = Thing(size=int(request.headers["Upload-Length"]), said=said, stored_at=_now())
        return web.Response(status=201, headers={**TUS, "Location": f"/files/{name}"})

    async def head(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        headers = {**TUS, "Upload-Offset": str(self.offset(thing)), "Upload-Length": str(thing.size)}
        if self.kind == "digests" and self.complete(thing) and request.headers.get("Want-Repr-Digest"):
            digest = base64.b64encode(bytes.fromhex(self.digest(thing))).decode()
            headers["Repr-Digest"] = f"sha-256=:{digest}:"
        return web.Response(status=200, headers=headers)

    def offset(self, thing: Thing) -> int:
        return len(thing.bytes)

    def complete(self, thing: Thing) -> bool:
        return thing.whole

    def digest(self, thing: Thing) -> str:
        return thing.sha256

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if int(request.headers["Upload-Offset"]) != len(thing.bytes):
            return web.Response(status=409)
        with contextlib.suppress(OSError, web.RequestPayloadError):
            async for block in request.content.iter_any():
                self.keep(thing, block)
        if thing.whole and not self.checks(thing):
            del self.shelf.things[name]
            return web.json_response({"detail": "these are other bytes than were announced"}, status=460)
        return web.Response(status=204, headers={**TUS, "Upload-Offset": str(self.offset(thing))})

    def keep(self, thing: Thing, block: bytes) -> None:
        thing.bytes += block

    def checks(self, thing: Thing) -> bool:
        """Whether these are the bytes that were announced."""
        return self.kind == "plain" or thing.announced in ("", thing.sha256)

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        return given(request, bytes(thing.bytes))

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        if not self.complete(thing):
            return web.Response(status=404)
        query = request.query
        if "seq" in query:
            mine, known = (int(query["seq"]), query["head"]), self.shelf.docks.get(query.get("dock", ""))
            if known is not None and (mine[0] < known[0] or (mine[0] == known[0] and mine != known)):
                return web.json_response({"seq": known[0], "head": known[1]}, status=409)
            self.shelf.docks[query.get("dock", "")] = mine
        return web.Response(text=self.signed(self.claims(request, name, thing)), content_type="application/jwt")

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        asked = {"nonce": request.query["nonce"]}
        if "seq" in request.query:
            asked |= {"seq": int(request.query["seq"]), "head": request.query["head"]}  # type: ignore[dict-item]
        return {
            "iss": self.shelf.store_id, "sub": name, "size": len(thing.bytes), "sha256": thing.sha256, "durable": True,
            "stored_at": thing.stored_at, "attested_at": _now(), "segment": thing.said["segment"].decode(),
            "camera": thing.said["camera"].decode(), **asked,
        }  # fmt: skip

    def signed(self, claims: dict[str, Any]) -> str:
        return signature(claims, self.shelf.keys[-1])


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
