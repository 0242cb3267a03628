"""The embedded central store: the far end of the protocol that docks speak.

Why it exists: a first run and a small site need a store that proves what it holds; past one machine an S3 engine takes
over. Its rules, which every module here keeps:

* files are the truth for bytes, each beside a description that says what it is; the index can be rebuilt from them;
* what is answered is on the disk: an offset only after fdatasync, an object only after fsync and rename, a receipt only
  from bytes that were read back past the page cache;
* a crash at any step leaves an unfinished upload or a finished object, never something in between;
* nothing blocks the loop: the disk is touched in threads, in large pieces.

    async with CentralStore(root=Path("store"), listen=("127.0.0.1", 0)) as store:
        print(store.url, store.store_id)
"""

from __future__ import annotations

from ingest.central.app import CentralStore
from ingest.central.refusals import StoreInUseError, StoreUnusableError
from ingest.central.settings import SettingsError, StoreSettings, read_settings

__all__ = [
    "CentralStore",
    "SettingsError",
    "StoreInUseError",
    "StoreSettings",
    "StoreUnusableError",
    "read_settings",
]
