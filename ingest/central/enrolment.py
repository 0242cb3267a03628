"""Which docks may come in: what the operator's commands do, and what the doorkeeper knows of it.

Rules: a dock is known by the name that its invitation gave it; whoever is invited anew takes the place of what came before only where the operator said so; a dock that was
revoked stays so until it is invited again; each change and its line in the log are one transaction (`enrolment_file`).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock, rfc3339

Way = Literal["certificate", "token"]
WAYS: tuple[Way, ...] = ("certificate", "token")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SHORTEST, _LONGEST = 60.0, 30 * 86400.0


class NotSoError(Exception):
    """What was asked of the book of docks does not fit what stands in it; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Invited:
    """A new invitation. `secret` is told once, here, and kept nowhere."""

    id: str
    secret: str
    ends_at: float


@dataclass(frozen=True, kw_only=True)
class DockRow:
    """A dock as the operator sees it. `key`: of what waits for approval or is in use (SHA-256 hex); `ends_at` of its newest certificate or of its invitation."""

    dock: str
    state: Literal["invited", "asked", "approved", "enrolled", "revoked", "over"]
    since: float
    way: Way | None = None
    key: str | None = None
    ends_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the log."""

    number: int
    at: str
    action: str
    dock: str
    who: str
    detail: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a dock shows. `holds`: neither it nor its dock was taken back; it may be over by its date."""

    dock: str
    ends_at: float | None
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """Everything that a doorkeeper asks for, by SHA-256 (hex)."""

    certificates: Mapping[str, Credential] = field(default_factory=dict)
    tokens: Mapping[str, Credential] = field(default_factory=dict)


def dock_name(text: str) -> str:
    """A name that a dock may have. Raises NotSoError."""
    if not _NAME.fullmatch(text):
        raise NotSoError(
            "a dock's name has 1 to 63 letters, digits, dots, dashes and underscores, and begins with a letter or a digit"
        )
    return text


