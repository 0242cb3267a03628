"""A look at what a store really gives back, beside what it proves.

Why: a receipt or a digest says what the store believes that it has. A store that hashes what comes in and then keeps something else (a lost
block, a full disk, a cache that never arrived) refuses wrong bytes, passes every check of its honesty, and signs in good faith for what it
cannot give back. So when it first proves a segment a few parts are asked back and held against the spool, which has the bytes then: small
segments whole, of large ones both ends and some places drawn by chance. When it proves it again, for a deletion, one part is asked for. What
is found there without our having a copy is read back whole.

Rules: only bytes that fit the question count. Such that differ, asked for again over two fresh connections, are another matter than was
proven. A page, a refusal, or a length that does not fit may come from any proxy on the way: it is asked again. A store that gives this dock no
bytes (401, 403, 405, 501, no ranges; or nothing that fits for `insist` seconds, and nothing to anybody for `forgets`) says nothing here; then
its word stands alone. One that says of an object that it has another length is never taken for such.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from pathlib import Path

from ingest.errors import Garbled, ObjectGone, Retry, Unproven, Withheld
from ingest.store.base import Store

WHOLE = 4 << 20  # bytes: a segment of up to so many is asked back whole
PART = 64 << 10
_DRAWN = 4
_READ = 8 << 20
_TRIES = 5


def places(size: int) -> list[tuple[int, int]]:
    """(offset, length) of the parts that are asked back of `size` bytes; none of nothing."""
    if size <= WHOLE:
        return [(0, size)] if size else []
    drawn = [secrets.randbelow(size - PART) for _ in range(_DRAWN)]
    return [(0, PART), (size - PART, PART), *((offset, PART) for offset in drawn)]


class Sampling:
    """What one store gives back. `insist` and `forgets` in seconds."""

    def __init__(self, store: Store, *, insist: float = 30.0, forgets: float = 3600.0) -> None:
        self._store = store
        self._insist = insist
        self._forgets = forgets
        self._gave = False
        self._in_vain = 0
        self._since = 0.0

    async def differs(self, upload: str, *, file: Path, size: int) -> str | None:
        """What is wrong with the bytes that the store gives back of `upload`, held against our `file`; None where nothing was found.

        Raises Garbled, StoreDown and the like of the store; Retry where our own copy cannot be read now.
        """
        for offset, length in places(size):
            ours = await _ours(file, offset=offset, length=length)
            given = await self._part(upload, offset=offset, length=length, size=size)
            if given is None:
                return None
            if given == ours:
                continue
            for _ in range(2):
                if await self._part(upload, offset=offset, length=length, size=size, fresh=True) in (None, ours):
                    raise Garbled("the store gave other bytes back than were sent, and not when it was asked again")
            return f"of {size} bytes, those from {offset} to {offset + length} are others than were sent"
        return None

    async def there(self, upload: str, *, size: int) -> None:
        """Whether the store gives back anything of what it has proven, all of it that this dock may ask. Raises Garbled, StoreDown."""
        length = min(size, PART)
        if length:
            offset = secrets.randbelow(size - length + 1)
            if await self._part(upload, offset=offset, length=length, size=size) is not None:
                return
        try:
            found = await self._store.offset(upload, size=size)
        except (ObjectGone, Unproven) as error:
            raise Garbled(f"{error.message}, after it had proven all of it") from error
        if found != size:
            raise Garbled(f"the store says that it has {found} bytes of {size}, after it had proven all")

    async def holds(self, upload: str, *, size: int, sha256: str) -> bool | None:
        """Whether all that the store gives back of `upload` are these bytes; None where it gives this dock none. Raises Garbled, StoreDown."""
        given = await self._hashed(upload, size=size)
        if given in (None, sha256):
            return None if given is None else True
        for _ in range(2):
            if await self._hashed(upload, size=size, fresh=True) in (None, sha256):
                raise Garbled("the store gave other bytes back than it has proven, and not when it was asked again")
        return False

    async def _hashed(self, upload: str, *, size: int, fresh: bool = False) -> str | None:
        hasher = hashlib.sha256()
        for offset in range(0, size, _READ):
            length = min(_READ, size - offset)
            given = await self._part(upload, offset=offset, length=length, size=size, fresh=fresh)
            if given is None:
                return None
            await asyncio.to_thread(hasher.update, given)
        return hasher.hexdigest()

    async def _part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """One part; None where the store gives this dock none. Raises Withheld as long as that is not known."""
        try:
            given = await self._store.part(upload, offset=offset, length=length, size=size, fresh=fresh)
        except Withheld:
            if self._kept_back():
                return None
            raise
        if given is not None:
            self._gave, self._in_vain = True, 0
        return given

    def _kept_back(self) -> bool:
        """Whether nothing that fits has come for so long that this store keeps its bytes to itself."""
        now = time.monotonic()
        if not self._in_vain:
            self._since = now
        self._in_vain += 1
        return self._in_vain >= _TRIES and now - self._since >= (self._forgets if self._gave else self._insist)


async def _ours(file: Path, *, offset: int, length: int) -> bytes:
    def read() -> bytes:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return os.pread(fd, length, offset)
        finally:
            os.close(fd)

    try:
        found = await asyncio.to_thread(read)
    except OSError as error:
        raise Retry(f"its spool file could not be read: {error.strerror}") from error
    if len(found) != length:
        raise Retry("its spool file is shorter than what was pulled")
    return found
