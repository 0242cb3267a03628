"""Bring one file to a share in two pieces, as a porter does: a program of its own, so that it can be ended before each of its calls.

python -m tests.recovery.bring_to_share SHARE FILE
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from ingest.store.porter.share import Share
from ingest.store.porter.uploads import Uploads
from ingest.worker.arena import Arena

PLACE = b"station/2026/11/20/CAM01/080000_a.mp4_0123456789abcdef"


def bring(share_folder: Path, content: bytes) -> bytes:
    """All the way, from wherever it stands; its address."""
    with Share.opened(bytes(share_folder)) as share:
        if share.marker is None:
            share.make_marker()
        uploads = Uploads(share, arena=Arena(buffers=3), going_on=lambda _done: None)
        size = len(content)
        address = uploads.begin(PLACE, size=size, sha256=hashlib.sha256(content).hexdigest())
        found = uploads.look(address, size=size)
        offset = found.durable if found.final is None else found.final
        while offset < size:
            end = size // 2 if offset < size // 2 else size
            offset = uploads.take(
                address, iter([memoryview(content)[offset:end]]), offset=offset, length=end - offset, size=size
            )
        uploads.finish(address, size=size)
        uploads.lay_beside(address, b".json", b"{}")
        return address


if __name__ == "__main__":
    bring(Path(sys.argv[1]), Path(os.fsdecode(sys.argv[2])).read_bytes())
