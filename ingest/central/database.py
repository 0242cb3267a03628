"""One SQLite file, one thread, one connection: and one fsync for all who wait at the same moment.

Why: synchronous=FULL costs a flush a transaction, and SQLite's WAL has had a corruption bug that needs two writing
connections. So all statements run on one thread; what has queued up while the last transaction was flushed becomes the
next one, each caller's part in a savepoint of its own.

Rules: a caller hears of success only after COMMIT; a part that raises takes back itself alone; migrations are numbered
and go forward only; a file from a newer version is refused.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ingest.central.refusals import StoreUnusableError

T = TypeVar("T")
_MOST_AT_ONCE = 256


@dataclass(frozen=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    alone: bool


class Database:
    """Open it, await `run`, close it."""

    def __init__(self, path: Path, *, migrations: Sequence[str]) -> None:
        self._path = path
        self._migrations = migrations
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open or create it and bring it up to date. Blocks. Raises sqlite3.DatabaseError, StoreUnusableError."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._thread = threading.Thread(target=self._work, name=f"store-{self._path.stem}", daemon=True)
        self._thread.start()

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise StoreUnusableError(
                f"{self._path} was written by a newer version of dockd (format {version}, this one knows "
                f"{len(self._migrations)}): run that version, nothing was changed"
            )
        for number in range(version, len(self._migrations)):
            # One transaction a step, its number inside, so that a crash in between starts it again whole.
            connection.executescript(
                f"BEGIN IMMEDIATE; {self._migrations[number]}; PRAGMA user_version={number + 1}; COMMIT;"
            )

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `work` on the connection, in a transaction with others; done means committed."""
        return self._submit(work, alone=False)

    def run_alone(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `work` outside of any transaction: it makes its own, and nothing else runs meanwhile."""
        return self._submit(work, alone=True)

    def _submit(self, work: Callable[[sqlite3.Connection], T], *, alone: bool) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, future, alone))
        return future

    def close(self) -> None:
        """Finish what is queued and close. Blocks."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            ended = False
            while len(batch) < _MOST_AT_ONCE and not ended and not batch[-1].alone:
                try:
                    another = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if another is None:
                    ended = True
                else:
                    batch.append(another)
            alone = batch.pop() if batch[-1].alone else None
            if batch:
                self._together(batch)
            if alone is not None:
                self._alone(alone)
            if ended:
                return

    def _together(self, batch: list[_Job]) -> None:
        assert self._connection is not None  # noqa: S101 (the thread lives between open and close)
        outcomes: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._part(job) for job in batch]
            self._connection.execute("COMMIT")
        except BaseException as failed:  # noqa: BLE001 (handed to everyone who waits)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            outcomes = [(job, None, failed) for job in batch]
        _tell(outcomes)

    def _part(self, job: _Job) -> tuple[_Job, Any, BaseException | None]:
        assert self._connection is not None  # noqa: S101
        self._connection.execute("SAVEPOINT part")
        try:
            result = job.work(self._connection)
        except Exception as failed:  # noqa: BLE001 (handed to the one who asked)
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            return job, None, failed
        self._connection.execute("RELEASE part")
        return job, result, None

    def _alone(self, job: _Job) -> None:
        assert self._connection is not None  # noqa: S101
        try:
            outcome = (job, job.work(self._connection), None)
        except BaseException as failed:  # noqa: BLE001 (handed to the one who asked)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            _tell([(job, None, failed)])
            return
        _tell([outcome])


def _tell(outcomes: Sequence[tuple[_Job, Any, BaseException | None]]) -> None:
    loop = outcomes[0][0].future.get_loop()

    def deliver() -> None:
        for job, result, failed in outcomes:
            if job.future.done():
                continue
            if failed is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(failed)

    if not loop.is_closed():
        loop.call_soon_threadsafe(deliver)
