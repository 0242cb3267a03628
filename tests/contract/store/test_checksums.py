"""tus's checksum extension is used where it is real, and what a server only announces is not believed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingest.errors import Unproven
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import described, slices_of

SHORT = Patience(stall=5.0, answer=5.0, settle=5.0)


class Far:
    """A tus server of no known make. `real`: it holds bytes against their checksum."""

    def __init__(self, *, announces: str, real: bool) -> None:
        self.announces, self.real = announces, real
        self.seen: list[tuple[str, str | None]] = []
        self.uploads: dict[str, bytearray] = {}
        self.lengths: dict[str, str] = {}
        self.names: list[str] = []
        self.points_at = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.headers.get("Upload-Checksum")))
        name = request.match_info.get("name", "")
        match request.method:
            case "OPTIONS":
                return web.Response(
                    status=204,
                    headers={
                        "Tus-Version": "1.0.0",
                        "Tus-Extension": "creation,checksum",
                        "Tus-Checksum-Algorithm": self.announces,
                    },
                )
            case "POST":
                self.names.append(request.headers["Upload-Metadata"])
                if self.points_at:
                    return web.Response(status=201, headers={"Location": f"/files/{self.points_at}"})
                name = str(len(self.uploads))
                self.uploads[name], self.lengths[name] = bytearray(), request.headers["Upload-Length"]
                return web.Response(status=201, headers={"Location": f"/files/{name}"})
            case "HEAD":
                there = {"Upload-Offset": str(len(self.uploads[name])), "Upload-Length": self.lengths[name]}
                return web.Response(headers=there)
            case "PATCH":
                return self._patch(name, await request.read(), request.headers.get("Upload-Checksum"))
            case "DELETE":
                del self.uploads[name]
                return web.Response(status=204)
            case _:
                return web.Response(status=404)

    def _patch(self, name: str, body: bytes, said: str | None) -> web.Response:
        if said is not None and self.real:
            algorithm, digest = said.split(" ")
            if algorithm != "sha256" or base64.b64decode(digest) != hashlib.sha256(body).digest():
                return web.Response(status=460)
        self.uploads[name] += body
        return web.Response(status=204, headers={"Upload-Offset": str(len(self.uploads[name]))})


@pytest.fixture
async def far(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Far, TusStore]]:
    announces, real = request.param
    far = Far(announces=announces, real=real)
    application = web.Application()
    for path in ("/.well-known/dockd-store", "/files/", "/files/{name}"):
        application.router.add_route("*", path, far.answer)
    async with TestServer(application) as server:
        store = TusStore(str(server.make_url("/files/")), patience=SHORT)
        await store.identify()
        yield far, store
        await store.close()


@pytest.mark.parametrize("far", [("sha1,sha256", True)], indirect=True)
async def test_a_server_that_refuses_wrong_bytes_is_told_checksums(far: tuple[Far, TusStore]) -> None:
    server, store = far
    assert await store.checks()
    assert await store.checks()
    assert [method for method, _said in server.seen].count("PATCH") == 1
    assert server.uploads == {}
    content = b"footage" * 1000
    upload = await store.announce(described(content))
    right = hashlib.sha256(content).hexdigest()
    with pytest.raises(Unproven):
        await store.send(
            upload, offset=0, length=len(content), size=len(content), slices=slices_of(content), sha256=hashlib.sha256(b"").hexdigest()
        )  # fmt: skip
    assert await store.send(
        upload, offset=0, length=len(content), size=len(content), slices=slices_of(content), sha256=right
    ) == len(content)


@pytest.mark.parametrize("far", [("sha256", False), ("sha1,md5", True)], indirect=True)
async def test_one_that_takes_anything_or_knows_other_digests_is_not(far: tuple[Far, TusStore]) -> None:
    server, store = far
    assert not await store.checks()
    await store.identify()
    assert not await store.checks()
    assert [method for method, _said in server.seen].count("PATCH") == (server.announces == "sha256")


@pytest.mark.parametrize("far", [("sha256", True)], indirect=True)
@pytest.mark.parametrize(("there", "length"), [(b"x" * 4096, "4096"), (b"", "70000"), (b"x", "4096")])
async def test_what_a_server_points_at_and_is_not_the_empty_bait_is_let_be(
    far: tuple[Far, TusStore], there: bytes, length: str
) -> None:
    """A server that names its uploads by what they are called, or lies: that may be somebody's footage."""
    server, store = far
    server.points_at, server.uploads["others"], server.lengths["others"] = "others", bytearray(there), length
    assert not await store.checks()
    assert server.uploads == {"others": there}
    assert not {"PATCH", "DELETE"} & {method for method, _said in server.seen}


@pytest.mark.parametrize("far", [("sha256", False)], indirect=True)
async def test_each_bait_has_a_name_of_its_own(far: tuple[Far, TusStore]) -> None:
    server, store = far
    await store.checks()
    second = TusStore(store.url, patience=SHORT)
    await second.identify()
    await second.checks()
    await second.close()
    for word in ("filename", "camera", "path"):
        said = [dict(pair.split(" ") for pair in one.split(","))[word] for one in server.names]
        assert len(set(said)) == len(said) == 2, word


@pytest.mark.parametrize("far", [("sha1", False)], indirect=True)
async def test_no_two_uploads_have_one_file_name(far: tuple[Far, TusStore]) -> None:
    """Cameras use their names again: a server that calls a file by its name keeps one of two, or one behind the other. Nor has a second try of one."""
    server, store = far
    first, path = described(b"footage"), b"DCIM/100MEDIA/" + b"x" * 200 + b"MOV 0001.MP4"
    for segment in (
        first,
        first,
        replace(first, id="another"),
        replace(first, path=path),
        replace(first, id="y" * 300),
    ):
        await store.announce(segment)
    said = [dict(pair.split(" ") for pair in one.split(",")) for one in server.names]
    names = [base64.b64decode(one["filename"]).decode() for one in said]
    assert len(set(names)) == 5
    assert len({name[:49] for name in names[:3]}) == 3, "nor where a server cuts it off"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name) for name in names)
    assert names[0].startswith(f"{first.id}-")
    assert names[3].endswith("xMOV_0001.MP4")
    assert [base64.b64decode(one["path"]) for one in said] == [first.path] * 3 + [path, first.path]
