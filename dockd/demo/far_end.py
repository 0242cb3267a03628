"""The demo's central store: a process of its own, so that it can really go away and come back at the same address.

It is killed, not asked: what a store has said that it has must survive that. It ends by itself when the demo does, for its standard
input ends then; its own session keeps a Ctrl-C that is meant for the demo from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from ingest.central.app import CentralStore
from ingest.central.refusals import StoreUnusableError
from ingest.central.settings import StoreSettings

_KEEP_FREE = 64 << 20
_STARTS_WITHIN = 20.0


class FarEndError(Exception):
    """The store's process does not start; the message says why."""


class FarEnd:
    """The store's process over the folder `root`; `url` once it was started."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def start(self) -> None:
        """Start it, at the address that it had before. Raises FarEndError."""
        port = self.url.rsplit(":", 1)[-1] if self.url else "0"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dockd.demo.far_end", str(self._root), port, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said = b""
        if self._process.stdout is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STARTS_WITHIN):
                    said = await self._process.stdout.readline()
        if not said.startswith(b"http://"):
            await self.kill()
            raise FarEndError(
                f"the demo's central store does not start: {said.decode('utf-8', 'replace').strip() or 'it says nothing'}"
            )
        self.url = said.decode("ascii").strip()

    async def kill(self) -> None:
        """Switch it off in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _serve(root: Path, port: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)  # nobody writes to it: readable is its end
    async with CentralStore(root, listen=("127.0.0.1", port), settings=StoreSettings(keep_free=_KEEP_FREE)) as store:
        sys.stdout.write(f"{store.url}\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> None:
    """`python -m dockd.demo.far_end ROOT PORT`, for the demo."""
    try:
        asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
    except (StoreUnusableError, OSError) as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
