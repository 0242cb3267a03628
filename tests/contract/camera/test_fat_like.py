"""A simulated FAT card sits the exam: it keeps no change times, and after its cable was pulled it lists as empty, without any error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.camera.mass_storage import MassStorage
from ingest.errors import CameraGone
from tests.contract.camera.exam import CameraExam
from tests.contract.camera.test_mass_storage import Folder


class FatCard(MassStorage):
    """Whether its device is there is known from elsewhere; the mount stays, stale and empty."""

    plugged = True

    def present(self) -> None:
        if not self.plugged:
            raise CameraGone("the device has left")
        super().present()

    def keeps_change_times(self) -> bool:
        return False


class PulledCable(Folder):
    """Hands that pull the cable."""

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.card = FatCard(os.fsencode(self.root))
        self.camera = self.card

    def unplug(self) -> None:
        self.card.plugged = False
        for child in self.root.iterdir():
            child.rename(self.root.parent / f"away-{child.name}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Folder]:
    folder = PulledCable(tmp_path / "CAM")
    yield folder
    folder.camera.close()


class TestFatCard(CameraExam):
    """The exam."""


def test_the_stale_mount_lists_as_empty_and_that_is_not_believed(bench: PulledCable) -> None:
    bench.put(b"a", b"x")
    bench.unplug()
    assert os.listdir(bench.root) == []
    with pytest.raises(CameraGone):
        list(bench.camera.listing())
