"""One segment to the store as the agent sends it, in a process of its own: `python -m tests.bench.one_upload URL FILE SHA256 CHUNK PID`.

It announces, asks the offset, sends requests of at most CHUNK bytes through the slices and the (open) limit, and has a signed receipt
with a fresh nonce given, which is held against size, SHA-256 and nonce. Only the ledger's rows are left out. Tells in JSON: seconds from
the announcement to the receipt, the seconds of those that the receipt took, CPU seconds since the imports, those of process PID (the
store), and by how much the event loop was late meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from ingest.model import Digest, SegmentDescription
from ingest.store.slices import slices
from ingest.store.throttle import Bucket, throttled
from ingest.store.tus import TusStore
from tests.bench.watch import cpu_of, loop_lag


async def upload(url: str, path: Path, *, sha256: str, chunk: int) -> dict[str, float]:
    """Send `path` to the store at `url` and hold its receipt against what was sent. Raises what TusStore raises, AssertionError."""
    size = path.stat().st_size
    segment = SegmentDescription(
        id=uuid.uuid4().hex, camera="bench", path=path.name.encode(), digest=Digest(size=size, sha256=sha256, xxh3_128="0" * 32),
        captured_at="2025-01-01T00:00:00Z", station="bench", evidential=False,
    )  # fmt: skip
    store, bucket = TusStore(url), Bucket(None)
    try:
        await store.identify()
        async with loop_lag() as late:
            began = time.perf_counter()
            address = await store.announce(segment)
            offset = await store.offset(address, size=size)
            while offset < size:
                length = min(chunk, size - offset)

                def from_offset(start: int, length: int = length) -> AsyncIterator[bytes]:
                    return throttled(slices(path, offset=start, length=length), bucket)

                offset = await store.send(address, offset=offset, length=length, size=size, slices=from_offset)
            sent, nonce = time.perf_counter(), secrets.token_urlsafe(24)
            claim = await store.claim(address, segment, nonce=nonce, head=None, dock="b" * 43)
            proven = time.perf_counter()
        assert (claim.method, claim.size, claim.sha256, claim.nonce) == ("receipt", size, sha256, nonce)
    finally:
        await store.close()
    return {"seconds": proven - began, "receipt_seconds": proven - sent, **late}


def main() -> None:
    url, path, sha256, chunk, server = sys.argv[1:]
    before, served = time.process_time(), cpu_of(int(server))
    told = asyncio.run(upload(url, Path(path), sha256=sha256, chunk=int(chunk)))
    print(json.dumps({**told, "cpu": time.process_time() - before, "server_cpu": cpu_of(int(server)) - served}))


if __name__ == "__main__":
    main()
