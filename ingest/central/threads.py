"""Where the disk is touched: threads for writing and for reading back, never the loop.

Three pools, because a re-hash of a large object must not keep the next upload's bytes in memory. Rules: what a pool runs
always ends by itself; `stopped` tells long readers that the store is closing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """The store's pools."""

    def __init__(self, *, writers: int = 8, hashers: int = 4, lookers: int = 2) -> None:
        self._write = ThreadPoolExecutor(writers, thread_name_prefix="store-disk")
        self._hash = ThreadPoolExecutor(hashers, thread_name_prefix="store-hash")
        self._look = ThreadPoolExecutor(lookers, thread_name_prefix="store-look")
        self._closing = False

    def stopped(self) -> bool:
        """Whether the store is closing."""
        return self._closing

    def disk(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run something short: writes, syncs, renames."""
        return asyncio.get_running_loop().run_in_executor(self._write, work)

    def hash(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run what syncs and reads back bytes that are just coming."""
        return asyncio.get_running_loop().run_in_executor(self._hash, work)

    def look(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run what reads a whole object again."""
        return asyncio.get_running_loop().run_in_executor(self._look, work)

    def stop(self) -> None:
        """Tell long readers to give up."""
        self._closing = True

    def close(self) -> None:
        """Wait for what runs. Blocks."""
        self._closing = True
        self._write.shutdown(wait=True)
        self._hash.shutdown(wait=True)
        self._look.shutdown(wait=True)
