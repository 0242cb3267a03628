"""One writer thread, group commit, and the custody chain's end.

Callers hand in a function of a `Transaction`; the thread runs all that wait in one SQLite transaction, each behind a savepoint of its
own, signs the head once, commits with synchronous=FULL, and only then tells the callers and publishes the events.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ingest.clock import Clock, rfc3339
from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.events import CustodyKeyRotated, CustodyOpened, Event, LedgerUpgraded, LedgerWentBack
from ingest.ledger import custody
from ingest.ledger.database import folder_unwritten, open_reader, unusable
from ingest.ledger.kept_head import HeadKeeper, forget_head, kept_head
from ingest.ledger.keys import DockKey, KeyFolder
from ingest.ledger.pin_file import durable_text
from ingest.ledger.place import Place
from ingest.ledger.rebuild import Rebuilt, open_as_it_is, open_or_rebuild, rebuild_over, suspect
from ingest.ledger.timekeeping import Timekeeping
from ingest.ledger.unconfirmed import confirmed, why_unconfirmed
from ingest.ledger.upgrading import Upgraded
from ingest.model import Head, whole_text
from ingest.steps import Steps

T = TypeVar("T")
Subscriber = Callable[[Event, int], None]
_GROUP = 256
_PATIENCE = 300.0  # seconds: the kernel gives a disk up after 180 at most, and says so
log = logging.getLogger(__name__)


class Transaction:
    """What a change is written with: `execute` for named statements, `record` for what happened. Lives only inside `Ledger.commit`.

    Text that SQLite cannot take (a lone surrogate in the words of a store or a camera) is written escaped, in every statement: no word from
    outside may keep its own record from being made.
    """

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, end: Head, *, settled: bool = True, unconfirmed: str = ""
    ) -> None:
        self._connection = connection
        self.clock = clock
        self.now = clock.now()
        self.end = end
        self.settled = settled
        self.unconfirmed = unconfirmed  # why no leave to delete may be given
        self.beside: dict[str, str] = {}
        self.events: list[tuple[Event, int]] = []
        self.key: DockKey | None = None  # set where the chain is signed with another key from here on
        self.rests = False

    def rest_on(self) -> None:
        """Something that cannot be undone will rest on this commit: where the record ends then is durable beside the keys before the caller hears."""
        self.rests = True

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """One statement."""
        return self._connection.execute(statement, _writable(values))

    def executemany(self, statement: str, rows: Iterable[Iterable[Any]]) -> sqlite3.Cursor:
        """One statement for each of `rows`."""
        return self._connection.executemany(statement, [_writable(row) for row in rows])

    def keep_beside(self, name: str, text: str) -> None:
        """Write a small file beside the dock's keys too, durable before the commit: what has to outlive a ledger that is lost."""
        self.beside[name] = text

    def record(self, event: Event, *, continue_after: int | None = None) -> int:
        """Chain the event (if it is one for custody) and publish it after the commit. Returns its sequence number, 0 for none."""
        if not event.custody:
            self.events.append((event, 0))
            return 0
        seq = max(self.end.seq, continue_after or 0) + 1
        at = rfc3339(self.now)
        text = custody.entry_text(seq=seq, at=at, action=event.action, prev=self.end.hash, data=event.data())
        digest = custody.entry_hash(text)
        self.execute(
            "INSERT INTO custody (seq, at, action, camera, segment, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, at, event.action, event.camera, event.segment, text, digest),
        )
        self.end = Head(seq=seq, hash=digest)
        self.events.append((event, seq))
        return seq


def _writable(values: Iterable[Any]) -> list[Any]:
    return [whole_text(value) if isinstance(value, str) else value for value in values]


