"""What a store signs, and what it says that it is: a receipt is either what the key has signed, or garbled; nothing else is ever raised."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from ingest.errors import Garbled, Unproven
from ingest.store import receipts
from ingest.store.identity import understand
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged, spoiled
from tests.simulators.stores.honest import HonestStore, Shelf, public, signature

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
KEY, OTHER = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
KEYS = {KEY.thumbprint(): OKPKey.import_key(public(KEY))}
CLAIMS: dict[str, Any] = {
    "iss": "store-1", "sub": "ab" * 8, "size": 700, "sha256": "0f" * 32, "stored_at": "2026-11-20T10:54:00Z", "durable": True,
    "attested_at": "2026-11-20T10:54:00Z", "segment": "s", "camera": "CAM", "nonce": "n" * 24, "seq": 7, "head": "ab" * 32,
}  # fmt: skip


def test_signed_nonsense(budget: Budget) -> None:
    """The store's own key, under claims that no store should make."""

    def hold(claims: Any, header: Any) -> None:
        text = signature(claims, KEY) if header is None else _with_header(header, claims)
        try:
            found = receipts.claim_of(text, KEYS)
        except Garbled:
            return
        assert (found.size, found.sha256, found.store) == (claims["size"], claims["sha256"], claims["iss"])
        assert 0 <= found.size < 1 << 63
        assert found.store.isprintable()
        assert found.raw == text

    headers = st.none() | spoiled({"alg": "Ed25519", "kid": KEY.thumbprint(), "typ": "JWT"})
    budget.spend(hold, spoiled(CLAIMS), headers)


def _with_header(header: Any, claims: Any) -> str:
    """The header replaced after it was signed: no such thing may be believed, unless it is the signed one again."""
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([head, *signature(claims, KEY).split(".")[1:]])


def test_damaged_receipts(budget: Budget) -> None:
    whole = signature(CLAIMS, KEY)

    def hold(text: bytes) -> None:
        try:
            found = receipts.claim_of(text.decode("utf-8", "surrogateescape"), KEYS)
        except Garbled:
            return
        assert (found.size, found.sha256, found.nonce) == (CLAIMS["size"], CLAIMS["sha256"], CLAIMS["nonce"])

    budget.spend(hold, damaged(whole.encode()), shares=0.5)


def test_announcements(budget: Budget) -> None:
    """The well-known document, its keys, and the line of statements by which one key follows another: nobody is vouched for by a stranger."""
    shelf = Shelf()
    for _ in range(2):
        shelf.new_key(signed=True)
    document = HonestStore(shelf).document()
    pins = tuple(key.thumbprint() for key in shelf.keys)

    def hold(said: Any, bytes_of_it: bytes) -> None:
        for body in (json.dumps(said).encode(), bytes_of_it):
            try:
                found = understand(body, url="http://127.0.0.1:8000")
            except (Garbled, Unproven):
                continue
            assert found.identity("http://127.0.0.1:8000").keys
            assert urlsplit(found.upload_url)[:2] == ("http", "127.0.0.1:8000")
            for key in found.keys:
                assert not found.vouches(key, pins[:1]) or key in pins
            assert not found.vouches(OTHER.thumbprint(), pins)

    budget.spend(hold, spoiled(document), damaged(json.dumps(document).encode()))
