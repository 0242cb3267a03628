"""Passwords' hashes: argon2id.

Rules kept here: a user that does not exist costs as long as one that does; one hash is made at a time, in a thread of its own, and few may wait
for it, so that a flood of them takes neither the memory nor both cores of a small machine.

The cost: 64 MiB, three passes, one lane (RFC 9106's second choice, on one core): about a quarter of a second on a dock's machine.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from dockd.access.words import LONGEST, same_password

MOST_WAITING = 8


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one hash costs: passes, KiB."""

    passes: int = 3
    memory: int = 64 << 10


class Hashing:
    """Makes and compares hashes. Blocks."""

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=1, type=Type.ID)

    @cached_property
    def _nobodys(self) -> str:
        """A hash that no password fits, at the same cost."""
        return self._hasher.hash(secrets.token_hex(16))

    def make(self, password: str) -> str:
        """The hash that is kept."""
        return self._hasher.hash(same_password(password).encode("utf-8", "surrogatepass"))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. `kept` None: there is no such user, which takes as long to say."""
        said = same_password(password[: LONGEST + 1]).encode("utf-8", "surrogatepass")
        nobodys = self._nobodys  # made for whoever asks first, whoever that is
        known = kept if kept is not None else nobodys
        try:
            self._hasher.verify(known, said)
        except (Argon2Error, InvalidHashError):
            return False
        return kept is not None and len(password) <= LONGEST


class TooManyWait(Exception):
    """More ask than can be told in a reasonable time."""


class OneAtATime:
    """`Hashing` from the event loop. Raises TooManyWait instead of letting a queue grow."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0

    def see_room(self) -> None:
        """Raises TooManyWait where one more would be refused."""
        if self._waiting >= MOST_WAITING:
            raise TooManyWait

    async def fits(self, kept: str | None, password: str) -> bool:
        """See Hashing."""
        self.see_room()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._hashing.fits, kept, password)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
