"""The oracle can fail: each breach of a promise is made by hand, on cards of both filesystems, and must be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig import footage
from tests.hil.rig.cards import Card, Filesystem, Table, make_card, unexplained_changes
from tests.hil.rig.evidence import hashes
from tests.hil.rig.oracle import Carried, Found, Oracle, judged

pytestmark = [pytest.mark.hil, pytest.mark.hil_short]
VICTIM = "DCIM/100MEDIA/BWC00001.MP4"
KINDS = [(filesystem, table) for filesystem in Filesystem for table in Table]


def filled(folder: Path, filesystem: Filesystem, table: Table) -> tuple[Card, Path]:
    tree = footage.write_tree(folder / "tree", footage.SHIFT, empty_folders=footage.EMPTY_FOLDERS)
    card = make_card(folder / "card.img", filesystem=filesystem, table=table)
    card.fill(tree)
    return card, tree


def overwrite(card: Card, *, sector: int) -> None:
    with card.image.open("r+b") as file:
        file.seek(512 * sector)
        file.write(b"\xa5" * 16)


@pytest.mark.parametrize(("filesystem", "table"), KINDS)
def test_a_card_of_any_kind_is_filled_read_and_told_from_another(
    folder: Path, filesystem: Filesystem, table: Table
) -> None:
    card, tree = filled(folder, filesystem, table)
    assert hashes(card.copy_out(folder / "out")) == hashes(tree)
    assert set(footage.EMPTY_FOLDERS) < card.folders()
    assert card.complaints(partition=folder / "volume") is None
    other = card.copied_to(folder / "other.img")
    other.volume.relabel(serial=0xCAFE0001)
    assert other.complaints(partition=folder / "volume") is None
    assert all(place.startswith("reserved sector") for place in unexplained_changes(card, other))
    assert unexplained_changes(card, other)


@pytest.mark.parametrize("filesystem", Filesystem)
def test_a_changed_byte_of_footage_breaks_two_promises(folder: Path, filesystem: Filesystem) -> None:
    card, _ = filled(folder, filesystem, Table.MBR)
    oracle = Oracle(folder)
    carried = oracle.add(card, serial="C0001")
    overwrite(card, sector=card.sector_of(VICTIM, at=8192))
    nothing = Found(cards=(oracle.on_card(carried),), spool={}, store={})
    assert [breach[:2] for breach in judged(oracle.cards, nothing)] == ["P1", "P2"]
    assert [breach[:2] for breach in oracle.changes()] == ["P3"]


def carried(name: str, card: Card, originals: dict[str, str]) -> Carried:
    return Carried(serial=name, card=card, before=card, originals=originals)


def test_what_is_gone_must_be_in_the_store_once_for_each_card(folder: Path) -> None:
    card = Card(image=folder / "none.img", filesystem=Filesystem.FAT32)
    twins = [carried("C0001", card, {"a": "1"}), carried("C0002", card, {"b": "1"})]
    gone: tuple[dict[str, str], ...] = ({}, {})

    def breaches(cards: tuple[dict[str, str], ...], *, spool: dict[str, str], store: dict[str, str]) -> list[str]:
        return [line[:10] for line in judged(twins, Found(cards=cards, spool=spool, store=store))]

    assert breaches(({"a": "1"}, {"b": "1"}), spool={}, store={}) == []
    assert breaches(gone, spool={}, store={"x": "1", "y": "1"}) == []
    assert breaches(gone, spool={}, store={"x": "1"}) == ["P2: C0002:"]
    assert breaches(gone, spool={"x": "1"}, store={}) == ["P2: C0001:", "P2: C0002:"]
    assert breaches(({"a": "other"}, {"b": "1"}), spool={}, store={}) == ["P1: C0001:", "P2: C0001:"]


def test_a_card_of_somebody_else_must_stay_bit_by_bit(folder: Path) -> None:
    card, _ = filled(folder, Filesystem.FAT32, Table.MBR)
    oracle = Oracle(folder)
    oracle.add(card, serial="STICK", named=False)
    assert oracle.changes() == []
    card.delete(VICTIM)
    assert oracle.changes() == ["P3: STICK is not the site's, and was changed"]