class _Work:
    __slots__ = ("beside", "error", "events", "function", "future", "key", "rests", "result")

    def __init__(self, function: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        self.function, self.future = function, future
        self.result: Any = None
        self.error: BaseException | None = None
        self.events: list[tuple[Event, int]] = []
        self.key: DockKey | None = None
        self.beside: dict[str, str] = {}
        self.rests = False


class Ledger:
    """The ledger of one dock. Made by `await Ledger.open(...)`; `close()` ends the writer.

    `commit(work)` runs `work(tx)` durably and returns its result; `read(query)` runs `query(connection)` on a read-only
    connection. Both raise what the function raises, and LedgerUnusable where SQLite cannot go on.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, keys: KeyFolder, key: DockKey, clock: Clock
    ) -> None:
        self.path = path
        self.clock = clock
        self.key = key
        self._keys = keys
        self._connection = connection
        self._head = self._read_head()
        self.is_new = self._head.seq == 0
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._subscribers: list[Subscriber] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._reader: sqlite3.Connection | None = None
        self._closed = False
        self.committing = Steps("the ledger's writing", patience=_PATIENCE)
        self.reading = Steps("the ledger's reading", patience=_PATIENCE)
        self._dock = key.thumbprint
        self.unconfirmed = why_unconfirmed(keys.folder)
        self._time = Timekeeping()
        self._damage: asyncio.Future[LedgerDamaged] = self._loop.create_future()
        self._place = Place(path)
        self._keeper = HeadKeeper(keys.folder)
        self._unkept = False
        self.rebuilt: Rebuilt | None = None
        self.upgraded: Upgraded | None = None
        self.went_back: LedgerWentBack | None = None
        self.settled = (
            True  # whether all that stores have seen of this dock is in it; whoever opens an old one sets it to False
        )

    @classmethod
    async def open(
        cls, path: Path, *, keys: Path, clock: Clock | None = None, lived: bool = False, anew: bool = True
    ) -> Ledger:
        """Open or make the ledger at `path`, its signing key in the folder `keys`; one that is damaged or gone is made anew (`rebuilt` says so).

        One that ends before what is kept beside the keys goes on, and says so (`went_back`). `lived`: this dock has footage in its spool, so it is
        no new one. `anew` False: a damaged one is left as it is. Raises LedgerUnusable, without `anew` LedgerDamaged.
        """
        clock = clock or Clock()
        folder = KeyFolder(keys)
        brought_up: list[Upgraded] = []
        connection, rebuilt = (
            open_or_rebuild(path, keys=folder, lived=lived, now=clock.now(), upgraded=brought_up.append)
            if anew
            else (open_as_it_is(path, keys=folder, now=clock.now(), upgraded=brought_up.append), None)
        )
        try:
            key = folder.load(announced=_signs(connection))
            ledger = cls(path, connection, keys=folder, key=key, clock=clock)
            ledger.rebuilt, ledger.upgraded = rebuilt, brought_up[0] if brought_up else None
            if rebuilt is None:
                ledger.went_back = ledger._behind(kept_head(keys))
            else:
                forget_head(keys)
        except OSError as error:
            connection.close()
            raise LedgerUnusable(
                f"the ledger {path}, or what is kept in {keys}, cannot be read: {error.strerror}"
            ) from error
        except BaseException:
            connection.close()
            raise
        ledger._thread.start()
        try:
            await ledger.commit(ledger._begin)
            await ledger._keep_name()
            if rebuilt is not None:
                await asyncio.to_thread(rebuild_over, path)
        except BaseException:
            await ledger.close()
            raise
        return ledger

    def _begin(self, tx: Transaction) -> None:
        self._know_key(tx)
        if self.went_back is not None:
            tx.record(self.went_back)
        if (found := self.upgraded) is not None:
            tx.record(LedgerUpgraded(before=found.before, after=found.after, kept=found.kept))

    def _behind(self, kept: Head | None) -> LedgerWentBack | None:
        """What is to be said of a ledger that does not have the entry that its record ended with."""
        if kept is None or self._connection.execute(_THERE, (kept.seq, kept.hash)).fetchone() is not None:
            return None
        own = self._head
        return LedgerWentBack(lost_seq=kept.seq, lost_head=kept.hash, own_seq=own.seq, own_head=own.hash)

    def _know_key(self, tx: Transaction) -> None:
        """A key that the chain did not end with is announced in it, with nobody's signature but its own: a new dock, or a key that was lost."""
        if _signs(self._connection) == self.key.thumbprint:
            return
        known_as = self._keys.identity() if tx.end.seq == 0 else None
        begins = tx.end.seq == 0
        tx.execute(_KEEP_KEY, (self.key.thumbprint, self.key.public, rfc3339(tx.now)))
        tx.record(
            CustodyOpened(
                key=self.key.thumbprint,
                public=self.key.public,
                dock=known_as if known_as != self.key.thumbprint else None,
            )
        )
        if begins and self.rebuilt is not None:
            tx.record(self.rebuilt.event())

    async def _keep_name(self) -> None:
        self._dock = await self.read(lambda db: _known_as(db) or self.key.thumbprint)
        try:
            await asyncio.to_thread(self._keys.identify, self._dock)
        except OSError as error:
            raise LedgerUnusable(folder_unwritten(error, self._keys.folder)) from error

    @property
    def dock(self) -> str:
        """The name under which stores keep this dock's history: its first key's thumbprint, whatever key signs now, and for a new ledger too."""
        return self._dock

    async def rotate_key(self) -> DockKey:
        """Sign with a new key from now on, for which the old one has signed in the chain. A crash at any point leaves one of the two, whole.

        Raises LedgerUnusable.
        """
        try:
            fresh = await asyncio.to_thread(self._keys.make_next)
            await self.commit(lambda tx: _rotated(tx, old=self.key, fresh=fresh))
            await asyncio.to_thread(self._keys.install)
        except OSError as error:
            raise LedgerUnusable(
                f"the dock's key in {self._keys.folder} cannot be replaced: {error.strerror}. The next start finishes it, or forgets it"
            ) from error
        return fresh

    @property
    def head(self) -> Head:
        """The committed end of the custody chain."""
        return self._head

    def subscribe(self, subscriber: Subscriber) -> None:
        """`subscriber(event, sequence)` is called on the event loop for everything that was committed, in order. It must not raise or wait."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """Tell the subscribers of something that is not for custody, without a transaction. Call on the event loop."""
        if event.custody:
            raise ValueError(f"{event.action} belongs into custody: commit it")
        self._tell([(event, 0)])

    async def confirmed(self) -> None:
        """A person has said which store is believed, and that is committed. Raises LedgerUnusable."""
        try:
            await asyncio.to_thread(confirmed, self._keys.folder)
        except OSError as error:
            raise LedgerUnusable(folder_unwritten(error, self._keys.folder)) from error
        self.unconfirmed = ""

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in the next transaction and return its result once that is on the disk."""
        if self._closed:
            raise LedgerUnusable(f"the ledger {self.path} is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        future.add_done_callback(_heard)
        self._queue.put(_Work(work, future))
        # a caller that is cancelled must not tear a transaction: what was queued is committed all the same
        with self.committing.one():
            return await asyncio.shield(future)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on the reading connection, off the event loop."""
        with self.reading.one():
            return await self._loop.run_in_executor(self._reading, self._query, query)

    def _query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._reader is None:
            self._reader = open_reader(self.path)
        try:
            return query(self._reader)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> LedgerUnusable:
        """What is raised for it. That the file is damaged is remembered, for the next start too."""
        found = unusable(error, self.path)
        if isinstance(found, LedgerDamaged):
            suspect(self.path, found.why)
            self._tell_damaged(found)
        return found

    def _tell_damaged(self, found: LedgerDamaged) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for it any more
            self._loop.call_soon_threadsafe(self._say_damaged, found)

    def _say_damaged(self, found: LedgerDamaged) -> None:
        if not self._damage.done():
            self._damage.set_result(found)

    async def damage(self) -> LedgerDamaged:
        """Wait until the ledger is found damaged while it is used. It has to be opened anew then."""
        return await asyncio.shield(self._damage)

    async def close(self) -> None:
        """Commit what is queued, end the threads, close the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        if (
            self._damage.done()
        ):  # the last to close plays the log into the ledger, unless it may not write: this one stays as it was found
            self._connection.close()
        await self._loop.run_in_executor(self._reading, self._close_reader)
        self._reading.shutdown()
        self._connection.close()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()

    # -- the writer thread -------------------------------------------------------------------------------------------

    def _read_head(self) -> Head:
        row = self._connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(seq=row[0], hash=row[1]) if row else Head(seq=0, hash=custody.GENESIS)

    def _run(self) -> None:
        ending = False
        while not ending:
            group: list[_Work] = []
            item = self._wait()
            while item is not None:
                group.append(item)
                if len(group) >= _GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            ending = item is None
            if group:
                self._commit_group(group)
                with contextlib.suppress(RuntimeError):  # the loop is gone: what was committed stays committed
                    self._loop.call_soon_threadsafe(self._finish, group)
        self._keep_head()

    def _wait(self) -> _Work | None:
        try:
            return self._queue.get(timeout=self._keeper.patience())
        except queue.Empty:
            self._keep_head()
            return self._queue.get()

    def _keep_head(self) -> OSError | None:
        """Where it cannot be kept now, it is tried again with the next commit: the ledger itself is whole."""
        try:
            self._keeper.keep()
        except OSError as error:
            if not self._unkept:
                log.warning("the end of the record cannot be kept in %s: %s", self._keys.folder, error.strerror)
            self._unkept = True
            return error
        self._unkept = False
        return None

    def _commit_group(self, group: list[_Work]) -> None:
        end, key = self._head, self.key
        nobody = self._loop.create_future()
        nobody.cancel()
        group.insert(0 if end.seq else 1, _Work(self._time.look, nobody))  # the very first entry opens the chain
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work in group:
                end = self._run_one(work, end)
                key = work.key or key
            self._sign(end, key)
            self._place.check()
            self._write_beside(group)
            self._connection.execute("COMMIT")
            self._place.grown()
            self._head, self.key = end, key
            self._time.kept()
        except BaseException as error:  # noqa: BLE001 - handed to every caller of the group
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            failure = self._why(error)
            for work in group:
                work.error, work.events = work.error or failure, []
        else:
            self._keep_for(group)

    def _why(self, error: BaseException) -> BaseException:
        """What a group failed with; of SQLite's errors first whether the file is there at all."""
        try:
            if isinstance(error, sqlite3.Error):
                self._place.check()
                return self._unusable(error)
        except (LedgerDamaged, OSError) as moved:
            error = moved
        if isinstance(error, LedgerDamaged):
            self._tell_damaged(error)
        elif isinstance(error, OSError):
            return LedgerUnusable(f"the ledger {self.path} cannot be looked at: {error.strerror}. Check its disk")
        return error

    def _keep_for(self, group: list[_Work]) -> None:
        """Keep where the record ends now, if it is time, or if something will rest on it: that is not handed out without."""
        if self._head.seq == 0:
            return
        self._keeper.committed(self._head)
        resting = [work for work in group if work.rests]
        if not resting and not self._keeper.due:
            return
        error = self._keep_head()
        for work in resting if error is not None else []:
            work.error = LedgerUnusable(folder_unwritten(error, self._keys.folder))

    def _run_one(self, work: _Work, end: Head) -> Head:
        tx = Transaction(self._connection, self.clock, end, settled=self.settled, unconfirmed=self.unconfirmed)
        self._connection.execute("SAVEPOINT one")
        try:
            work.result = work.function(tx)
        except sqlite3.OperationalError:
            raise  # the disk is full or gone: the whole group fails
        except BaseException as error:  # noqa: BLE001 - handed to its caller
            self._connection.execute("ROLLBACK TO one")
            work.error = error
        else:
            work.events, work.key, work.beside, end = tx.events, tx.key, tx.beside, tx.end
            work.rests = tx.rests
        self._connection.execute("RELEASE one")
        return end

    def _write_beside(self, group: list[_Work]) -> None:
        for work in group:
            for name, text in work.beside.items():
                try:
                    durable_text(self._keys.folder / name, text)
                except OSError as error:
                    raise LedgerUnusable(folder_unwritten(error, self._keys.folder)) from error

    def _sign(self, end: Head, key: DockKey) -> None:
        if end != self._head:
            self._connection.execute(
                "INSERT OR REPLACE INTO head (only_row, seq, hash, key, signature) VALUES (1, ?, ?, ?, ?)",
                (end.seq, end.hash, key.thumbprint, key.sign(end)),
            )

    # -- back on the event loop --------------------------------------------------------------------------------------

    def _finish(self, group: list[_Work]) -> None:
        for work in group:
            self._tell(work.events)  # none of what was not committed
            if work.future.done():
                continue
            if work.error is not None:
                work.future.set_exception(work.error)
            else:
                work.future.set_result(work.result)

    def _tell(self, events: list[tuple[Event, int]]) -> None:
        for event, seq in events:
            for subscriber in self._subscribers:
                try:
                    subscriber(event, seq)
                except Exception:
                    log.exception("a reader of events failed on %s", event.action)


def _heard(future: asyncio.Future[Any]) -> None:
    """Where the caller was cancelled nobody asks how it ended; a failure of the ledger itself is told to those who still wait."""
    if not future.cancelled():
        future.exception()


_THERE = "SELECT 1 FROM custody WHERE seq = ? AND hash = ?"
_KEEP_KEY = "INSERT OR IGNORE INTO dock_keys (thumbprint, public, since) VALUES (?, ?, ?)"


def _signs(connection: sqlite3.Connection) -> str | None:
    """The thumbprint of the key that signed the head last; None in a new ledger."""
    row = connection.execute("SELECT key FROM head").fetchone()
    return None if row is None else str(row[0])


def _known_as(connection: sqlite3.Connection) -> str | None:
    """By the first entry of the chain; None where it does not say."""
    row = connection.execute("SELECT body FROM custody WHERE action = 'custody.opened' ORDER BY seq LIMIT 1").fetchone()
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        data = json.loads(row[0])["data"]
        said = data.get("dock") or data["key"]
        return said if isinstance(said, str) else None
    return None


def _rotated(tx: Transaction, *, old: DockKey, fresh: DockKey) -> None:
    tx.execute(_KEEP_KEY, (fresh.thumbprint, fresh.public, rfc3339(tx.now)))
    proof = old.vouch(seq=tx.end.seq + 1, prev=tx.end.hash, public=fresh.public)
    tx.record(CustodyKeyRotated(key=fresh.thumbprint, public=fresh.public, before=old.thumbprint, proof=proof))
    tx.key = fresh
