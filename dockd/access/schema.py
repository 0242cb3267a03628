"""The tables of access.db, as numbered migrations that only go forward, those that are missing with their records in one transaction.

Rules kept here: no password, session or token is in it as it is, only hashes; what was changed, and by whom, can be added to and nothing else.
A file from a newer dockd is refused rather than guessed at.
"""

from __future__ import annotations

import sqlite3

_0001_ACCESS = (
    """CREATE TABLE users (
        name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('wall', 'viewer', 'sergeant', 'ops')), password TEXT NOT NULL,
        made_at REAL NOT NULL, changed_at REAL NOT NULL, version INTEGER NOT NULL
    ) STRICT""",
    # `via` password: a user of this file, whose `version` it was begun with; else whoever vouched for them.
    """CREATE TABLE sessions (
        hash TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('wall', 'viewer', 'sergeant', 'ops')),
        via TEXT NOT NULL, version INTEGER, made_at REAL NOT NULL, seen_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX sessions_name ON sessions(name)",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL CHECK (role IN ('wall', 'viewer', 'sergeant', 'ops')), made_at REAL NOT NULL, expires_at REAL NOT NULL, revoked_at REAL
    ) STRICT""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, at REAL NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, role TEXT
    ) STRICT""",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    # How far the custody record has been told of it.
    "CREATE TABLE told (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), seq INTEGER NOT NULL) STRICT",
    "INSERT INTO told (only_row, seq) VALUES (1, 0)",
)

# From where a user of this file has signed in with their password, so that no restart makes them strangers there. `place`: an IPv4 address, an IPv6 network.
_0002_PLACES = (
    "CREATE TABLE places (name TEXT NOT NULL, place TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (name, place)) STRICT",
)

MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (("0001_access", _0001_ACCESS), ("0002_places", _0002_PLACES))


class NotOurs(Exception):
    """It is no access.db, or one of a newer dockd; the message says which."""


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of the migrations that this file has had, in order. Raises sqlite3.DatabaseError, NotOurs."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None:
        raise NotOurs("it has none of dockd's tables")
    found = tuple(row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY number"))
    if not found or found[: len(MIGRATIONS)] != tuple(name for name, _ in MIGRATIONS)[: len(found)]:
        raise NotOurs("it is not dockd's")
    if len(found) > len(MIGRATIONS):
        raise NotOurs("a newer dockd has written it")
    return found


def found_new(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT")
    _apply(connection, 0)
    connection.execute("COMMIT")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to this dockd's tables. Raises sqlite3.DatabaseError, NotOurs."""
    if len(applied(connection)) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _apply(connection, len(applied(connection)))  # another may have done it, or a part of it, meanwhile
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply(connection: sqlite3.Connection, done: int) -> None:
    for number, (name, statements) in enumerate(MIGRATIONS[done:], done + 1):
        for statement in statements:
            connection.execute(statement)
        connection.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (number, name))
