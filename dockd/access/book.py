"""What stands in access.db: users, sessions, tokens, and what was changed of them. Every call blocks.

Rules kept here: whoever cannot read it knows nobody (`Damaged`), never an empty list; a change and the line that says whose hand made it are one
transaction; what another program has changed is seen at the next look.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dockd.access.file import AccessFile, Damaged, Signature, Unwritten
from dockd.access.known import KNOWN_FOR, Change, Known, Session, Token, User, hashed
from dockd.access.roles import Role
from dockd.access.schema import NotOurs
from ingest.errors import DockdError

_PATIENCE = 5.0
_MOST_SESSIONS = 20
_MOST_PLACES = 20
_NOT_NOW = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
)
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class NotSo(DockdError):
    """What was asked for cannot be: there is (no) such user or token. The message says which."""


class Book:
    """See the module. `path` of access.db; `patience`: seconds for which another that writes is waited for. Used by one thread at a time."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, patience: float = _PATIENCE) -> None:
        self._file = AccessFile(path)
        self._patience = patience
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._signature: Signature | None = None
        self._version: int | None = None
        self._last: Known | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    def make(self) -> None:
        """Make the file if there is none. Raises Damaged, Unwritten."""
        self._file.make()

    def begin_anew(self, name: str, *, role: Role, password: str, by: str) -> Path | None:
        """A new list with this one user (`password`: the hash) in place of what is there, which is kept under the name that is given back.
        All users, tokens and sessions are set aside with it, and custody is told so. Raises Unwritten: all is as it was."""
        self.close()
        now = self._clock()

        def write(db: sqlite3.Connection) -> None:
            _write_down(db, at=now, by=by, what="access.begun_anew", name=name, role=None)
            _insert_user(db, name, role=role, password=password, by=by, at=now)

        return self._file.begin_anew(write, now=now)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._identity, self._version, self._last = None, None, None, None

    def _opened(self) -> sqlite3.Connection:
        """The connection, to the file that bears the name now. Raises Damaged, NotSo (there is none), sqlite3.Error."""
        if not self._file.exists:
            raise NotSo("there are no users yet")
        signature = self._file.signature()
        if self._connection is not None and self._identity == signature[:2]:
            return self._connection
        self.close()
        self._connection, self._identity = self._file.connect(patience=self._patience), signature[:2]
        return self._connection

    @contextlib.contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        """Raises what the class says instead of SQLite's own errors."""
        try:
            yield self._opened()
        except (sqlite3.OperationalError, OSError) as error:
            if _not_now(error, self.path):
                raise Unwritten(f"{self.path} cannot be used just now: {error}") from error
            self.close()
            raise Damaged(f"{self.path} cannot be used: {error}") from error
        except (sqlite3.DatabaseError, NotOurs) as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            self.close()
            raise Damaged(f"{self.path} is damaged: {error}") from error

    # -- reading ---------------------------------------------------------------------------------------------------------

    def known(self) -> Known:
        """All of it; the very same value as long as nothing has changed. Raises Damaged, Unwritten."""
        try:
            with self._asking() as connection:
                signature = self._file.signature()
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                if self._last is not None and (signature, version) == (self._signature, self._version):
                    return self._last
                self.close()  # what was written past SQLite is not in its memory: all of it is read anew
                connection = self._opened()
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                found = _read(connection)
                self._signature, self._version, self._last = signature, version, found
                return found
        except NotSo:
            return Known()

    def see_new(self, name: str) -> None:
        """Raises NotSo where there is a user of this name."""
        if name in self.known().users:
            raise NotSo(
                f"there is a user {name} already: `dockd user passwd {name}` gives them another password or role"
            )

    def see_unreadable(self) -> None:
        """Raises NotSo where the list can be read: there is nothing to begin anew, and all who are in it would be set aside. Raises Unwritten."""
        with contextlib.suppress(Damaged):
            self.known()
            raise NotSo(f"{self.path} can be read, or was never made: without --begin-anew nobody who is in it is lost")

    def see_there(self, name: str) -> None:
        """Raises NotSo where there is no user of this name."""
        if name not in self.known().users:
            raise NotSo(f"there is no user {name}")

    def see_token(self, name: str) -> None:
        """Raises NotSo where there is no token of this name."""
        if all(one.name != name for one in self.known().tokens.values()):
            raise NotSo(f"there is no token {name[:64]!a}")

    # -- changing --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._asking() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._version = None  # what this connection writes does not change its own data_version
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def add_user(self, name: str, *, role: Role, password: str, by: str) -> None:
        """`password` is the hash. Raises NotSo where there is one of this name."""
        self.make()
        now = self._clock()
        with self._changing() as db:
            if db.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise NotSo(
                    f"there is a user {name} already: `dockd user passwd {name}` gives them another password or role"
                )
            _insert_user(db, name, role=role, password=password, by=by, at=now)

    def change_user(self, name: str, *, by: str, password: str | None = None, role: Role | None = None) -> None:
        """Another password (its hash), role, or both; their sessions end. Raises NotSo."""
        now = self._clock()
        with self._changing() as db:
            if not db.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise NotSo(f"there is no user {name}")
            db.execute(
                "UPDATE users SET password = coalesce(?, password), role = coalesce(?, role), changed_at = ?, version = ? WHERE name = ?",
                (password, role, now, _next_version(db), name),
            )
            db.execute("DELETE FROM sessions WHERE name = ? AND via = 'password'", (name,))
            for what, so in (("user.password_changed", password is not None), ("user.role_changed", role is not None)):
                if so:
                    _write_down(db, at=now, by=by, what=what, name=name, role=role)

    def remove_user(self, name: str, *, by: str) -> None:
        """Their sessions end. Raises NotSo."""
        with self._changing() as db:
            if not db.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
                raise NotSo(f"there is no user {name}")
            db.execute("DELETE FROM sessions WHERE name = ? AND via = 'password'", (name,))
            db.execute("DELETE FROM places WHERE name = ?", (name,))
            _write_down(db, at=self._clock(), by=by, what="user.removed", name=name, role=None)

    def add_token(self, shown: str, *, name: str | None, role: Role, lasts: float, by: str) -> Token:
        """`shown` is kept as its hash alone. Raises NotSo where there is one of this name."""
        self.make()
        now = self._clock()
        with self._changing() as db:
            number = db.execute("SELECT coalesce(max(id), 0) + 1 FROM tokens").fetchone()[0]
            called = name or f"{role}-{number}"
            if db.execute("SELECT 1 FROM tokens WHERE name = ?", (called,)).fetchone():
                raise NotSo(f"there is, or was, a token {called} already: give another --name")
            values = (number, hashed(shown), called, role, now, now + lasts)
            db.execute(
                "INSERT INTO tokens (id, hash, name, role, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)", values
            )
            _write_down(db, at=now, by=by, what="token.created", name=called, role=role)
        return Token(
            id=number, hash=hashed(shown), name=called, role=role, made_at=now, expires_at=now + lasts, revoked_at=None
        )

    def revoke_token(self, name: str, *, by: str) -> None:
        """It opens nothing from now on. Raises NotSo."""
        now = self._clock()
        with self._changing() as db:
            row = db.execute("SELECT role, revoked_at FROM tokens WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise NotSo(f"there is no token {name}")
            if row[1] is not None:
                return
            db.execute("UPDATE tokens SET revoked_at = ? WHERE name = ?", (now, name))
            _write_down(db, at=now, by=by, what="token.revoked", name=name, role=row[0])

    # -- sessions --------------------------------------------------------------------------------------------------------

    def begin_session(self, session: Session, *, ended: float, make: bool = False, place: str | None = None) -> None:
        """Somebody has signed in; what was begun before `ended` goes, and so does the oldest of too many. `make`: they need no user here;
        `place`: where they are known from now on."""
        if make:
            self.make()
        with self._changing() as db:
            db.execute("DELETE FROM sessions WHERE made_at < ?", (ended,))
            db.execute(
                "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE name = ? ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
                (session.name, _MOST_SESSIONS - 1),
            )
            values = (
                session.hash,
                session.name,
                session.role,
                session.via,
                session.version,
                session.made_at,
                session.seen_at,
            )
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            if place is not None:
                _write_place(db, session.name, place, at=session.made_at)

    def seen(self, kept: str, at: float) -> None:
        """Somebody did something in this session (by its hash)."""
        with self._changing() as db:
            db.execute("UPDATE sessions SET seen_at = max(seen_at, ?) WHERE hash = ?", (at, kept))

    def end_session(self, kept: str) -> bool:
        """By its hash; whether it was this call that has ended it."""
        with self._changing() as db:
            return db.execute("DELETE FROM sessions WHERE hash = ?", (kept,)).rowcount == 1

    def told(self, seq: int) -> None:
        """The custody record has all that was changed up to here."""
        with self._changing() as db:
            db.execute("UPDATE told SET seq = max(seq, ?)", (seq,))


def _not_now(error: sqlite3.OperationalError | OSError, path: Path) -> bool:
    """Whether the file may be whole, and only this process cannot use it for the moment: that is never a reason to begin another."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _NOT_NOW or (code == sqlite3.SQLITE_CANTOPEN and os.access(path, os.R_OK | os.W_OK))


def _read(connection: sqlite3.Connection) -> Known:
    """In one transaction, and only from a file that is whole."""
    connection.execute("BEGIN")
    try:
        whole = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if whole != "ok":
            raise sqlite3.DatabaseError(str(whole)[:200])
        users = connection.execute("SELECT name, role, password, made_at, changed_at, version FROM users").fetchall()
        sessions = connection.execute(
            "SELECT hash, name, role, via, version, made_at, seen_at FROM sessions"
        ).fetchall()
        tokens = connection.execute(
            "SELECT id, hash, name, role, made_at, expires_at, revoked_at FROM tokens"
        ).fetchall()
        untold = connection.execute(
            "SELECT seq, at, by, what, name, role FROM audit WHERE seq > (SELECT seq FROM told) ORDER BY seq LIMIT 100"
        ).fetchall()
        places = connection.execute("SELECT name, place, at FROM places").fetchall()
    finally:
        connection.execute("COMMIT")
    return Known(
        users={row[0]: _made(User, row) for row in users}, sessions={row[0]: _made(Session, row) for row in sessions},
        tokens={row[1]: _made(Token, row) for row in tokens}, untold=tuple(_made(Change, row) for row in untold),
        places={(name, place): at for name, place, at in places},
    )  # fmt: skip


def _made(kind: Any, row: tuple[Any, ...]) -> Any:
    return kind(**dict(zip(kind.__slots__, row, strict=True)))


def _insert_user(db: sqlite3.Connection, name: str, *, role: Role, password: str, by: str, at: float) -> None:
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", (name, role, password, at, at, _next_version(db)))
    _write_down(db, at=at, by=by, what="user.added", name=name, role=role)


def _write_place(db: sqlite3.Connection, name: str, place: str, *, at: float) -> None:
    """The oldest of too many goes, and so does what nobody is known by any more."""
    db.execute("INSERT INTO places VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at", (name, place, at))
    db.execute("DELETE FROM places WHERE abs(at - ?) > ?", (at, KNOWN_FOR))
    db.execute(
        "DELETE FROM places WHERE name = ? AND place NOT IN (SELECT place FROM places WHERE name = ? ORDER BY at DESC, rowid DESC LIMIT ?)",
        (name, name, _MOST_PLACES),
    )


def _next_version(db: sqlite3.Connection) -> int:
    """Never given twice: a user who was removed and added again is another one."""
    found: int = db.execute("SELECT coalesce(max(seq), 0) + 1 FROM audit").fetchone()[0]
    return found


def _write_down(db: sqlite3.Connection, *, at: float, by: str, what: str, name: str, role: Role | None) -> None:
    db.execute("INSERT INTO audit (at, by, what, name, role) VALUES (?, ?, ?, ?, ?)", (at, by, what, name, role))


__all__ = ["Book", "Damaged", "NotSo", "Unwritten"]
