"""Keys that follow keys: the statements that the embedded store really signs, and those that nobody should believe."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from ingest.central import CentralStore
from ingest.central.app import rotate_key
from ingest.errors import Garbled
from ingest.store import identity, receipts
from ingest.store.tus import TusStore
from tests.contract.store.exam import claimed, delivered
from tests.contract.store.test_exam import SHORT, SMALL
from tests.simulators.stores.honest import Shelf, public, signature


async def keys_at(root: Path) -> AsyncIterator[TusStore]:
    async with CentralStore(root, settings=SMALL) as central:
        store = TusStore(central.url, patience=SHORT)
        await store.identify()
        yield store
        await store.close()


async def test_the_embedded_stores_rotations_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    seen: list[tuple[str, ...]] = []
    for _ in range(3):
        async for store in keys_at(root):
            found = (await store.identify()).keys
            seen.append(found)
            for earlier in seen:
                assert await store.vouches(found[0], (earlier[0],))  # from any key of the line to the newest
            assert not await store.vouches(found[0], ("stranger",))
            assert not await store.vouches("stranger", found)
            upload, segment = await delivered(store, b"footage")
            assert (await claimed(store, upload, segment)).key == found[0]
        rotate_key(root)
    assert [len(keys) for keys in seen] == [1, 2, 3]


async def test_a_newer_key_does_not_vouch_for_an_older_one(tmp_path: Path) -> None:
    root, first = tmp_path / "root", ""
    async for store in keys_at(root):
        (first,) = (await store.identify()).keys
    rotate_key(root)
    async for store in keys_at(root):
        newest = (await store.identify()).keys[0]
        assert not await store.vouches(first, (newest,))


def announced(shelf: Shelf, history: list[str] | None = None) -> identity.Announced:
    document = {
        "store_id": shelf.store_id, "protocol": 1, "upload": "/files/", "jwks": {"keys": [public(key) for key in shelf.keys]},
        "key_history": shelf.history if history is None else history,
    }  # fmt: skip
    return identity.understand(json.dumps(document).encode(), url="http://127.0.0.1:1/")


def test_statements_that_prove_nothing() -> None:
    shelf = Shelf()
    old = shelf.keys[0]
    shelf.new_key(signed=False)
    new = shelf.keys[1]
    true: dict[str, Any] = {"iss": shelf.store_id, "new_key": new.thumbprint(), "jwk": public(new)}
    stranger = OKPKey.generate_key("Ed25519")
    cases = {
        "nothing": [],
        "signed by itself": [signature(true, new, typ="dockd-key+jwt")],
        "signed by a stranger": [signature(true, stranger, typ="dockd-key+jwt")],
        "a receipt": [signature(true, old, typ="JWT")],
        "of another store": [signature(true | {"iss": "other"}, old, typ="dockd-key+jwt")],
        "another thumbprint": [signature(true | {"new_key": old.thumbprint()}, old, typ="dockd-key+jwt")],
        "no key": [signature({k: v for k, v in true.items() if k != "jwk"}, old, typ="dockd-key+jwt")],
        "a secret key": [signature(true | {"jwk": {"kty": "oct", "k": "AA"}}, old, typ="dockd-key+jwt")],
        "garbage": ["", ".", "..", "a.b.c", "é" * 50, "x" * 100_000],
        "altered": [signature(true, old, typ="dockd-key+jwt")[:-4] + "AAAA"],
    }
    for case, history in cases.items():
        assert not announced(shelf, history).vouches(new.thumbprint(), (old.thumbprint(),)), case
    good = [signature(true, old, typ="dockd-key+jwt")]
    assert announced(shelf, good).vouches(new.thumbprint(), (old.thumbprint(),))


def test_the_line_may_be_told_in_any_order_and_is_long() -> None:
    shelf = Shelf()
    for _ in range(60):
        shelf.new_key(signed=True)
    found = announced(shelf, list(reversed(shelf.history)))
    assert found.vouches(shelf.keys[-1].thumbprint(), (shelf.keys[0].thumbprint(),))
    del shelf.history[30]
    assert not announced(shelf).vouches(shelf.keys[-1].thumbprint(), (shelf.keys[0].thumbprint(),))


def test_a_statement_about_a_key_is_no_receipt() -> None:
    shelf = Shelf()
    key = shelf.keys[0]
    said = {
        "iss": shelf.store_id, "sub": "x", "size": 1, "sha256": "a" * 64, "stored_at": "now", "attested_at": "now",
    }  # fmt: skip
    keys = {key.thumbprint(): key}
    assert receipts.claim_of(signature(said, key), keys).size == 1
    with pytest.raises(Garbled):
        receipts.claim_of(signature(said, key, typ="dockd-key+jwt"), keys)


def test_more_keys_than_a_store_can_have() -> None:
    with pytest.raises(Garbled, match="at most 256"):
        receipts.keys_of({"keys": [{}] * 257})
