"""The docks' heads as the store's operator sees them, and forgets one, while the store is not running: its records have one writer.

Why: whoever had a dock's credentials, and gave a head that this dock cannot follow, has stopped its receipts; the dock cannot put that right.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ingest.central.app import take_root
from ingest.central.database import Database
from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.records import MIGRATIONS, Head, Records
from ingest.central.refusals import StoreUnusableError
from ingest.clock import Clock


def heads(root: Path) -> list[Head]:
    """Of every dock. Blocks. Raises StoreInUseError, StoreUnusableError, OSError."""
    with _records(root, older=False) as records:
        return asyncio.run(_heads(records))


def forget(root: Path, dock: str, *, who: str, reason: str) -> list[Head]:
    """What was forgotten, and noted for good; empty where that name was never shown. Blocks. Raises as `heads` does."""
    with _records(root, older=True) as records:
        return asyncio.run(_forget(records, dock, who=who, reason=reason))


async def _heads(records: Records) -> list[Head]:
    return await records.heads()


async def _forget(records: Records, dock: str, *, who: str, reason: str) -> list[Head]:
    return await records.forget_head(dock=dock, who=who, reason=reason)


@contextlib.contextmanager
def _records(root: Path, *, older: bool) -> Iterator[Records]:
    """`older`: whether records of a version before are brought up; a mere look leaves them to the version that wrote them."""
    layout = Layout(root.absolute())
    if not layout.records.exists():
        raise StoreUnusableError(f"{root} holds no store that has ever run: name the folder of `dockd store serve`")
    lock = take_root(layout, disk=Disk())
    try:
        if not older and _version(layout.records) < len(MIGRATIONS):
            raise StoreUnusableError(
                f"{layout.records} is of a version before, which keeps no owners: this one brings it up when its store is started; nothing was changed"
            )
        database = Database(layout.records, migrations=MIGRATIONS)
        try:
            database.open()
        except sqlite3.DatabaseError as damaged:
            raise StoreUnusableError(
                f"{layout.records} cannot be used ({damaged}): put it back from a backup"
            ) from damaged
        try:
            yield Records(database, clock=Clock())
        finally:
            database.close()
    finally:
        os.close(lock)


def _version(file: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as damaged:
        raise StoreUnusableError(f"{file} cannot be used ({damaged}): put it back from a backup") from damaged
