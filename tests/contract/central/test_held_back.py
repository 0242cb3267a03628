"""A request whose credentials were looked at, and whose body is kept back until they were taken back."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from ingest.central import CentralStore
from ingest.central.enrolment import WAYS, Enrolment, sha256
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient


async def test_a_renewal_that_is_kept_back_until_the_dock_was_invited_again_brings_nobody_in(
    root: Path, session: aiohttp.ClientSession
) -> None:
    async with CentralStore(root, settings=SMALL) as store:
        operator = Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())

        async def enrolled(token: str) -> None:
            made = operator.invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=True)
            desk = TusClient(store.url, session, token=f"{made.id}.{made.secret}")
            half = json.dumps({"token_sha256": sha256(token)}).encode()
            assert (await desk.ask("POST", "/enroll", data=half)).status == 200

        stolen, own, thiefs = (secrets.token_urlsafe(32) for _ in range(3))
        await enrolled(stolen)
        body = json.dumps({"token_sha256": sha256(thiefs)}).encode()
        where = urlsplit(store.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(
                b"POST /enroll/renew HTTP/1.1\r\nHost: store\r\nConnection: close\r\nAuthorization: Bearer "
                + stolen.encode() + b"\r\nContent-Length: %d\r\n\r\n{" % len(body)
            )  # fmt: skip
            await writer.drain()
            assert (await TusClient(store.url, session, token=stolen).ask("GET", "/enroll/self")).status == 200
            await enrolled(own)
            writer.write(body[1:])
            answer = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            answer = b""  # it was cut, which will do as well
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert b" 200 " not in answer.partition(b"\r\n")[0]
        assert (await TusClient(store.url, session, token=thiefs).ask("GET", "/enroll/self")).status == 401
        assert (await TusClient(store.url, session, token=own).ask("GET", "/enroll/self")).status == 200
