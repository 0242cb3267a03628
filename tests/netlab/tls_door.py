"""`python -m tests.netlab.tls_door HOST PORT PEM`: TLS in front of the store at HOST:PORT, as a site's own front end gives it.

Says on its first line where it listens. The store speaks no TLS itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys


async def serve(host: str, port: int, pem: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(pour(reader, back), pour(there, writer))

    server = await asyncio.start_server(client, host, 0, ssl=context)
    print(f"https://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(256 << 10):
            target.write(block)
            await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
