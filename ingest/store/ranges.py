"""Bytes that a store gives back, whole or in part, and what in such an answer fits the question: the same for every store that speaks HTTP.

Rules: only what says that it is the bytes that were asked for counts as such (a 206 with just that range, a 200 of the exact length). A page, a
refusal, another encoding or another range may come from anything on the way, and says nothing of the bytes. No more is read than was sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

from ingest.errors import DockdError, Garbled, StoreBusy, StoreDown, StoreFull, Unproven, Withheld
from ingest.store.line import Answer

A_PART = "a part of a segment"
_NEAR = 1 << 20
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})")


async def whole(answer: Answer, blocks: AsyncIterator[bytes], *, size: int) -> tuple[int, str]:
    """How many bytes a 200 brings, and their SHA-256 (hex), never more than one block beyond `size`.

    Raises Garbled where they are something else, Unproven where they are more than `size`, and what the line raises.
    """
    if encoded(answer) or (is_text(answer) and answer.headers.get("Content-Length") != str(size)):
        raise Garbled("the store gives something else, a page perhaps, where its bytes were asked back")
    hasher, came = hashlib.sha256(), 0
    async for block in blocks:
        came += len(block)
        if came > size:
            raise Unproven(f"the store has more than the {size} bytes that were sent")
        await asyncio.to_thread(hasher.update, block)
    return came, hasher.hexdigest()


async def ranged(answer: Answer, blocks: AsyncIterator[bytes], *, offset: int, length: int, size: int) -> bytes | None:
    """The `length` bytes from `offset` on that were asked for with Range; None where a server that knows no ranges begins too far before them.

    Raises Withheld, Garbled (it speaks of other than `size` bytes), StoreDown and the like.
    """
    if answer.status not in (200, 206):
        raise no_part(answer, size=size)
    first = first_of(answer, offset=offset, length=length, size=size)
    if offset - first > _NEAR:
        return None
    found = bytearray()
    async for block in blocks:
        found += block
        if len(found) >= offset - first + length:
            break
    given = bytes(found[offset - first : offset - first + length])
    if len(given) < length:
        raise StoreDown("the store gave less of a segment than it said")
    return given


def first_of(answer: Answer, *, offset: int, length: int, size: int) -> int:
    """Where the body of an answer to a Range begins. Raises Withheld where it is none, Garbled where it speaks of other than `size` bytes."""
    if encoded(answer):
        raise Withheld("the store gives a part of a segment in another encoding than was asked for")
    said = answer.headers.get("Content-Length")
    if answer.status == 200:
        if said is None or (number(said) != size and is_text(answer)):
            raise Withheld("the store gives something else, a page perhaps, where a part of a segment was asked for")
        if number(said) != size:
            raise Garbled(f"the store gives back {number(said)} bytes, where {size} were sent and proven")
        return 0
    match = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if match is None:
        raise Withheld("the store gives a part of a segment and does not say which")
    first, last, total = map(int, match.groups())
    if total != size:
        raise Garbled(f"the store gives back a part of {total} bytes, where {size} were sent and proven")
    if (first, last) != (offset, offset + length - 1) or (said is not None and number(said) != length):
        raise Withheld("the store gives another part of a segment than was asked for")
    return first


def no_part(answer: Answer, *, size: int) -> DockdError:
    """What a refusal to give a part means: that of a proxy or a rule on the way says nothing of the bytes."""
    error = answer.error(A_PART)
    match = _UNSATISFIED.fullmatch(answer.headers.get("Content-Range", "").strip())
    if answer.status == 416 and match is not None and int(match[1]) != size:
        return Garbled(f"the store says that it has {match[1]} bytes, where {size} were sent and proven")
    if answer.status >= 500 or isinstance(error, (StoreBusy, StoreFull)):
        return error
    return Withheld(error.message)


def encoded(answer: Answer) -> bool:
    """Whether its body is in another encoding than the bytes themselves."""
    return answer.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def is_text(answer: Answer) -> bool:
    """Whether it calls itself a page."""
    return answer.headers.get("Content-Type", "").strip().lower().startswith("text/")


def number(text: str | None) -> int:
    """A count in a header. Raises Garbled."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Garbled("the store gives no offset, or one that is no number")
    return int(text)
