"""`python -m tests.netlab.tls_door HOST PORT PEM [ADDRESS PORT]`: TLS in front of the store at HOST:PORT, as a site's own front end gives it.

It listens at ADDRESS and PORT (HOST and any that is free), and says on its first line where. The store speaks no TLS itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys


async def serve(host: str, port: int, pem: str, at: tuple[str, int]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(pour(reader, back), pour(there, writer))

    server = await asyncio.start_server(client, *at, ssl=context)
    print(f"https://{at[0]}:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(256 << 10):
            target.write(block)
            await target.drain()
    target.close()


if __name__ == "__main__":
    where = (sys.argv[4], int(sys.argv[5])) if len(sys.argv) > 4 else (sys.argv[1], 0)
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], where))
