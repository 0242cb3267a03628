"""What an enrolled dock hears of what another has brought: as much as it needs that has announced the same itself."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path

import aiohttp

from ingest.central import CentralStore
from ingest.central.enrolment import WAYS, Enrolment, sha256
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TUS, TusClient, announced

CONTENT = b"footage" * 1000
SAID = announced(CONTENT, station="north", filename="CAM1_officer_4711.mp4")


async def test_a_dock_hears_nothing_of_what_another_rack_films_and_may_still_prove_and_mark_what_is_the_same(
    root: Path, session: aiohttp.ClientSession
) -> None:
    async with CentralStore(root, settings=SMALL) as store:
        operator = Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())

        async def enrolled(name: str) -> TusClient:
            made = operator.invite(name, who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)
            token = secrets.token_urlsafe(32)
            desk = TusClient(store.url, session, token=f"{made.id}.{made.secret}")
            half = json.dumps({"token_sha256": sha256(token)}).encode()
            assert (await desk.ask("POST", "/enroll", data=half)).status == 200
            return TusClient(store.url, session, token=token)

        one, two = await enrolled("rack-1"), await enrolled("rack-2")
        unfinished = await one.created(len(CONTENT), SAID)
        assert (await one.head(unfinished)).headers["Upload-Metadata"] == SAID
        refused = await two.head(unfinished)
        assert (refused.status, "Upload-Metadata" in refused.headers, "Upload-Length" in refused.headers) == (
            404,
            False,
            False,
        )
        assert (await one.patch(unfinished, 0, CONTENT)).status == 204

        digest = {"Want-Repr-Digest": "sha-256=10"}
        for client, told in ((one, True), (two, False)):
            path = await client.created(len(CONTENT), SAID)
            assert path == unfinished
            answer = await client.head(path, **digest)
            assert (answer.status, answer.offset, answer.headers["Upload-Length"]) == (
                200,
                len(CONTENT),
                str(len(CONTENT)),
            )
            assert answer.headers["Repr-Digest"].startswith("sha-256=:")
            assert ("Upload-Metadata" in answer.headers, "ETag" in answer.headers) == (told, told)
            assert (await client.receipt(path)).status == 200

        id = unfinished.rpartition("/")[2]
        for client, keys in (
            (two, {"id", "evidential"}),
            (one, {"id", "evidential", "camera", "segment", "filename", "size", "sha256", "stored_at"}),
        ):
            marked = await client.ask("POST", f"/api/v1/segments/{id}/evidential", headers=TUS)
            assert (marked.status, marked.json()["evidential"], set(marked.json())) == (200, True, keys)
        marks = [one_.who for one_ in await store.records.entries(object=id) if "evidential" in one_.action]
        assert marks[:1] == ["rack-2"]
        assert (
            hashlib.sha256(CONTENT).hexdigest()
            == (await one.ask("GET", "/api/v1/segments")).json()["segments"][0]["sha256"]
        )
