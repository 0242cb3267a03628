"""Receipts, checked with nothing but Ed25519 and JSON: what a dock of another make would do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest.central import CentralStore
from tests.contract.central.tus_client import NONCE, TusClient, announced, metadata

CONTENT = os.urandom(100_000)
HEAD_A, HEAD_B = "a" * 64, "b" * 64


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(jwk: dict[str, str]) -> str:
    canonical = json.dumps({k: jwk[k] for k in ("crv", "kty", "x")}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def verified(token: str, keys: list[dict[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWS that one of `keys` has signed. Raises InvalidSignature, StopIteration."""
    head, body, signature = token.split(".")
    header = json.loads(b64(head))
    jwk = next(key for key in keys if thumbprint(key) == header["kid"])
    Ed25519PublicKey.from_public_bytes(b64(jwk["x"])).verify(b64(signature), f"{head}.{body}".encode())
    return header, json.loads(b64(body))


async def keys(client: TusClient) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await client.ask("GET", "/.well-known/dockd-store")).json()["jwks"]["keys"]
    return found


async def test_the_well_known_document(client: TusClient, store: CentralStore) -> None:
    answer = await client.ask("GET", "/.well-known/dockd-store")
    said = answer.json()
    assert answer.headers["Content-Type"].startswith("application/json")
    assert (said["store_id"], said["protocol"], said["upload"]) == (store.store_id, 1, "/files/")
    assert "receipts" in said["capabilities"]
    (key,) = said["jwks"]["keys"]
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    assert "d" not in key
    assert key["kid"] == thumbprint(key)


async def test_a_receipt_says_what_the_contract_says(client: TusClient, store: CentralStore) -> None:
    said = announced(CONTENT, station="north", filename="x.mp4")
    path = await client.stored(CONTENT, said)
    before = datetime.now(UTC)
    answer = await client.receipt(path, head=HEAD_A, seq=7)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/jwt")
    header, claims = verified(answer.body.decode(), await keys(client))
    assert (header["alg"], header["typ"]) == ("EdDSA", "JWT")
    stored, attested = (datetime.fromisoformat(claims.pop(k)) for k in ("stored_at", "attested_at"))
    assert stored <= attested
    assert abs((attested - before).total_seconds()) < 5
    assert claims == {
        "iss": store.store_id,
        "sub": path.rpartition("/")[2],
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "durable": True,
        "segment": "seg-1",
        "camera": "CAM1",
        "station": "north",
        "nonce": NONCE,
        "head": HEAD_A,
        "seq": 7,
        "number": 1,
    }


async def test_a_receipt_that_was_tampered_with_does_not_verify(client: TusClient) -> None:
    path = await client.stored(CONTENT)
    head, body, signature = (await client.receipt(path)).body.decode().split(".")
    claims = json.loads(b64(body)) | {"size": 1}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        verified(f"{head}.{forged}.{signature}", await keys(client))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "nonce=short",
        "nonce=" + "x" * 129,
        "nonce=with%20space%20inside",
        f"nonce={NONCE}&head={HEAD_A}",
        f"nonce={NONCE}&seq=1",
        f"nonce={NONCE}&seq=-1&head={HEAD_A}",
        f"nonce={NONCE}&seq=1e3&head={HEAD_A}",
        f"nonce={NONCE}&seq=99999999999999999&head={HEAD_A}",
        f"nonce={NONCE}&seq=1&head={'A' * 64}",
        f"nonce={NONCE}&seq=1&head={'a' * 63}",
        f"nonce={NONCE}&seq=1&head={HEAD_A}&dock={'d' * 257}",
    ],
)
async def test_questions_that_cannot_be_understood(client: TusClient, query: str) -> None:
    path = await client.stored(CONTENT)
    assert (await client.ask("GET", f"{path}/receipt?{query}")).status == 400


async def test_no_receipt_for_an_unfinished_upload(client: TusClient) -> None:
    path = await client.created(10)
    answer = await client.receipt(path)
    assert answer.status == 404
    assert answer.problem["type"].endswith(":unfinished")


async def test_a_dock_whose_history_went_back_gets_409(client: TusClient) -> None:
    path = await client.stored(CONTENT)

    async def ask(seq: int, head: str, dock: str = "dock-1") -> int:
        return (await client.receipt(path, seq=seq, head=head, dock=dock)).status

    assert await ask(5, HEAD_A) == 200
    assert await ask(5, HEAD_A) == 200
    assert await ask(4, HEAD_A) == 409
    refused = await client.receipt(path, seq=5, head=HEAD_B, dock="dock-1")
    assert (refused.status, refused.problem["seq"], refused.problem["head"]) == (409, 5, HEAD_A)
    assert await ask(5, HEAD_A) == 200
    assert await ask(9, HEAD_B) == 200
    assert await ask(5, HEAD_A) == 409
    assert await ask(0, HEAD_A, dock="dock-2") == 200
    assert (await client.receipt(path)).status == 200


async def test_the_receipts_of_each_dock_are_numbered(client: TusClient) -> None:
    path = await client.stored(CONTENT)

    async def number(seq: int, dock: str) -> object:
        answer = await client.receipt(path, seq=seq, head=HEAD_A, dock=dock)
        return verified(answer.body.decode(), await keys(client))[1]["number"]

    assert [await number(5, "dock-1"), await number(5, "dock-1"), await number(6, "dock-1")] == [1, 2, 3]
    assert await number(5, "dock-2") == 1
    assert (await client.receipt(path, seq=4, head=HEAD_A, dock="dock-1")).status == 409  # no receipt, and no number
    assert await number(7, "dock-1") == 4
    assert "number" not in verified((await client.receipt(path)).body.decode(), await keys(client))[1]


async def test_who_the_dock_is_when_the_question_does_not_say(client: TusClient) -> None:
    by_dock = await client.stored(b"1", metadata(dock="d", station="s"))
    by_station = await client.stored(b"2", metadata(station="s"))
    nameless = await client.stored(b"3", metadata(camera="c"))
    assert (await client.receipt(by_dock, seq=9, head=HEAD_A)).status == 200
    assert (await client.receipt(by_station, seq=5, head=HEAD_A)).status == 200
    assert (await client.receipt(nameless, seq=1, head=HEAD_A)).status == 200
    assert (await client.receipt(by_station, seq=9, head=HEAD_B, dock="d")).status == 409
    assert (await client.receipt(by_dock, seq=4, head=HEAD_A, dock="s")).status == 409


async def test_a_missing_object_is_never_attested(client: TusClient, root: Path, store: CentralStore) -> None:
    path = await client.stored(CONTENT)
    id = path.rpartition("/")[2]
    (root / "objects" / id[:2] / id).unlink()
    answer = await client.receipt(path)
    assert answer.status == 410
    assert answer.problem["type"].endswith(":damaged")
    assert (await client.head(path)).status == 410
    assert (await client.ask("GET", path)).status == 410
    assert (await client.patch(path, len(CONTENT), b"")).status == 410
    assert [e.action for e in await store.records.entries(object=id)].count("object.damaged") == 1
    again = await client.created(len(CONTENT), announced(CONTENT))
    assert again != path


async def test_a_shortened_object_is_never_attested(client: TusClient, root: Path) -> None:
    path = await client.stored(CONTENT)
    id = path.rpartition("/")[2]
    os.truncate(root / "objects" / id[:2] / id, len(CONTENT) - 1)
    assert (await client.head(path, **{"Want-Repr-Digest": "sha-256=10"})).status == 410
    assert (await client.receipt(path)).status == 410
