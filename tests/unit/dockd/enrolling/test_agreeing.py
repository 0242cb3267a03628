"""Whom a dock trusts: who was named, and nobody for being the first to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from dockd.enrolling.agreeing import Agreement
from dockd.enrolling.files import Files, NotTaken
from ingest.errors import WrongStore
from ingest.ledger.pin_file import NAME, Pinned, text_of
from ingest.model import StoreIdentity
from ingest.store.enrolling import Offer
from ingest.store.identity import Announced

OWN, OTHER = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
KEY, WRONG = OWN.thumbprint(), OTHER.thumbprint()


@dataclass
class Typist:
    says: bool

    def say(self, text: str) -> None:
        raise AssertionError(text)

    def agrees(self, lines: list[str]) -> bool:
        assert any(KEY in line or "tus:" in line for line in lines)
        return self.says

    def invitation(self) -> str:
        raise AssertionError


def agreement(
    folder: Path,
    *,
    says: bool = False,
    pin: str | None = None,
    configured: str | None = None,
    pinned: str | None = None,
) -> Agreement:
    if pinned is not None:
        found = Pinned(id="s", url="", method="receipt", durable=True, keys=(pinned,), honest_at=None, dishonest=None)
        (folder / NAME).write_text(text_of(found))
    return Agreement(url="https://s", files=Files(folder=folder), person=Typist(says), pin=pin, configured=configured)


async def vouches(key: str, pinned: tuple[str, ...]) -> bool:
    return key in pinned


IDENTITY = StoreIdentity(id="s", url="https://s", method="receipt", durable=True, keys=(KEY,), publics=("x",))
PLAIN = StoreIdentity(id="tus:https://s", url="https://s", method="read-back", durable=False)
OFFER = Offer(
    store=Announced(store="s", upload_url="https://s/files/", keys={KEY: OWN}),
    gives=("token",),
    signer=KEY,
    at="",
    relayed=False,
)


@pytest.mark.parametrize("found", [IDENTITY, PLAIN])
async def test_a_person_says_yes_or_no(tmp_path: Path, found: StoreIdentity) -> None:
    assert await agreement(tmp_path, says=True).with_identity(found, vouches) == (found.keys or (found.id,))[0]
    with pytest.raises(NotTaken, match="not the store that is meant"):
        await agreement(tmp_path).with_identity(found, vouches)


async def test_who_was_named_is_asked_nobody_about(tmp_path: Path) -> None:
    assert await agreement(tmp_path, pin=KEY, configured=WRONG).with_identity(IDENTITY, vouches) == KEY
    assert await agreement(tmp_path, configured=KEY).with_identity(IDENTITY, vouches) == KEY
    assert await agreement(tmp_path, pin=PLAIN.id).with_identity(PLAIN, vouches) == PLAIN.id
    assert await agreement(tmp_path, pinned=KEY).with_identity(IDENTITY, vouches) == KEY
    for named in ({"pin": WRONG}, {"configured": WRONG}, {"pinned": WRONG}, {"pin": "s"}):
        with pytest.raises(WrongStore, match="and not"):
            await agreement(tmp_path, says=True, **named).with_identity(IDENTITY, vouches)


def test_an_offer_wants_somebody_who_has_named_the_key(tmp_path: Path) -> None:
    with pytest.raises(WrongStore, match="nobody has named"):
        agreement(tmp_path, says=True).with_offer(OFFER, invited=None)
    assert not agreement(tmp_path).is_ours(OFFER)
    assert agreement(tmp_path, pin=KEY).with_offer(OFFER, invited=None) == KEY
    assert agreement(tmp_path, configured=WRONG).with_offer(OFFER, invited=KEY) == KEY
    with pytest.raises(WrongStore, match="and not"):
        agreement(tmp_path, pin=KEY).with_offer(OFFER, invited=WRONG)
    assert agreement(tmp_path, pinned=KEY).with_offer(OFFER, invited=None) == KEY
    assert agreement(tmp_path, pinned=KEY).is_ours(OFFER)
