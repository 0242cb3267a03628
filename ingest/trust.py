"""Which store is believed: the pin, the change of keys, and the honesty check.

Rules: the first store that proves honest is pinned (or the one that the site names); the pin is the thumbprint of its key, not its name;
a new key must be signed, in a line, by a pinned one; a store that announced receipts and now announces less is another store; a store
that was caught is not believed until a person pins it anew. A hash in an answer proves nothing until the store has refused a wrong one.
"""

from __future__ import annotations

import hashlib
import secrets

from ingest.clock import rfc3339
from ingest.errors import StoreDishonest, WrongStore
from ingest.ledger import Ledger, stores
from ingest.ledger.stores import Pinned
from ingest.model import Digest, SegmentDescription, StoreIdentity
from ingest.store.base import Store

HONEST_FOR = 24 * 3600.0


class Trust:
    """Trust in one store. `wanted`: the store id or key thumbprint that the site has named, if any."""

    def __init__(self, *, ledger: Ledger, store: Store, station: str, wanted: str | None) -> None:
        self._ledger = ledger
        self._store = store
        self._station = station
        self._wanted = wanted

    async def recognise(self) -> Pinned:
        """See who answers, and hold it against the pin; pin it if it is the first.

        Raises WrongStore, StoreDishonest, and what `Store.identify` raises.
        """
        identity = await self._store.identify()
        if self._wanted is not None and self._wanted != identity.id and self._wanted not in identity.keys:
            raise WrongStore(
                f"the store at {identity.url} is {_described(identity)}, but store.pin names {self._wanted}: check the address and the pin"
            )
        pinned = await self._ledger.read(lambda db: stores.pinned(db.execute))
        if pinned is None:
            await self._ledger.commit(lambda tx: stores.pin(tx, identity))
        else:
            await self._same(identity, pinned)
        found = await self._ledger.read(lambda db: stores.pinned(db.execute))
        if found is None or found.dishonest is not None:
            why = found.dishonest if found else "it is not pinned"
            raise StoreDishonest(
                f"the store {identity.id} was caught: {why}. Nothing is deleted until a person pins it anew"
            )
        return found

    async def _same(self, identity: StoreIdentity, pinned: Pinned) -> None:
        if identity.id != pinned.id or identity.method != pinned.method:
            raise WrongStore(
                f"the store at {identity.url} is {_described(identity)}, but {pinned.id} (proof by {pinned.method}) is pinned: "
                "is the address right, or was the store replaced? Nothing is sent to it and nothing is deleted"
            )
        if identity.keys == pinned.keys:
            return
        strangers = [key for key in identity.keys if key not in pinned.keys]
        for key in strangers:
            if not await self._store.vouches(key, pinned.keys):
                raise WrongStore(
                    f"the store {identity.id} shows a key that no pinned key has signed ({key}): it may be another machine under its name. "
                    "Nothing is sent to it and nothing is deleted"
                )
        if not set(identity.keys) & set(pinned.keys) and not strangers:
            raise WrongStore(f"the store {identity.id} shows none of its pinned keys")
        await self._ledger.commit(lambda tx: stores.rotated(tx, identity.id, identity.keys))

    async def honest(self, pinned: Pinned) -> None:
        """The honesty check, unless it was passed within a day. Raises StoreDishonest, Retry.

        A store whose proof is the bytes themselves has no digest to lie about.
        """
        age = self._ledger.clock.now() - (pinned.honest_at or 0.0)
        if pinned.method == "read-back" or (pinned.honest_at is not None and 0 <= age < HONEST_FOR):
            return
        segment, body = self._bait()
        try:
            await self._store.tempt(segment, body)
        except StoreDishonest as error:
            await self.caught(pinned.id, error.message)
            raise
        await self._ledger.commit(lambda tx: stores.honest(tx, pinned.id))

    async def caught(self, store: str, error: str) -> None:
        """Write it down for good."""
        await self._ledger.commit(lambda tx: stores.caught(tx, store, error=error))

    def _bait(self) -> tuple[SegmentDescription, bytes]:
        """An ordinary segment of ordinary size, but one bit of it is not what its digest says."""
        true = secrets.token_bytes((1 << 20) + secrets.randbelow(1 << 20))
        wrong = bytearray(true)
        wrong[secrets.randbelow(len(wrong))] ^= 1 << secrets.randbelow(8)
        digest = Digest(size=len(true), sha256=hashlib.sha256(true).hexdigest(), xxh3_128="")
        segment = SegmentDescription(
            id=secrets.token_hex(16), camera=f"{secrets.randbelow(10**6):06d}", path=b"DCIM/100MEDIA/MOV_%04d.MP4" % secrets.randbelow(9999),
            digest=digest, captured_at=rfc3339(self._ledger.clock.now() - secrets.randbelow(36000)), station=self._station,
        )  # fmt: skip
        return segment, bytes(wrong)


def _described(identity: StoreIdentity) -> str:
    return f"{identity.id} (proof by {identity.method})"
