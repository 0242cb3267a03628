"""Where things lie under the root.

    ROOT/lock                      held by the one process that serves this root
    ROOT/store.json                the store's id, given once
    ROOT/keys/                     signing keys and their history
    ROOT/keys/docks-invited        that there is a book of docks, docks.db: where it is lost the store is not open to anybody
    ROOT/index.db                  what is here, for quick answers; rebuilt from the descriptions if it is lost
    ROOT/records.db                for good: reads, disclosures, deletions; the last custody head of each dock
    ROOT/uploads/ID.json .part .offset    an unfinished upload: description, bytes, how far they are durable
    ROOT/objects/AB/ID ID.json     a finished object: its bytes and its description

Rule: names are made from ids that this store has drawn, never from what a client sends.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """32 hex digits, drawn by chance."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Whether it is of the form that `new_id` gives."""
    return _ID.fullmatch(text) is not None


class Layout:
    """Paths under one root. Does no I/O."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "lock"
        self.identity = root / "store.json"
        self.keys = root / "keys"
        self.index = root / "index.db"
        self.records = root / "records.db"
        self.docks = root / "docks.db"
        self.invited = self.keys / "docks-invited"
        self.uploads = root / "uploads"
        self.objects = root / "objects"

    def upload_description(self, upload: str) -> Path:
        """What was announced."""
        return self.uploads / f"{upload}.json"

    def upload_bytes(self, upload: str) -> Path:
        """What came so far."""
        return self.uploads / f"{upload}.part"

    def upload_offset(self, upload: str) -> Path:
        """How much of it is durable."""
        return self.uploads / f"{upload}.offset"

    def written_description(self, id: str) -> Path:
        """An object's description while it is written: where a start clears away what a crash left."""
        return self.uploads / f"{id}.description.part"

    def shelf(self, id: str) -> Path:
        """The folder of an object."""
        return self.objects / id[:2]

    def object_bytes(self, id: str) -> Path:
        """The object itself."""
        return self.shelf(id) / id

    def object_description(self, id: str) -> Path:
        """What it is."""
        return self.shelf(id) / f"{id}.json"
