"""S3 servers that lie, and the whole pipeline against them: the lies that are tried in every run (all of them: tests/stores)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import Dock
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_every_lie import Kind
from tests.simulators.stores.s3_scene import FILES, all_tried, scene_at


@pytest.mark.parametrize("kind", ["hashes", "plain"])
async def test_no_lie_of_a_bucket_gets_a_file_deleted(tmp_path: Path, kind: Kind) -> None:
    count, wrong = await all_tried(tmp_path, kind, quick=True)
    assert count >= 5
    assert not wrong, "\n".join(wrong)


def test_a_camera_is_wiped_into_a_bucket(tmp_path: Path) -> None:
    """The real program, its word for the bucket's address, and a server that is honest."""
    with scene_at(tmp_path, HonestS3()) as scene:
        scene.docked(FILES)
        dock = Dock(state=tmp_path / "state", url=f"s3+{scene.running.bucket_url}")
        found = dock.ingest(
            scene.camera, options=("--wipe", "--wait", "10 s", "--json", "--token-file", str(scene.secret()))
        )
        assert found.code == 0, found.said
        assert scene.taken() == sorted(FILES)
        assert scene.faults() == []
        beside = [key for key in scene.vault.objects if key.endswith(".json")]
        assert len(beside) == 2 * len(FILES), beside
        assert dock.custody_faults() == ""
