"""The store as the agent would meet it, with its real credentials: reached, the pinned one, and seen to refuse wrong bytes.

Nothing is pinned and nothing written down here: what is wrong is told, and the agent finds it out by itself. The wrong bytes are refused, or left to expire.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator

from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.refusals import by_the_clock, not_let_in, of_the_time
from dockd.settings import Settings
from dockd.store_kinds import Misconfigured, Needs, client_tls, store_of
from ingest.clock import rfc3339
from ingest.errors import DockdError, Refused, StoreDishonest
from ingest.ledger import segments
from ingest.ledger.keys import KeyFolder
from ingest.ledger.pin_file import Pinned, kept
from ingest.ledger.unconfirmed import why_unconfirmed
from ingest.model import Digest, SegmentDescription, StoreIdentity
from ingest.store.base import Store
from ingest.store.patience import Patience
from ingest.store.slices import SLICE

_PATIENCE = Patience(connect=5.0, stall=10.0, answer=10.0, settle=20.0)
_BAIT = 1 << 20  # the least that cameras record: of what is smaller, a store might know that it is no footage


def look(settings: Settings, *, now: float, kernel: bool | None = None) -> list[Finding]:
    """Reached, pinned, honest. `kernel`: whether it holds its time to be synchronised. Blocks."""
    if settings.store.url is None:
        return [
            failed("store", "store.url is not set", "Name the central store's address, or `dockd enroll URL --write`.")
        ]
    try:
        pinned = kept(settings.keys_path)
    except OSError as error:
        return [
            skipped(
                "store",
                f"which store is pinned cannot be read ({error.strerror})",
                "Ask as root, or as the agent's user.",
            )
        ]
    try:
        return asyncio.run(_look(settings, pinned, now=now, kernel=kernel))
    except Misconfigured as error:
        return [failed("store", error.message, "dockd check-config")]


async def _look(settings: Settings, pinned: Pinned | None, *, now: float, kernel: bool | None) -> list[Finding]:
    tls = await asyncio.to_thread(client_tls, settings.store)

    async def keys() -> tuple[str, ...]:
        return () if pinned is None else pinned.keys

    needs = Needs(founds=_never, observe=lambda _method, _seconds: None, patience=_PATIENCE, keys=keys, tls=tls)
    store = store_of(settings.store, needs=needs)
    try:
        try:
            identity = await store.identify()
        except Refused as error:
            return [not_let_in(settings, error)]
        except (DockdError, OSError) as error:
            if of_the_time(error):
                return await asyncio.to_thread(by_the_clock, settings, error, kernel=kernel, now=now)
            do = "Is the line up, and the address right? Footage waits on the dock; wiping stops."
            return [failed("store: reached", f"{settings.store.url}: {error}", do)]
        found = [passed("store: reached", f"{identity.url} answers as {identity.id}, proof by {identity.method}")]
        return [*found, _pin(settings, identity, pinned), await _honest(store, settings, identity, now=now)]
    finally:
        await store.close()


async def _never() -> bool:
    return False


def _pin(settings: Settings, identity: StoreIdentity, pinned: Pinned | None) -> Finding:
    check, anew = (
        "store: pinned",
        "If that is meant, and its operator says so: systemctl stop dockd, then `dockd store pin`.",
    )
    wanted = settings.store.pin
    if pinned is None:
        if wanted is not None and wanted not in (*identity.keys, identity.id):
            return failed(
                check,
                f"it shows neither the name nor the key that store.pin names ({wanted})",
                "Check store.url and store.pin.",
            )
        return warned(
            check,
            "no store is pinned yet: the first honest one will be",
            "Start the agent once; or name the store's key in store.pin.",
        )
    if pinned.dishonest is not None:
        return failed(
            check,
            f"the pinned store was caught: {pinned.dishonest}",
            f"Nothing is deleted until a person pins it anew. {anew}",
        )
    if why := why_unconfirmed(settings.keys_path):
        return warned(check, f"nothing is deleted until a person pins it anew: {why}", anew)
    if (identity.id, identity.method) != (pinned.id, pinned.method):
        return failed(
            check,
            f"{identity.id} (proof by {identity.method}) answers, and {pinned.id} ({pinned.method}) is pinned",
            anew,
        )
    if pinned.keys and not set(identity.keys) & set(pinned.keys):
        return warned(
            check, "it shows none of the keys that are pinned: taken only where one of those has signed a new one", anew
        )
    return passed(check, f"it is the pinned store, {pinned.id}")


async def _honest(store: Store, settings: Settings, identity: StoreIdentity, *, now: float) -> Finding:
    check = "store: honest"
    if identity.method == "read-back":
        return skipped(check, "this store proves by the bytes themselves: it has no digest to lie about")
    true = secrets.token_bytes(_BAIT)
    wrong = bytes([true[0] ^ 1]) + true[1:]
    digest = Digest(size=_BAIT, sha256=hashlib.sha256(true).hexdigest(), xxh3_128="")
    segment = SegmentDescription(
        id=segments.new_id(now), camera=f"{secrets.randbelow(10**6):06d}", path=b"DCIM/100MEDIA/MOV_%04d.MP4" % secrets.randbelow(9999), digest=digest,
        captured_at=rfc3339(now), station=settings.station.name,
    )  # fmt: skip

    async def slices(offset: int) -> AsyncIterator[bytes]:
        for start in range(offset, len(wrong), SLICE):
            yield wrong[start : start + SLICE]

    dock = await asyncio.to_thread(KeyFolder(settings.keys_path).identity)
    try:
        await store.tempt(segment, slices, nonce=secrets.token_urlsafe(24), head=None, dock=dock or "doctor")
    except StoreDishonest as error:
        return failed(
            check,
            f"the store is caught: {error}",
            "Stop the agent, and call the store's operator: its proofs prove nothing.",
        )
    except Refused as error:
        return not_let_in(settings, error)
    except (DockdError, OSError) as error:
        return warned(
            check,
            f"whether it refuses wrong bytes was not found out: {error}",
            "Is there room at the store? Ask again later.",
        )
    return passed(check, f"it has refused {_BAIT >> 20} MiB of wrong bytes that this dock has sent it")
