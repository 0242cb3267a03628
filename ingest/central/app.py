"""The store put together: the only place that builds its parts, starts them and ends them.

    async with CentralStore(root=Path("store"), listen=("127.0.0.1", 0)) as store:
        ...                     # serving at store.url

Rules: one process a root (a lock that the kernel lets go of when the process dies); without a token file loopback only;
what an earlier process left is put right before the first request is taken; closing takes at most a few seconds and
leaves everything resumable.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import sqlite3
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from aiohttp import web

from ingest.central import index as index_sql
from ingest.central import records as records_sql
from ingest.central.answers import Doorkeeper
from ingest.central.connections import serve
from ingest.central.database import Database
from ingest.central.disk import Disk
from ingest.central.door import door, refuse_an_open_door
from ingest.central.index import Index
from ingest.central.keys import KeyRing, load_identity, present
from ingest.central.layout import Layout
from ingest.central.objects import Objects
from ingest.central.reading import Reading
from ingest.central.receipts import Receipts
from ingest.central.receiving import Receiving
from ingest.central.records import Records
from ingest.central.refusals import StoreInUseError, StoreUnusableError
from ingest.central.retention import Retention, Swept
from ingest.central.routes_api import ApiRoutes
from ingest.central.routes_files import FileRoutes
from ingest.central.settings import StoreSettings
from ingest.central.threads import Threads
from ingest.central.trusted_time import StoreClock
from ingest.central.uploads import Uploads

_log = logging.getLogger(__name__)


class CentralStore:
    """An embedded central store over one folder, serving while it is entered.

    `listen` is (address, port), port 0 for any free one. Raises on entering: StoreInUseError, StoreUnusableError,
    OSError (the address is taken, the folder cannot be used).
    """

    def __init__(
        self,
        root: Path,
        *,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        token_file: Path | None = None,
        settings: StoreSettings | None = None,
        clock: StoreClock | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._layout = Layout(Path(root).absolute())
        self._listen = listen
        self._token_file = token_file
        self._settings = settings or StoreSettings()
        self._clock = clock or StoreClock()
        self._disk = disk or Disk()
        self._ends = AsyncExitStack()
        self.url = ""
        self.store_id = ""

    async def __aenter__(self) -> Self:
        refuse_an_open_door(self._layout, listen=self._listen, token_file=self._token_file, settings=self._settings)
        async with AsyncExitStack() as ends:
            await self._start(ends)
            self._ends = ends.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def _start(self, ends: AsyncExitStack) -> None:
        # Let go of last: by then the threads have ended, and nothing of this process touches the root any more.
        ends.callback(os.close, await asyncio.to_thread(take_root, self._layout, disk=self._disk))
        self.threads = Threads()
        ends.push_async_callback(asyncio.to_thread, self.threads.close)
        await self._build(ends)
        await self._put_right()
        await self._serve(ends)

    async def _build(self, ends: AsyncExitStack) -> None:
        layout, disk, threads, clock = self._layout, self._disk, self.threads, self._clock
        identity = await threads.disk(lambda: load_identity(layout, disk=disk, now=clock.now()))
        self.store_id = identity.store_id
        self._keys = KeyRing(layout, disk=disk, store_id=self.store_id)
        await threads.disk(self._keys.load)
        self._door = door(
            layout, identity=identity, keys=self._keys, token_file=self._token_file, settings=self._settings, clock=clock, disk=disk,
            threads=threads,
        )  # fmt: skip
        await threads.disk(self._door.load)
        self.records = Records(await self._open_records(ends), clock=clock)
        self.index = Index(await self._open_index(ends))
        self._uploads = Uploads(layout, disk=disk, clock=clock)
        self._objects = Objects(
            layout,
            disk=disk,
            index=self.index,
            records=self.records,
            threads=threads,
            clock=clock,
            look_again=self._settings.look_again,
        )
        self._receiving = Receiving(
            layout,
            uploads=self._uploads,
            objects=self._objects,
            index=self.index,
            records=self.records,
            threads=threads,
            settings=self._settings,
        )
        self._retention = Retention(
            settings=self._settings,
            clock=clock,
            uploads=self._uploads,
            receiving=self._receiving,
            objects=self._objects,
            index=self.index,
            records=self.records,
            threads=threads,
        )

    async def _open_records(self, ends: AsyncExitStack) -> Database:
        database = Database(self._layout.records, migrations=records_sql.MIGRATIONS)
        try:
            await self.threads.disk(database.open)
        except sqlite3.DatabaseError as damaged:
            raise StoreUnusableError(
                f"{self._layout.records} cannot be used ({damaged}): it holds what is kept for good and cannot be "
                "rebuilt; put it back from a backup, or move it away, which docks and auditors have to be told"
            ) from damaged
        ends.push_async_callback(asyncio.to_thread, database.close)
        return database

    async def _open_index(self, ends: AsyncExitStack) -> Database:
        database = Database(self._layout.index, migrations=index_sql.MIGRATIONS)
        self._rebuild = not await self.threads.disk(self._layout.index.exists)
        try:
            await self.threads.disk(database.open)
        except sqlite3.DatabaseError as damaged:
            _log.error("the index is damaged (%s): it is put aside and rebuilt from the objects", damaged)
            await self.threads.disk(self._put_index_aside)
            self._rebuild = True
            await self.threads.disk(database.open)
        ends.push_async_callback(asyncio.to_thread, database.close)
        return database

    def _put_index_aside(self) -> None:
        aside = f"damaged-{time.time_ns()}"
        for suffix in ("", "-wal", "-shm"):
            path = self._layout.index.with_name(self._layout.index.name + suffix)
            if path.exists():
                self._disk.move(path, path.with_name(f"{path.name}.{aside}"))

    async def _put_right(self) -> None:
        """What a crash left half done is done or undone before anybody is served."""
        await self.index.number_from_now()
        if self._rebuild:
            for object, present in await self.threads.disk(self._objects.rescan):
                await self.index.add(object, looked_at=0, state="kept" if present else "damaged")
        believe = self._settings.clock == "as-is" or await self.threads.disk(self._clock.synchronised) is True
        await self._receiving.take_up(believe_dates=believe)
        await self._retention.finish_deletions()

    async def _serve(self, ends: AsyncExitStack) -> None:
        doorkeeper = Doorkeeper(self._door.access)
        app = web.Application(middlewares=[doorkeeper.middleware], client_max_size=65536)
        FileRoutes(
            uploads=self._uploads,
            receiving=self._receiving,
            objects=self._objects,
            receipts=Receipts(
                store_id=self.store_id,
                keys=self._keys,
                objects=self._objects,
                records=self.records,
                clock=self._clock,
            ),
            records=self.records,
            reading=Reading(
                objects=self._objects,
                records=self.records,
                threads=self.threads,
                idle=self._settings.idle_timeout,
            ),
            settings=self._settings,
            clock=self._clock,
        ).add_to(app.router)
        ApiRoutes(
            store_id=self.store_id, keys=self._keys, index=self.index, objects=self._objects, records=self.records,
            enrolled=self._door.enrolled,
        ).add_to(app.router)  # fmt: skip
        self._door.add_to(app.router)
        tls = self._door.tls.context if self._door.tls is not None else None
        self.url = await serve(app, sock=_listening(self._listen), settings=self._settings, ends=ends, tls=tls)
        renewing = self._door.renew_for_ever(every=self._settings.look_at_certificate, threads=self.threads)
        ends.push_async_callback(_end, asyncio.create_task(renewing, name="store-certificate"))
        watching = asyncio.create_task(doorkeeper.watch(), name="store-door")
        ends.push_async_callback(_end, watching)
        sweeper = asyncio.create_task(self._sweep_for_ever(), name="store-retention")
        ends.push_async_callback(_end, sweeper)
        ends.callback(doorkeeper.close)
        ends.callback(self.threads.stop)

    async def sweep(self) -> Swept:
        """Delete what is due now."""
        return await self._retention.sweep()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except (OSError, sqlite3.Error) as failed:
                _log.error("what is due could not be deleted (%s): tried again later", failed)
            await asyncio.sleep(self._settings.sweep_every)


def take_root(layout: Layout, *, disk: Disk) -> int:
    """Make the folders, take the lock. Gives the descriptor that holds it. Blocks. Raises StoreInUseError, OSError."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for folder in (layout.keys, layout.uploads, layout.objects):
            disk.make_folder(folder)
        disk.sync_folder(layout.root)
    except BlockingIOError:
        os.close(lock)
        raise StoreInUseError(
            f"another process serves the store in {layout.root}: end that one first, or give another --root"
        ) from None
    except OSError:
        os.close(lock)
        raise
    return lock