def sha256(secret: str) -> str:
    """By which secrets are kept. They are drawn whole (256 bits), so that no slower hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def record(db: sqlite3.Connection, action: str, *, at: float, dock: str, who: str, **detail: object) -> None:
    """A line in the log, in the transaction of what it tells."""
    db.execute(
        "INSERT INTO enrolment_log (at, action, dock, who, detail) VALUES (?, ?, ?, ?, ?)",
        (rfc3339(at), action, dock, who, json.dumps(detail, sort_keys=True)),
    )


class Enrolment:
    """The book of docks, as the operator's commands use it. Everything here blocks, and raises StoreUnusableError; what does not fit raises NotSoError."""

    def __init__(self, file: EnrolmentFile, *, clock: Clock) -> None:
        self.file = file
        self._clock = clock

    def invite(self, dock: str, *, who: str, lasts: float, ways: Iterable[Way], approval: bool, again: bool) -> Invited:
        """Invite a dock. An earlier invitation of that name is withdrawn."""
        dock_name(dock)
        if not _SHORTEST <= lasts <= _LONGEST:
            raise NotSoError("an invitation lasts from a minute to 30 days")
        made = Invited(id=secrets.token_hex(6), secret=secrets.token_urlsafe(32), ends_at=self._clock.now() + lasts)
        self.file.make()
        with self.file.changed() as db:
            if _state(db, dock) == "enrolled" and not again:
                raise NotSoError(
                    f"{dock} is enrolled already: choose another name, or invite it --again (then what it has now ends when the invitation is used)"
                )
            now = self._clock.now()
            _withdraw(db, dock)
            db.execute(
                "INSERT INTO invitations (id, dock, secret, made_at, ends_at, ways, approval, again) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (made.id, dock, sha256(made.secret), now, made.ends_at, ",".join(ways), approval, again),
            )
            record(
                db,
                "dock.invited",
                at=now,
                dock=dock,
                who=who,
                invitation=made.id,
                ends_at=rfc3339(made.ends_at),
                again=again,
                approval=approval,
            )
        return made

    def waiting(self, dock: str) -> str:
        """The key (SHA-256, hex) that waits for approval. Raises NotSoError."""
        with self.file.read() as db:
            return _waiting(db, dock)[1]

    def approve(self, dock: str, *, key: str, who: str) -> None:
        """Let the key in that asked: that one, and no other that asks meanwhile."""
        with self.file.changed() as db:
            id, half = _waiting(db, dock)
            if half != key:
                raise NotSoError(f"what waits for approval has the key {half}, not {key}")
            db.execute("UPDATE invitations SET state = 'approved' WHERE id = ?", (id,))
            record(db, "dock.approved", at=self._clock.now(), dock=dock, who=who, invitation=id, key=half)

    def revoke(self, dock: str, *, who: str, reason: str) -> None:
        """Nothing that this dock has opens anything from now on; an open invitation is withdrawn."""
        with self.file.changed() as db:
            state, open_ = _state(db, dock), _withdraw(db, dock)
            if state is None and not open_:
                raise NotSoError(f"no dock called {dock} is invited or enrolled here (`dockd store docks` lists them)")
            now = self._clock.now()
            db.execute(
                "UPDATE docks SET state = 'revoked', since = ? WHERE dock = ? AND state = 'enrolled'", (now, dock)
            )
            db.execute("UPDATE credentials SET ended = 1 WHERE dock = ?", (dock,))
            record(db, "dock.revoked", at=now, dock=dock, who=who, reason=reason, was=state or "invited")

    def docks(self) -> list[DockRow]:
        """By name: each that was ever enrolled, and each open invitation."""
        if not self.file.exists:
            return []
        with self.file.read() as db:
            found = {row[0]: _enrolled_row(db, *row) for row in db.execute("SELECT dock, state, since FROM docks")}
            for row in db.execute(
                "SELECT dock, state, made_at, ends_at, half FROM invitations WHERE state IN ('open', 'asked', 'approved') ORDER BY made_at"
            ):
                if row[0] not in found:
                    found[row[0]] = self._invited_row(*row)
        return [found[name] for name in sorted(found)]

    def _invited_row(self, dock: str, state: str, made_at: float, ends_at: float, half: str | None) -> DockRow:
        shown = {"open": "invited" if self._clock.now() <= ends_at else "over"}.get(state, state)
        way, _, key = (half or "").partition(":")
        return DockRow(
            dock=dock,
            state=cast(Any, shown),
            since=made_at,
            way=cast(Way, way) if way else None,
            key=key or None,
            ends_at=ends_at,
        )

    def log(self, *, limit: int = 100_000) -> list[Line]:
        """Every line, in order."""
        if not self.file.exists:
            return []
        with self.file.read() as db:
            rows = db.execute(
                "SELECT number, at, action, dock, who, detail FROM enrolment_log ORDER BY number LIMIT ?", (limit,)
            )
            return [Line(number=r[0], at=r[1], action=r[2], dock=r[3], who=r[4], detail=json.loads(r[5])) for r in rows]

    def known(self) -> Known:
        """For the doorkeeper."""
        found: dict[str, dict[str, Credential]] = {"certificate": {}, "token": {}}
        with self.file.read() as db:
            for kind, digest, dock, ends_at, holds in db.execute(
                "SELECT kind, digest, dock, ends_at, ended = 0 AND state = 'enrolled' FROM credentials JOIN docks USING (dock)"
            ):
                found[kind][digest] = Credential(dock=dock, ends_at=ends_at, holds=bool(holds))
        return Known(certificates=found["certificate"], tokens=found["token"])


def _state(db: sqlite3.Connection, dock: str) -> str | None:
    found = db.execute("SELECT state FROM docks WHERE dock = ?", (dock,)).fetchone()
    return found[0] if found else None


def _withdraw(db: sqlite3.Connection, dock: str) -> bool:
    """End its open invitations; whether there was one."""
    ended = db.execute(
        "UPDATE invitations SET state = 'withdrawn' WHERE dock = ? AND state IN ('open', 'asked', 'approved')", (dock,)
    )
    return ended.rowcount > 0


def _waiting(db: sqlite3.Connection, dock: str) -> tuple[str, str]:
    found = db.execute("SELECT id, half FROM invitations WHERE dock = ? AND state = 'asked'", (dock,)).fetchone()
    if found is None:
        raise NotSoError(f"nothing of {dock} waits for approval (`dockd store docks` lists what does)")
    return found[0], found[1].partition(":")[2]


def _enrolled_row(db: sqlite3.Connection, dock: str, state: str, since: float) -> DockRow:
    found = db.execute(
        "SELECT kind, half, ends_at FROM credentials WHERE dock = ? ORDER BY made_at DESC LIMIT 1", (dock,)
    ).fetchone()
    way, half, ends_at = found or (None, "", None)
    return DockRow(
        dock=dock, state=cast(Any, state), since=since, way=way, key=half.partition(":")[2] or None, ends_at=ends_at
    )
