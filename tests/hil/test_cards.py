"""The checks on a card's image can fail: each damage that dockd must never do is done by hand and must be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig import footage
from tests.hil.rig.cards import START, Card, unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.scene import Scene

pytestmark = [pytest.mark.hil, pytest.mark.hil_short]
VICTIM = "DCIM/100MEDIA/BWC00001.MP4"


def overwrite(card: Card, *, at: int, what: bytes) -> None:
    with card.image.open("r+b") as file:
        file.seek(at)
        file.write(what)


def offset_of(card: Card, needle: bytes) -> int:
    return card.image.read_bytes().index(needle)


def test_a_filled_card_holds_exactly_the_footage(scene: Scene) -> None:
    assert scene.on_card() == scene.originals
    assert set(footage.EMPTY_FOLDERS) < scene.card.folders()
    assert scene.card.complaints(partition=scene.new_path("partition")) is None
    assert unexplained_changes(scene.before, scene.card) == []


def test_a_file_deleted_by_its_name_is_no_unexplained_change(scene: Scene) -> None:
    scene.card.delete(VICTIM)
    assert scene.card.files() == set(scene.originals) - {VICTIM}
    assert unexplained_changes(scene.before, scene.card) == []
    assert scene.card.complaints(partition=scene.new_path("partition")) is None


def test_a_file_that_is_nowhere_is_lost(scene: Scene) -> None:
    scene.card.delete(VICTIM)
    assert lost(scene.originals, card=scene.on_card(), store={}) == [VICTIM]
    assert lost(scene.originals, card=scene.on_card(), store={"1": scene.originals[VICTIM]}) == []


def test_a_changed_byte_of_footage_is_found(scene: Scene, folder: Path) -> None:
    frames = (folder / "tree" / VICTIM).read_bytes()[8192:8224]
    overwrite(scene.card, at=offset_of(scene.card, frames), what=b"\0")
    assert len(unexplained_changes(scene.before, scene.card)) == 1
    assert lost(scene.originals, card=scene.on_card(), store={}) == [VICTIM]


@pytest.mark.parametrize(("at", "place"), [(600, "outside the partition"), (START + 3, "reserved sector 0")])
def test_a_change_outside_the_files_is_found(scene: Scene, at: int, place: str) -> None:
    overwrite(scene.card, at=at, what=b"\xa5")
    assert [change[: len(place)] for change in unexplained_changes(scene.before, scene.card)] == [place]


def test_a_table_that_does_not_fit_its_folders_is_found(scene: Scene) -> None:
    layout = scene.card.layout()
    overwrite(scene.card, at=START + layout.table + 4 * 100, what=bytes(4))
    assert scene.card.complaints(partition=scene.new_path("partition"))
