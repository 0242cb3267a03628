"""The oracle can fail: each promise is broken by hand, and the oracle says which."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle import Witness
from tests.program import filled

SEGMENT = "0" * 32
CONTENT = b"footage" * 1000


def into_store(store: Path, *, path: str = "DCIM/a.mp4", content: bytes = CONTENT, id: str = "a" * 32) -> Path:
    """What the embedded store leaves on its disk for one object."""
    shelf = store / "objects" / id[:2]
    shelf.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256(content).hexdigest()
    told = {"filename": path, "path": path, "camera": "CAM", "segment": SEGMENT, "sha256": sha256}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    described = {"id": id, "size": len(content), "sha256": sha256, "metadata": metadata}
    (shelf / f"{id}.json").write_text(json.dumps(described))
    (shelf / id).write_bytes(content)
    return shelf / id


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    camera = filled(tmp_path / "CAM", {"DCIM/a.mp4": CONTENT, "DCIM/b.mp4": b"other"})
    (camera / "link").symlink_to("DCIM/a.mp4")
    return camera


@pytest.fixture
def witness(camera: Path, tmp_path: Path) -> Witness:
    witness = Witness(spool=tmp_path / "spool", store=tmp_path / "store")
    witness.spool.mkdir()
    witness.remember(camera)
    return witness


def test_nothing_done_is_no_fault(witness: Witness) -> None:
    assert witness.faults() == []
    assert len(witness.emptied()) == 2
    assert len(witness.delivered()) == 2


def test_a_proper_wipe_is_no_fault(witness: Witness, camera: Path) -> None:
    into_store(witness.store)
    (camera / "DCIM/a.mp4").unlink()
    assert witness.faults() == []
    assert len(witness.delivered()) == 1


def test_p1_is_broken_by_bytes_that_are_nowhere(witness: Witness, camera: Path) -> None:
    (camera / "DCIM/b.mp4").unlink()
    assert [fault[:3] for fault in witness.faults()] == ["P1:", "P2:"]


def test_p1_holds_by_the_spool_alone_and_p2_does_not(witness: Witness, camera: Path) -> None:
    (witness.spool / SEGMENT).write_bytes(CONTENT)
    (camera / "DCIM/a.mp4").unlink()
    assert [fault[:3] for fault in witness.faults()] == ["P2:"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda object: object.write_bytes(CONTENT[:-1]), id="cut"),
        pytest.param(lambda object: object.write_bytes(b"x" + CONTENT[1:]), id="other bytes"),
        pytest.param(lambda object: object.unlink(), id="no bytes"),
        pytest.param(lambda object: object.with_suffix(".json").unlink(), id="no description"),
    ],
)
def test_an_object_that_is_not_whole_does_not_count(
    witness: Witness, camera: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(into_store(witness.store))
    (camera / "DCIM/a.mp4").unlink()
    assert "P2:" in {fault[:3] for fault in witness.faults()}


def test_equal_content_of_another_path_does_not_count(witness: Witness, camera: Path) -> None:
    into_store(witness.store, path="DCIM/twin.mp4")
    (camera / "DCIM/a.mp4").unlink()
    assert [fault[:3] for fault in witness.faults()] == ["P2:"]


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda camera: (camera / "new").write_bytes(b""), id="a file is added"),
        pytest.param(lambda camera: (camera / "DCIM/b.mp4").write_bytes(b"othes"), id="a file is changed"),
        pytest.param(lambda camera: (camera / "DCIM/b.mp4").chmod(0o400), id="a mode is changed"),
        pytest.param(lambda camera: os.utime(camera / "DCIM/b.mp4", (0, 0)), id="a time is changed"),
        pytest.param(lambda camera: (camera / "link").unlink(), id="a link is removed"),
        pytest.param(lambda camera: (camera / "DCIM").rename(camera / "DCIM2"), id="a folder is renamed"),
    ],
)
def test_p3_is_broken_by_anything_else_that_happens_on_a_camera(
    witness: Witness, camera: Path, meddle: Callable[[Path], object]
) -> None:
    meddle(camera)
    assert "P3:" in {fault[:3] for fault in witness.faults()}


def test_an_empty_folder_that_is_removed_breaks_p3(tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {})
    (camera / "EMPTY").mkdir()
    witness = Witness(spool=tmp_path / "spool", store=tmp_path / "store")
    witness.remember(camera)
    shutil.rmtree(camera / "EMPTY")
    assert [fault[:3] for fault in witness.faults()] == ["P3:"]


def test_what_was_replaced_by_hand_has_to_be_kept_too(witness: Witness, camera: Path) -> None:
    (camera / "DCIM/a.mp4").write_bytes(b"a later recording")
    witness.remember(camera)
    assert [fault[:3] for fault in witness.faults()] == ["P1:"]
    into_store(witness.store)
    assert witness.faults() == []
