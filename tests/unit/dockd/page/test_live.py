"""A viewer that is slow costs a bounded queue, and gets a snapshot afterwards."""

from __future__ import annotations

from dockd.page.live import Viewer


async def test_a_slow_viewer_is_marked_and_told_no_more() -> None:
    viewer = Viewer()
    for number in range(1000):
        viewer.tell(b"%d" % number)
    assert viewer.behind
    found = [viewer.queue.get_nowait() for _ in range(viewer.queue.qsize())]
    assert found == [b"%d" % number for number in range(256)]
    viewer.tell(b"late")
    assert viewer.queue.empty()
    viewer.behind = False
    viewer.tell(b"snapshot")
    assert viewer.queue.get_nowait() == b"snapshot"
