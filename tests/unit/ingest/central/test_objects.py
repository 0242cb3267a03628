"""What is said of an object, while retention deletes it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.central import index as index_sql
from ingest.central import records as records_sql
from ingest.central.access import Caller
from ingest.central.database import Database
from ingest.central.descriptions import UploadDescription
from ingest.central.disk import Disk
from ingest.central.index import Index
from ingest.central.keys import KeyRing
from ingest.central.layout import Layout, new_id
from ingest.central.objects import Objects
from ingest.central.receipts import Question, Receipts
from ingest.central.records import Records
from ingest.central.refusals import Refusal
from ingest.central.threads import Threads
from tests.unit.ingest.central.set_clock import DAY, SetClock

CONTENT = os.urandom(50_000)
QUESTION = Question(nonce="n" * 20)


class SlowReading(Threads):
    """A long re-hash: it stands, with the file open, until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = threading.Event()
        self.go_on = threading.Event()

    def stopped(self) -> bool:
        self.reading.set()
        self.go_on.wait(30)
        return super().stopped()


@dataclass
class Store:
    clock: SetClock
    threads: SlowReading
    index: Index
    records: Records
    objects: Objects
    receipts: Receipts

    async def stored(self) -> str:
        upload = UploadDescription(id=new_id(), size=len(CONTENT), metadata="", owner="o", created_at=self.clock.now())
        self._layout.upload_bytes(upload.id).write_bytes(CONTENT)
        object = self.objects.shelve(upload, sha256=hashlib.sha256(CONTENT).hexdigest())
        await self.objects.publish(object, discard=lambda _id: None)
        return object.id

    @property
    def _layout(self) -> Layout:
        return self.objects._layout

    async def delete(self, id: str) -> bool:
        return await self.objects.delete_due(id, before=self.clock.now() + 1, why="retention")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    layout, disk, clock, threads = Layout(tmp_path), Disk(), SetClock(), SlowReading()
    for folder in (layout.keys, layout.uploads, layout.objects):
        folder.mkdir()
    databases = [
        Database(layout.records, migrations=records_sql.MIGRATIONS),
        Database(layout.index, migrations=index_sql.MIGRATIONS),
    ]
    for database in databases:
        database.open()
    records, index = Records(databases[0], clock=clock), Index(databases[1])
    objects = Objects(
        layout, disk=disk, index=index, records=records, threads=threads, clock=clock, look_again=DAY
    )  # fmt: skip
    keys = KeyRing(layout, disk=disk, store_id="s")
    keys.load()
    receipts = Receipts(store_id="s", keys=keys, objects=objects, records=records, clock=clock)
    yield Store(clock=clock, threads=threads, index=index, records=records, objects=objects, receipts=receipts)
    threads.go_on.set()
    for database in databases:
        database.close()
    threads.close()


async def test_no_receipt_for_what_was_deleted_while_it_was_read_again(store: Store) -> None:
    id = await store.stored()
    store.clock.pass_(DAY + 1)
    row = await store.objects.find(id)
    assert row is not None
    asked = asyncio.create_task(store.receipts.attest(row, QUESTION, caller=Caller("dock", "dock")))
    assert await asyncio.to_thread(store.threads.reading.wait, 10)
    assert await store.delete(id)
    store.threads.go_on.set()  # the descriptor is open: all bytes are read, and their hash is right
    with pytest.raises(Refusal, match="deleted") as refused:
        await asked
    assert refused.value.status == 410
    assert [e.action for e in await store.records.entries(object=id)] == ["object.deleted"], "it was never damaged"


async def test_no_receipt_for_what_was_deleted_after_it_was_found(store: Store) -> None:
    """The last look is fresh, so the bytes are not read: presence is looked at in turn with the deletion."""
    id = await store.stored()
    row = await store.objects.find(id)
    assert row is not None
    deleting = asyncio.ensure_future(store.delete(id))
    asked = asyncio.ensure_future(store.receipts.attest(row, QUESTION, caller=Caller("dock", "dock")))
    assert await deleting
    with pytest.raises(Refusal, match="deleted") as refused:
        await asked
    assert refused.value.status == 410
    assert [e.action for e in await store.records.entries(object=id)] == ["object.deleted"]


async def test_a_deletion_waits_for_what_is_being_said(store: Store) -> None:
    id = await store.stored()
    row = await store.objects.find(id)
    assert row is not None
    bytes_at = store.objects.path(id)
    saying, go_on = threading.Event(), threading.Event()

    def say() -> bool:
        saying.set()
        go_on.wait(10)
        return bytes_at.exists()

    said = asyncio.create_task(store.objects.look(row, who="dock", say=say))
    assert await asyncio.to_thread(saying.wait, 10)
    deleting = asyncio.create_task(store.delete(id))
    await asyncio.sleep(0.05)
    go_on.set()
    assert await said, "its bytes were there when it was said"
    assert await deleting
    assert not bytes_at.exists()
