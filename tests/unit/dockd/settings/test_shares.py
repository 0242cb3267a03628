"""A look at a share by another process, which is left behind where the share does not answer."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from dockd.oneshot import visits_of
from dockd.settings import shares
from dockd.settings.shares import seen
from dockd.store_kinds import Misconfigured


def test_it_sees_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    there = seen(tmp_path / "link")
    assert there is not None
    assert (there.real, there.enters, there.error) == (tmp_path, True, 0)
    gone = seen(tmp_path / "none")
    assert gone is not None
    assert (gone.mode, gone.error) == (None, errno.ENOENT)


def test_one_that_does_not_answer_is_not_waited_for() -> None:
    began = time.monotonic()
    ours, theirs = os.pipe()
    try:
        assert shares._said(ours, until=began + 0.1) == b""
    finally:
        os.close(ours)
        os.close(theirs)
    assert time.monotonic() - began < 2.0
    stopped = os.fork()
    if stopped == 0:
        signal.pause()
    shares._leave(stopped)
    with pytest.raises(ChildProcessError):
        os.waitpid(stopped, 0)


@pytest.mark.parametrize("path", ["share", "share/CAM", "."])
def test_the_stores_own_folder_is_no_camera(tmp_path: Path, path: str) -> None:
    (tmp_path / "share/CAM").mkdir(parents=True)
    with pytest.raises(Misconfigured, match="the store's folder"):
        visits_of([tmp_path / path], camera=None, state=[], share=tmp_path / "share")


def test_a_share_that_is_a_store_is_no_camera_of_anybody(tmp_path: Path) -> None:
    (tmp_path / "share/CAM").mkdir(parents=True)
    (tmp_path / "share/.dockd-store").write_text("{}")
    with pytest.raises(Misconfigured, match="a share that is a store"):
        visits_of([tmp_path / "share/CAM"], camera=None, state=[])
