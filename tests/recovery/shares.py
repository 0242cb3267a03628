"""What is whole on a share, by the share's folder alone, and runs of dockd that deliver to one."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.ledger import audit
from tests.oracle import Stored, Witness, always
from tests.program import Ended, StoreProcess
from tests.recovery.every_stop import Scene


class ShareWitness(Witness):
    """`tests.oracle` for a share: an object is a file with its description beside it (`.json`)."""

    def stored(self) -> list[Stored]:
        return list(self._whole())

    def _whole(self) -> Iterator[Stored]:
        for description in self.store.glob("*/*/*/*/*/*.json"):
            if re.search(r"\.custody(-[0-9a-f]{8})?\.json$", description.name):
                continue
            said = json.loads(description.read_bytes())
            file = description.with_suffix("")
            content = self._contents.of(file)
            if content == (said["size"], said["sha256"]):
                path = base64.b64decode(said["path_b64"]) if "path_b64" in said else said["path"].encode()
                yield Stored(
                    path=path, since_ns=os.stat(file).st_ctime_ns, camera=said["camera"], segment=said["segment"], content=content
                )  # fmt: skip


def share_at(folder: Path) -> StoreProcess:
    """A share in the place of a store: nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    return StoreProcess(root=folder, url=str(folder))


class ShareScene(Scene):
    """`every_stop.Scene` with a share. Spool copies stay for a day after a proof by reading back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.witness = ShareWitness(spool=self.dock.spool, store=self.store.root)
        self.witness.remember(*self.cameras)

    def ends_well(self, run: Ended) -> None:
        """It said so, and so it is: all on the share, nothing on the cameras or left of an upload, the record whole."""
        assert run.code == 0, run.said
        always(self.witness.faults)
        assert (self.witness.emptied(), self.witness.delivered()) == ([], [])
        left = [name for name in os.listdir(self.store.root / ".dockd/incoming") if not name.endswith(".tmp")]
        assert left == []
        with audit.moment(self.dock.state / "ledger.db") as reader:
            assert audit.check(reader).faults == ()
