"""Which paths may be taken for cameras, who they are, and how a run is counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dockd.oneshot import Outcome, balance_of, visits_of
from dockd.store_kinds import Misconfigured
from ingest.ledger.segments import Segment


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def ids(*paths: Path, camera: str | None = None) -> list[str]:
    return [visit.camera.id for visit in visits_of(paths, camera=camera, state=[Path("/nowhere/state")])]


def test_one_path_with_a_name_is_that_camera(tmp_path: Path) -> None:
    assert ids(folder(tmp_path / "CAM"), camera="X81") == ["X81"]


def test_the_place_tells_cameras_of_one_name_apart(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "A" / "CAM"), folder(tmp_path / "B" / "CAM")
    both = ids(one, two)
    assert len(set(both)) == 2
    assert [name.split("~")[0] for name in both] == ["CAM", "CAM"]
    assert len(set(ids(one, two, camera="X81"))) == 2
    assert ids(one) == ids(one), "and the same place is the same camera again"


def test_links_are_resolved(tmp_path: Path) -> None:
    camera = folder(tmp_path / "CAM")
    (tmp_path / "link").symlink_to(camera)
    (visit,) = visits_of([tmp_path / "link"], camera=None, state=[])
    assert visit.root == os.fsencode(camera)
    assert ids(tmp_path / "link") == ids(camera)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    camera = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    camera.mkdir()
    (name,) = ids(camera)
    assert name.isprintable()


@pytest.mark.parametrize(
    ("paths", "state", "why"),
    [
        (["CAM", "CAM"], "state", "lie in one another"),
        (["CAM", "CAM/DCIM"], "state", "lie in one another"),
        (["CAM"], "CAM", "dockd's own state"),
        (["CAM"], "CAM/state", "dockd's own state"),
        (["CAM/DCIM"], "CAM", "dockd's own state"),
        (["none"], "state", "there is no such folder"),
        (["file"], "state", "it is not a folder"),
        (["dangling"], "state", "it is not a folder"),
        (["central"], "state", "the root of a central store"),
        (["central/objects"], "state", "the root of a central store"),
        (["above"], "state", "the root of a central store"),
        (["other"], "state", "the state of a dock"),
    ],
    ids=str,
)
def test_refused(paths: list[str], state: str, why: str, tmp_path: Path) -> None:
    folder(tmp_path / "CAM" / "DCIM")
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("none")
    for root in (tmp_path / "central", tmp_path / "above" / "deep" / "down"):
        for name in ("objects", "uploads"):
            folder(root / name)
        (root / "store.json").touch()
    folder(tmp_path / "other" / "spool")
    (tmp_path / "other" / "ledger.db").touch()
    with pytest.raises(Misconfigured, match=why):
        visits_of([tmp_path / path for path in paths], camera=None, state=[tmp_path / state])


def test_names_that_only_begin_alike_are_two(tmp_path: Path) -> None:
    assert len(ids(folder(tmp_path / "CAM"), folder(tmp_path / "CAM2"))) == 2


@pytest.mark.parametrize("camera", ["", "  ", "\t"])
def test_an_empty_name(camera: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="--camera is empty"):
        ids(folder(tmp_path / "CAM"), camera=camera)


def row(**changes: Any) -> Segment:
    fields: dict[str, Any] = dict.fromkeys(Segment.__dataclass_fields__)
    return Segment(**fields | {"size": 10, "path": b"a", "on_camera": 1, "in_spool": 0, "in_store": 0} | changes)


def test_counts() -> None:
    balance = balance_of(
        [
            row(),
            row(sha256="x", in_spool=1, size=5),
            row(sha256="x", in_store=1),
            row(sha256="x", in_store=1, on_camera=0, wiped_at=1.0),
            row(held="copy_failed", held_message="bad sector"),
        ]
    )
    assert balance.segments.as_dict() == {"listed": 5, "copied": 3, "confirmed": 2, "wiped": 1, "held": 1}
    assert balance.bytes.as_dict() == {"listed": 45, "copied": 25, "confirmed": 20, "wiped": 10, "held": 10}


def test_the_document() -> None:
    held = [row(path=b"\xff", held="copy_failed", held_message="bad"), row(held="x", held_message="y")]
    document = Outcome(balance=balance_of(held), held=held, notes=["n"], seconds=1.23456).document()
    assert document["held"] == [
        {"path": "\udcff", "reason": "copy_failed", "message": "bad", "path_b64": "/w=="},
        {"path": "a", "reason": "x", "message": "y"},
    ]
    assert (document["notes"], document["seconds"]) == (["n"], 1.235)
