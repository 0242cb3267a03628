"""What goes over the line is small for those who can read it so, and the same thing for all."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from dockd.page.compression import Compression
from dockd.page.doorkeeper import tagged
from dockd.page.pages.static import Static
from dockd.page.statics import address_of, statics

LONG = b"<p>The footage of this camera is in the store.</p>" * 100


async def long(request: web.Request) -> web.Response:
    return tagged(request, LONG, content_type="text/html")


async def short(request: web.Request) -> web.Response:
    return tagged(request, b"{}", content_type="application/json")


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(LONG)
    return response


async def picture(_request: web.Request) -> web.Response:
    return web.Response(body=LONG, content_type="image/png")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application(middlewares=[Compression().middleware])
    for path, handler in (("/long", long), ("/short", short), ("/stream", stream), ("/picture", picture)):
        app.router.add_get(path, handler)
    Static(None).add_to(app.router)  # type: ignore[arg-type]
    async with TestServer(app) as server:
        yield str(server.make_url(""))


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as found:
        yield found


@pytest.mark.parametrize("accepts", ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8", "*"])
async def test_it_is_small_and_the_same(url: str, client: ClientSession, accepts: str) -> None:
    async with client.get(f"{url}/long", headers={"Accept-Encoding": accepts}) as answer:
        body = await answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) == len(body) < len(LONG) / 10
        assert gzip.decompress(body) == LONG
        assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize("accepts", ["", "identity", "gzip;q=0", "br", "deflate"])
async def test_who_cannot_read_it_gets_it_as_it_is(url: str, client: ClientSession, accepts: str) -> None:
    async with client.get(f"{url}/long", headers={"Accept-Encoding": accepts}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == LONG
        assert "Accept-Encoding" in answer.headers["Vary"], (
            "what keeps it for others must not give it to those who read it small"
        )


async def test_the_tag_of_the_small_one_is_weak_and_holds_for_both(url: str, client: ClientSession) -> None:
    small = {"Accept-Encoding": "gzip"}
    async with client.get(f"{url}/long", headers=small) as answer:
        tag = answer.headers["ETag"]
    async with client.get(f"{url}/long") as answer:
        plain = answer.headers["ETag"]
    assert tag == f"W/{plain}"
    for headers in (small, {}):
        for known in (tag, plain):
            async with client.get(f"{url}/long", headers={**headers, "If-None-Match": known}) as answer:
                assert answer.status == 304
                assert answer.headers["ETag"] == (tag if headers else plain)
                assert await answer.read() == b""


@pytest.mark.parametrize("path", ["/short", "/stream", "/picture"])
async def test_what_is_not_worth_it_is_left(url: str, client: ClientSession, path: str) -> None:
    async with client.get(url + path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status == 200
        assert "Content-Encoding" not in answer.headers


async def test_what_has_its_version_in_its_address_is_kept_for_good(url: str, client: ClientSession) -> None:
    for name in ("page.css", "live.js", "live-worker.js", "icon-ready.svg"):
        async with client.get(url + address_of(name)) as answer:
            assert await answer.read() == statics()[name].body
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        for query in ("", "?v=", "?v=000000000000"):
            async with client.get(f"{url}/static/{name}{query}") as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == "no-cache", (
                    "an old page must not pin a new style to its old address"
                )