def rotate_key(root: Path) -> str:
    """Replace the signing key of a store that is not running; gives the new thumbprint. Blocks.

    Raises StoreInUseError, StoreUnusableError, OSError.
    """
    layout, disk = Layout(root.absolute()), Disk()
    lock = take_root(layout, disk=disk)
    try:
        now = time.time()
        keys = KeyRing(layout, disk=disk, store_id=load_identity(layout, disk=disk, now=now).store_id)
        keys.load()
        return keys.rotate(now=now)
    finally:
        os.close(lock)


def thumbprint(root: Path) -> str:
    """The thumbprint of a store's present signing key, whether it is running or not; drawn now where it has never run. Blocks.

    Raises StoreUnusableError, OSError.
    """
    layout, disk = Layout(root.absolute()), Disk()
    if layout.identity.exists():
        with contextlib.suppress(StoreUnusableError):  # it may be making them just now
            return present(layout)
    lock = take_root(layout, disk=disk)
    try:
        keys = KeyRing(layout, disk=disk, store_id=load_identity(layout, disk=disk, now=time.time()).store_id)
        keys.load()
        return keys.thumbprint
    finally:
        os.close(lock)


def _listening(listen: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(listen)
        sock.setblocking(False)
    except OSError as failed:
        sock.close()
        raise StoreUnusableError(why_not_listening(listen, failed)) from failed
    return sock


def why_not_listening(listen: tuple[str, int], failed: OSError) -> str:
    """For who started it."""
    why = f"the store cannot listen on {listen[0]} port {listen[1]}: {failed.strerror}"
    if isinstance(failed, PermissionError) and listen[1] < 1024:
        return (
            f"{why}. Ports below 1024 are root's: choose another --listen (such as {listen[0]}:8443), or let a service have it by "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE (docs/enrolment.md)"
        )
    return f"{why}; choose another --listen"


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
