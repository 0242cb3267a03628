"""Which store is believed: the pin, the change of keys, and the honesty check.

Rules: the first store that proves honest is pinned (or the one that the site names); the pin is the thumbprint of its key, not its name;
a new key must be signed, in a line, by a pinned one; a store that announced receipts and now announces less is another store; a store
that was caught is not believed until a person pins it anew. A hash in an answer proves nothing until the store has refused a wrong one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from ingest.clock import rfc3339
from ingest.errors import AddressTaken, StoreDishonest, WrongStore
from ingest.ledger import Ledger, Transaction, addresses, segments, stores
from ingest.ledger.stores import Pinned
from ingest.model import Digest, Head, SegmentDescription, StoreIdentity
from ingest.store.base import Store
from ingest.store.slices import SLICE
from ingest.store.throttle import Bucket, throttled

HONEST_FOR = 24 * 3600.0


class Trust:
    """Trust in one store.

    `wanted`: what the site has named, if anything: the thumbprint of the store's key, or the id of a store that has no keys. `heads` hands out
    the custody head to ask with; `bucket` is the limit of everything that is sent.
    """

    def __init__(
        self, *, ledger: Ledger, store: Store, station: str, wanted: str | None, bucket: Bucket,
        heads: Callable[[str], AbstractAsyncContextManager[Head]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._station = station
        self._wanted = wanted
        self._bucket = bucket
        self._heads = heads
        self._tested = ""

    async def recognise(self) -> Pinned:
        """See who answers, and hold it against the pin; pin it if it is the first.

        Raises WrongStore, StoreDishonest, and what `Store.identify` raises.
        """
        identity = await self._store.identify()
        await self._is_wanted(identity)
        pinned = await self._ledger.read(lambda db: stores.pinned(db.execute))
        if pinned is None:
            await self._ledger.commit(lambda tx: stores.pin(tx, identity))
        else:
            await self._same(identity, pinned)
        found = await self._ledger.read(lambda db: stores.pinned(db.execute))
        if found is None or found.dishonest is not None:
            why = found.dishonest if found else "it is not pinned"
            raise StoreDishonest(
                f"the store {identity.id} was caught: {why}. Nothing is deleted until a person pins it anew (dockd store pin)"
            )
        return found

    async def _is_wanted(self, identity: StoreIdentity) -> None:
        """Every key that it shows must be the named one, or signed for by it: a public key can be shown by anybody."""
        wanted = self._wanted
        if wanted is None or (wanted == identity.id and not identity.keys):
            return
        for key in identity.keys:
            if not await self._store.vouches(key, (wanted,)):
                break
        else:
            if identity.keys:
                return
        raise WrongStore(
            f"the store at {identity.url} is {_described(identity)}, but store.pin names {wanted}: check the address and the pin "
            "(for a store with keys, the pin is the thumbprint of its key, not its name)"
        )

    async def _same(self, identity: StoreIdentity, pinned: Pinned) -> None:
        if identity.id != pinned.id or identity.method != pinned.method:
            raise WrongStore(
                f"the store at {identity.url} is {_described(identity)}, but {pinned.id} (proof by {pinned.method}) is pinned: "
                "is the address right, or was the store replaced? Nothing is sent to it and nothing is deleted"
            )
        if identity.keys == pinned.keys:
            if not await self._ledger.read(lambda db: stores.keeps_keys(db.execute, identity)):
                await self._ledger.commit(lambda tx: stores.keep_keys(tx, identity))
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

        def rotated(tx: Transaction) -> None:
            stores.rotated(tx, identity.id, identity.keys)
            stores.keep_keys(tx, identity)

        await self._ledger.commit(rotated)

    def tested(self, pinned: Pinned) -> bool:
        """Whether this process has seen it refuse wrong bytes: what another one saw may have been before a change at the store."""
        return pinned.method == "read-back" or self._tested == pinned.id

    async def honest(self, pinned: Pinned, *, in_this_run: bool = False) -> None:
        """The honesty check, unless it was passed within a day (and `in_this_run`). Raises StoreDishonest, Retry.

        A store whose proof is the bytes themselves has no digest to lie about.
        """
        age = self._ledger.clock.now() - (pinned.honest_at or 0.0)
        passed = pinned.honest_at is not None and 0 <= age < HONEST_FOR
        if pinned.method == "read-back" or (passed and (not in_this_run or self.tested(pinned))):
            return
        segment, body = await self._bait()

        def slices(offset: int) -> AsyncIterator[bytes]:
            return throttled(_in_slices(body, offset), self._bucket)

        try:
            async with self._heads(pinned.id) as head:
                await self._store.tempt(
                    segment,
                    slices,
                    nonce=secrets.token_urlsafe(24),
                    head=head,
                    dock=self._ledger.dock,
                    begun=self._free,
                )
        except StoreDishonest as error:
            if isinstance(error, AddressTaken):
                others = error.others
                await self._ledger.commit(lambda tx: segments.asked_again(tx, others))
            await self.caught(pinned.id, error.message)
            raise
        await self._ledger.commit(lambda tx: stores.honest(tx, pinned.id))
        self._tested = pinned.id

    async def _free(self, upload: str) -> None:
        """Raises AddressTaken where footage was brought to that address."""
        await self._ledger.read(lambda db: addresses.must_be_free(db.execute, upload))

    async def caught(self, store: str, error: str) -> None:
        """Write it down for good."""
        await self._ledger.commit(lambda tx: stores.caught(tx, store, error=error))

    async def _bait(self) -> tuple[SegmentDescription, bytes]:
        """A segment like any other, of a camera that the store may know, but one bit of it is not what its digest says.

        Its file's name is like the last one's, and none that a camera has given or will give: the store may name what it has by that.
        """
        true = secrets.token_bytes((1 << 20) + secrets.randbelow(1 << 20))
        wrong = bytearray(true)
        wrong[secrets.randbelow(len(wrong))] ^= 1 << secrets.randbelow(8)
        digest = Digest(size=len(true), sha256=hashlib.sha256(true).hexdigest(), xxh3_128="")
        now = self._ledger.clock.now()
        known = await self._ledger.read(lambda db: segments.last_place(db.execute))
        camera, path = known or (
            f"{secrets.randbelow(10**6):06d}",
            b"DCIM/100MEDIA/MOV_%04d.MP4" % secrets.randbelow(9999),
        )
        segment = SegmentDescription(
            id=segments.new_id(now), camera=camera, path=_nobodys(path), digest=digest,
            captured_at=rfc3339(now - secrets.randbelow(36000)), station=self._station,
        )  # fmt: skip
        return segment, bytes(wrong)


async def _in_slices(body: bytes, offset: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(body), SLICE):
        yield body[start : start + SLICE]


def _nobodys(path: bytes) -> bytes:
    """`path` with twenty digits of chance behind the stem of its name."""
    folder, slash, name = path.rpartition(b"/")
    stem, dot, kind = name.rpartition(b".") if b"." in name[1:] else (name, b"", b"")
    return folder + slash + stem[:100] + b"%020d" % secrets.randbelow(10**20) + dot + kind[:16]


def _described(identity: StoreIdentity) -> str:
    return f"{identity.id} (proof by {identity.method})"
