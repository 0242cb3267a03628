"""aiotus, run by an environment of its own: `python tus_aiotus.py URL FILE SHA256`."""

import asyncio
import sys

import aiotus  # type: ignore[import-not-found]

url, file, sha256 = sys.argv[1:]


async def upload() -> None:
    with open(file, "rb") as stream:
        assert await aiotus.upload(url, stream, {"filename": b"segment", "sha256": sha256.encode()}, chunksize=64 << 20)


asyncio.run(upload())
