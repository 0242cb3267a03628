"""A real S3 server as the exam sees it, and the adapter that sits before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

from ingest.model import ProofMethod
from ingest.store.line import Patience
from ingest.store.s3 import S3Store
from tests.contract.store.exam import FarSide
from tests.stores.servers.base import S3Server

PATIENT = Patience(stall=20.0, answer=20.0, settle=20.0)


class RealS3(FarSide):
    tells_length = False

    def __init__(self, server: S3Server, method: ProofMethod) -> None:
        self.server, self.method, self.url = server, method, server.bucket_url

    def key(self, upload: str) -> str:
        return unquote(urlsplit(upload).path).removeprefix(f"/{self.server.bucket}/")

    def holds(self, upload: str) -> bytes | None:
        return self.server.holds(self.key(upload))

    def lose(self, upload: str) -> None:
        self.server.lose(self.key(upload))


async def founded() -> bool:
    return True


def adapter(server: S3Server, **more: Any) -> S3Store:
    """Before this server."""
    return S3Store(
        server.bucket_url, credentials=server.credentials, region=server.region, patience=PATIENT, founds=founded, **more
    )  # fmt: skip


async def identified(server: S3Server, **more: Any) -> AsyncIterator[S3Store]:
    store = adapter(server, **more)
    await store.identify()
    yield store
    await store.close()
