"""Whether what a dock has got opens the door, before it is relied on: the store is asked who it is, pinned, and given wrong bytes, which it has to refuse.

Rules: that is done with the new credentials and by the same parts as every day; a store that was caught is not believed again by enrolment, and one that a person has to confirm is not confirmed by it (`dockd store pin` is for both); while an agent works with the state, what
it has pinned is only held against what answers.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from dockd.app import StateInUse, agent
from dockd.pinning import Choice, choice, pin_the_proven
from dockd.settings import Settings
from dockd.store_kinds import Needs, client_tls, store_of
from ingest.clock import Clock, rfc3339
from ingest.errors import StoreDishonest, WrongStore
from ingest.ledger import segments
from ingest.ledger.pin_file import kept
from ingest.model import Digest, SegmentDescription, StoreIdentity
from ingest.store.base import Store
from ingest.store.slices import SLICE


@dataclass(frozen=True, kw_only=True)
class Proven:
    """The store that answered. `pinned`: it was pinned just now; `by_agent`: an agent is at work here, and had it pinned already.
    `before`: the id of another store that was pinned so far."""

    store: StoreIdentity
    pinned: bool
    before: str | None = None
    by_agent: bool = False


async def proven(settings: Settings, *, version: str) -> Proven:
    """Try the credentials that `settings` name. `settings.store.pin` is whom a person has agreed to.

    Raises Misconfigured, WrongStore, StoreDishonest, Retry (Refused, StoreDown ...), LedgerUnusable, OSError.
    """
    try:
        async with agent(settings, version=version, founding=True) as built:
            found = await choice(built)
            if found.before is not None and found.before.dishonest is not None:
                raise StoreDishonest(
                    f"the store {found.before.id} was caught: {found.before.dishonest}. A person may believe it again (dockd store pin), enrolment does not"
                )
            await _see_agreed(built.store, found.answers, wanted=settings.store.pin)
            fresh = _is_new(found)
            if fresh:
                await pin_the_proven(built, found.answers)
            await built.delivery.trusted_now()
            before = found.before.id if fresh and found.before is not None else None
            return Proven(store=found.answers, pinned=fresh, before=before)
    except StateInUse:
        return await _beside_an_agent(settings)


def _is_new(found: Choice) -> bool:
    before, answers = found.before, found.answers
    return (
        before is None
        or (before.id, before.method) != (answers.id, answers.method)
        or not set(before.keys) <= set(answers.keys)
    )


async def _see_agreed(store: Store, identity: StoreIdentity, *, wanted: str | None) -> None:
    """Nobody else than whom a person has agreed to is pinned."""
    if wanted is None or (wanted == identity.id and not identity.keys):
        return
    for key in identity.keys or ("",):
        if not await store.vouches(key, (wanted,)):
            raise WrongStore(f"the store at {identity.url} is not the one that was agreed to ({wanted})")


async def _beside_an_agent(settings: Settings) -> Proven:
    """The same without the ledger, which is the agent's."""
    pinned = kept(settings.keys_path)
    needs = Needs(founds=_no, observe=lambda _method, _seconds: None, patience=None, tls=client_tls(settings.store))
    store = store_of(settings.store, needs=needs)
    try:
        identity = await store.identify()
        await _see_agreed(store, identity, wanted=settings.store.pin)
        if pinned is not None and pinned.id != identity.id:
            raise WrongStore(
                f"the agent that works here has pinned the store {pinned.id}, and {identity.id} answers: stop the agent, and run this again"
            )
        segment, body = _bait(settings.station.name)

        async def slices(offset: int) -> AsyncIterator[bytes]:
            for start in range(offset, len(body), SLICE):
                yield body[start : start + SLICE]

        await store.tempt(segment, slices, nonce=secrets.token_urlsafe(24), head=None, dock="enrolment")
        return Proven(store=identity, pinned=False, by_agent=True)
    finally:
        await store.close()


async def _no() -> bool:
    return False


def _bait(station: str) -> tuple[SegmentDescription, bytes]:
    """A segment of which one bit is not what its digest says."""
    true = secrets.token_bytes((1 << 20) + secrets.randbelow(1 << 20))
    wrong = bytearray(true)
    wrong[secrets.randbelow(len(wrong))] ^= 1
    now = Clock().now()
    digest = Digest(size=len(true), sha256=hashlib.sha256(true).hexdigest(), xxh3_128="")
    segment = SegmentDescription(
        id=segments.new_id(now), camera=f"{secrets.randbelow(10**6):06d}", path=b"DCIM/100MEDIA/MOV_%04d.MP4" % secrets.randbelow(9999),
        digest=digest, captured_at=rfc3339(now - secrets.randbelow(36000)), station=station,
    )  # fmt: skip
    return segment, bytes(wrong)
