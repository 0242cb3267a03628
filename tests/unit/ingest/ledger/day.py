"""A small, true ledger: one camera with three segments, docked, listed, copied, confirmed, attested, two of them wiped."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingest import events
from ingest.ledger import Ledger, Transaction, cameras, permits, segments, stores
from ingest.ledger.keys import base64url, thumbprint
from ingest.model import CameraId, Digest, Listed, Receipt, StoreIdentity, folder_camera

CAMERA = folder_camera(b"CAM01")
SIZES = (10, 2_000, 300_000)
STORE_KEY = Ed25519PrivateKey.from_private_bytes(b"store" * 6 + b"!!")
STORE_PUBLIC = base64url(STORE_KEY.public_key().public_bytes_raw())
STORE = StoreIdentity(
    id="store-1", url="http://store", method="receipt", durable=True, keys=(thumbprint(STORE_PUBLIC),), publics=(STORE_PUBLIC,)
)  # fmt: skip


def digest_of(number: int) -> Digest:
    content = hashlib.sha256(f"segment {number}".encode()).hexdigest()
    return Digest(size=SIZES[number], sha256=content, xxh3_128=content[:32])


def files(names: Sequence[bytes] = ()) -> list[Listed]:
    return [
        Listed(
            path=names[n] if names else f"DCIM/DOC_{n}.MP4".encode(),
            size=size,
            mtime_ns=10**18 + n,
            ctime_ns=10**18,
            dev=1,
            ino=n + 1,
        )
        for n, size in enumerate(SIZES)
    ]


def signed(said: dict[str, Any], *, key: Ed25519PrivateKey = STORE_KEY, kid: str = STORE.keys[0]) -> str:
    """A compact JWS, as the store makes it."""
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "kid": kid, "typ": "JWT"}, said)]
    return ".".join([*parts, base64url(key.sign(".".join(parts).encode()))])


async def receipt_for(ledger: Ledger, segment: str, number: int, *, nonce: str) -> Receipt:
    digest = digest_of(number)
    at = "2026-11-20T10:00:00.000Z"
    said = {
        "iss": STORE.id, "sub": f"object-{number}", "size": digest.size, "sha256": digest.sha256, "stored_at": at, "attested_at": at,
        "durable": True, "segment": segment, "camera": CAMERA.id, "nonce": nonce, "head": ledger.head.hash, "seq": ledger.head.seq,
    }  # fmt: skip
    return Receipt(
        segment=segment, camera=CAMERA.id, store=STORE.id, object=f"object-{number}", method="receipt", size=digest.size,
        sha256=digest.sha256, durable=True, stored_at="2026-11-20T10:00:00.000Z", attested_at="2026-11-20T10:00:00.000Z",
        nonce=nonce, head=ledger.head, raw=signed(said), asked_boottime_ns=ledger.clock.boottime_ns(),
        boot_id=ledger.clock.boot_id,
    )  # fmt: skip


async def a_day(
    folder: Path, *, confirmed: int = 3, wiped: int = 2, camera: CameraId = CAMERA, names: Sequence[bytes] = ()
) -> list[str]:
    """Write the ledger `folder`/ledger.db; returns the ids of the segments. `names`: other paths for the three files."""
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    try:
        return await _write(ledger, confirmed=confirmed, wiped=wiped, camera=camera, names=names)
    finally:
        await ledger.close()


async def _write(ledger: Ledger, *, confirmed: int, wiped: int, camera: CameraId, names: Sequence[bytes]) -> list[str]:
    await ledger.commit(lambda tx: stores.pin(tx, STORE))
    await ledger.commit(lambda tx: stores.honest(tx, STORE.id))
    docking = await ledger.commit(lambda tx: cameras.docked(tx, camera, bay=1, source="/docks/CAM01"))

    def listing(tx: Transaction) -> list[str]:
        cameras.listing(tx, camera=camera.id, docking=docking, files=files(names), skipped=[])
        return [segments.listed(tx, camera=camera.id, docking=docking, file=file) for file in files(names)]

    found = await ledger.commit(listing)
    for number, one in enumerate(found):
        await ledger.commit(partial(segments.copied, segment=one, digest=digest_of(number), second_read="direct"))
    for number, one in enumerate(found[:confirmed]):
        confirming = await receipt_for(ledger, one, number, nonce=f"confirm-{number}")
        await ledger.commit(partial(segments.confirmed, receipt=confirming))
        attesting = await receipt_for(ledger, one, number, nonce=f"attest-{number}")
        await ledger.commit(partial(segments.attested, receipt=attesting))
    if wiped:
        permit = await ledger.commit(
            lambda tx: permits.issue(tx, camera=camera.id, device="1:2", segments=found[:wiped])
        )

        def gone(tx: Transaction) -> None:
            for one in found[:wiped]:
                segments.wiped(tx, one, permit=permit.id, seen="unlinked and listed again")
            permits.close(tx, permit, gone=found[:wiped])

        await ledger.commit(gone)
    await ledger.commit(lambda tx: cameras.undocked(tx, docking, taken=True))
    await ledger.commit(lambda tx: tx.record(events.AgentStopped()))
    return found


@contextmanager
def forger(folder: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the ledger's file and a database browser."""
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER custody_no_update")
        connection.execute("DROP TRIGGER custody_no_delete")
        yield connection
