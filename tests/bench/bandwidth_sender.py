"""dockd's own way of sending, as it is in an upload: slices of a file, one bucket, one line. `python -m tests.bench.bandwidth_sender URL FILE RATE COUNT`."""

from __future__ import annotations

import asyncio
import os
import sys

from ingest.store.line import Line, Patience
from ingest.store.outgoing import Outgoing
from ingest.store.slices import slices
from ingest.store.throttle import Bucket, throttled

CHUNK = 64 << 20


async def send(url: str, file: str, *, rate: float, count: int) -> None:
    """`count` uploads of `file` at once, in requests of 64 MiB, until ended."""
    bucket = Bucket(rate)
    line = Line(url, token=lambda: None, patience=Patience(), tls=None, outgoing=Outgoing(bucket))
    size = os.stat(file).st_size

    async def one(number: int) -> None:
        fd = os.open(file, os.O_RDONLY | os.O_DIRECT)
        while True:
            for offset in range(0, size, CHUNK):
                length = min(CHUNK, size - offset)
                body = throttled(slices(fd, offset=offset, length=length), bucket.lane(f"camera {number}"))
                await line.give("PATCH", f"{url}{number}", headers={}, body=body, length=length, doing="sending")

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], rate=float(sys.argv[3]), count=int(sys.argv[4])))
