"""aiotus, run by an environment of its own: `python tus_aiotus.py URL FILE SHA256`.

In its two steps: `aiotus.upload` does both, and cannot follow a Location that is a path on the same host.
"""

import asyncio
import sys

import aiohttp
import yarl
from aiotus import core, creation  # type: ignore[import-not-found]

url, file, sha256 = sys.argv[1:]


async def upload() -> None:
    metadata = {"filename": b"segment", "sha256": sha256.encode()}
    with open(file, "rb") as stream:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            place = await creation.create(session, yarl.URL(url), stream, metadata)
            await core.upload_buffer(session, yarl.URL(url).join(place), stream, chunksize=64 << 20)


asyncio.run(upload())
