"""A disk of the dock's own that fails is told as that: no camera is blamed, nothing is lost, and it goes on by itself. More in tests/soak/test_disks.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.stops import Chain, needs_strace

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    needs_strace()
    chain = Chain(folder=tmp_path / "chain", seed=3)
    try:
        yield chain
    finally:
        chain.store.kill()


def test_an_error_of_the_docks_own_disk_is_not_told_as_the_cameras(chain: Chain) -> None:
    """The worker reads the camera and writes the spool: each error is told as that of the disk that gave it."""
    chain.options = ("--wipe", "--wait", "500 ms")
    run = chain.disk_fails("pwritev,pwritev2", 2, "EIO")
    assert run.code == 3, run.said
    assert "the dock's own disk gives errors (Input/output error)" in run.err, run.said
    assert "the camera cannot" not in run.err, run.said
    assert "is held" not in run.err, run.said
    assert "Traceback" not in run.err, run.said
    chain.close()
