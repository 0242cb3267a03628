"""A look at what a store really gives back, beside what it proves.

Why: a receipt or a digest says what the store believes that it has. A store that hashes what comes in and then keeps something else (a lost
block, a full disk, a cache that never arrived) refuses wrong bytes, passes every check of its honesty, and signs in good faith for what it
cannot give back. So when it first proves a segment a few parts are asked back and held against the spool, which has the bytes then: small
segments whole, of large ones both ends and some places drawn by chance. When it proves it again, for a deletion, one part is asked for: what
it has lost meanwhile it cannot give. A store that gives this dock none of its bytes (401, 403, 405, 501, no ranges) says nothing here; then
its word stands alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

from ingest.errors import Retry, Unproven
from ingest.store.base import Store

WHOLE = 4 << 20  # bytes: a segment of up to so many is asked back whole
PART = 64 << 10
_DRAWN = 4


def places(size: int) -> list[tuple[int, int]]:
    """(offset, length) of the parts that are asked back of `size` bytes; none of nothing."""
    if size <= WHOLE:
        return [(0, size)] if size else []
    drawn = [secrets.randbelow(size - PART) for _ in range(_DRAWN)]
    return [(0, PART), (size - PART, PART), *((offset, PART) for offset in drawn)]


async def differs(store: Store, upload: str, *, file: Path, size: int) -> str | None:
    """What is wrong with the bytes that the store gives back of `upload`, held against our `file`; None where nothing was found.

    Raises ObjectGone, StoreDown and the like of the store; Retry where our own copy cannot be read now.
    """
    for offset, length in places(size):
        try:
            given = await store.part(upload, offset=offset, length=length, size=size)
        except Unproven as error:
            return error.message
        if given is None:
            return None
        if given != await _ours(file, offset=offset, length=length):
            return f"of {size} bytes, those from {offset} to {offset + length} are others than were sent"
    return None


async def there(store: Store, upload: str, *, size: int) -> None:
    """Whether the store gives back anything of what it has proven, all of it that this dock may ask. Raises ObjectGone, Unproven, StoreDown."""
    length = min(size, PART)
    if (
        length
        and await store.part(upload, offset=secrets.randbelow(size - length + 1), length=length, size=size) is not None
    ):
        return
    found = await store.offset(upload, size=size)
    if found != size:
        raise Unproven(f"the store says that it has {found} bytes of {size}, after it had proven all")


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
