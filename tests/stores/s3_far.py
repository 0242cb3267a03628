"""A real S3 server as the exam sees it, and the adapter that sits before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from ingest.model import ProofMethod
from ingest.store.line import Patience
from ingest.store.s3 import S3Store
from ingest.store.s3.credentials import keys_of
from ingest.store.s3.requests import address
from ingest.store.s3.signing import EMPTY, signed
from tests.contract.store.exam import FarSide
from tests.stores.servers.base import S3Server

PATIENT = Patience(stall=20.0, answer=20.0, settle=20.0)


class RealS3(FarSide):
    tells_length = False

    def __init__(self, server: S3Server, method: ProofMethod, *, marks: bool = True) -> None:
        self.server, self.method, self.url = server, method, server.bucket_url
        self.marks = marks

    def key(self, upload: str) -> str:
        return unquote(urlsplit(upload).path).removeprefix(f"/{self.server.bucket}/")

    def holds(self, upload: str) -> bytes | None:
        return self.server.holds(self.key(upload))

    def lose(self, upload: str) -> None:
        self.server.lose(self.key(upload))

    def knows_as_evidence(self, upload: str) -> bool | None:
        """By its own word; None: by `marks` it has none."""
        if not self.marks:
            return None
        url, keys = (
            address(self.server.bucket_url, self.key(upload), {"tagging": ""}),
            keys_of(self.server.credentials()),
        )
        headers = signed("GET", url, {}, body_sha256=EMPTY, keys=keys, region=self.server.region)
        try:
            with urlopen(Request(url, headers=dict(headers)), timeout=20) as answer:
                said: bytes = answer.read(64 << 10)
        except HTTPError as error:
            if error.code != 404:  # no tags at all, says Ceph
                raise
            return False
        return b"<Value>true</Value>" in said


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
