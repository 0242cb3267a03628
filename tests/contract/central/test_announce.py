"""The same segment announced again is the same object; other segments never are."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.contract.central.tus_client import TUS, TusClient, announced, metadata

CONTENT = os.urandom(50_000)


async def test_an_unfinished_upload_is_found_again(client: TusClient) -> None:
    path = await client.created(len(CONTENT), announced(CONTENT))
    await client.patch(path, 0, CONTENT[:20_000])
    again = await client.create(len(CONTENT), announced(CONTENT, filename="renamed.mp4"))
    assert (again.status, again.headers["Location"], again.offset) == (201, path, 20_000)


async def test_a_finished_object_is_found_again(client: TusClient) -> None:
    path = await client.stored(CONTENT)
    again = await client.create(len(CONTENT), announced(CONTENT))
    assert (again.status, again.headers["Location"], again.offset) == (201, path, len(CONTENT))
    with_body = await client.ask(
        "POST",
        "/files/",
        headers={
            **TUS,
            "Upload-Length": str(len(CONTENT)),
            "Upload-Metadata": announced(CONTENT),
            "Content-Type": "application/offset+octet-stream",
        },
        data=CONTENT,
    )
    assert (with_body.status, with_body.headers["Location"], with_body.offset) == (201, path, len(CONTENT))


async def test_many_at_once_get_one_upload(client: TusClient) -> None:
    answers = await asyncio.gather(*(client.create(9, announced(b"123456789")) for _ in range(20)))
    assert len({answer.headers["Location"] for answer in answers}) == 1


async def test_equal_content_of_another_segment_is_another_object(client: TusClient) -> None:
    one = await client.stored(CONTENT, announced(CONTENT, segment="a"))
    two = await client.stored(CONTENT, announced(CONTENT, segment="b"))
    three = await client.stored(CONTENT, announced(CONTENT, segment="a", camera="CAM2"))
    assert len({one, two, three}) == 3
    listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
    assert len(listed) == 3


async def test_without_all_three_names_each_announcement_is_its_own(client: TusClient) -> None:
    said = metadata(camera="CAM1", segment="seg-1")
    assert await client.created(5, said) != await client.created(5, said)


async def test_another_size_is_another_upload(client: TusClient) -> None:
    said = announced(CONTENT)
    assert await client.created(10, said) != await client.created(11, said)


async def test_an_object_that_is_gone_from_the_disk_is_taken_again(client: TusClient, root: Path) -> None:
    path = await client.stored(CONTENT)
    id = path.rpartition("/")[2]
    (root / "objects" / id[:2] / id).unlink()
    again = await client.stored(CONTENT)
    assert again != path
    assert (await client.ask("GET", again)).body == CONTENT
    assert (await client.receipt(again)).status == 200


async def test_list_pages_in_the_order_of_storing(client: TusClient) -> None:
    paths = [await client.stored(bytes([n]), announced(bytes([n]), segment=f"s{n}")) for n in range(7)]
    seen: list[str] = []
    after: str | None = ""
    for _ in range(4):
        page = (await client.ask("GET", f"/api/v1/segments?after={after}&limit=2")).json()
        seen += [segment["id"] for segment in page["segments"]]
        after = page["next"]
    assert after is None
    assert seen == [path.rpartition("/")[2] for path in paths]
    from_id = (await client.ask("GET", f"/api/v1/segments?after={seen[4]}")).json()["segments"]
    assert [segment["id"] for segment in from_id] == seen[5:]
    for query in ("limit=0", "limit=1001", "limit=x", "after=-1", "after=x"):
        assert (await client.ask("GET", f"/api/v1/segments?{query}")).status == 400


async def test_names_that_are_no_utf8_are_kept(client: TusClient) -> None:
    said = metadata(filename=b"caf\xe9.mp4", camera=b"\xff", segment=b"\xfe\n", sha256="")
    assert (await client.create(1, said)).status == 400  # an empty sha256 is none
    said = metadata(filename=b"caf\xe9.mp4", camera=b"\xff", segment=b"\xfe\n")
    path = await client.stored(b"x", said)
    (segment,) = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
    assert segment["filename"].encode("utf-8", "surrogateescape") == b"caf\xe9.mp4"
    assert (await client.receipt(path)).status == 200
    assert (await client.ask("POST", f"/api/v1/segments/{segment['id']}/evidential")).json()["evidential"] is True
