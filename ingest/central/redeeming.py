"""An invitation turned into what a dock comes in with, and that renewed: the store's side of enrolment.

Rules: the dock draws what is secret, its key or its token, and never sends it; what it sends is the public half (a certificate request, or the token's SHA-256). From its first
use on an invitation is for that one half: asked again with it, because the answer was lost, it gives the same answer; asked with another it gives nothing, and that is
written down. What is wrong is bounded: five wrong secrets end an invitation. Times are the store's own; where its clock went back behind the invitation, nothing is given.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from ingest.central.authority import Issued
from ingest.central.enrolment import Way, record, sha256
from ingest.central.enrolment_file import EnrolmentFile
from ingest.central.refusals import Refusal, bad_request
from ingest.clock import Clock

_MOST_TRIES = 5
_MOST_STRANGERS = 10  # lines in the log of one invitation that is asked with another key
_MOST_A_DAY = 20  # renewals of one dock
_DAY = 86400.0
_REPEAT = 1 * _DAY  # so long the same answer is given again
_APPROVAL = 30 * _DAY  # so long may a person take to look at a key
_CLOCK = 300.0  # seconds that the store's clock may be behind
_OVERLAP = 1 * _DAY  # so long the token of before holds beside a renewed one


@dataclass(frozen=True, kw_only=True)
class Half:
    """What a dock sends of what it has drawn. `digest`: SHA-256 (hex) of its public key, or of its token; `issue` makes the certificate for a name."""

    way: Way
    digest: str
    issue: Callable[[str], Issued] | None = None

    @property
    def id(self) -> str:
        """As it stands in the book."""
        return f"{self.way}:{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What it got. `certificate` (PEM chain): None for a token, and while it `waits` for a person."""

    dock: str
    way: Way
    certificate: str | None = None
    waits: bool = False


@dataclass(frozen=True)
class _Invitation:
    id: str
    dock: str
    secret: str
    made_at: float
    ends_at: float
    ways: str
    approval: int
    again: int
    tries: int
    state: str
    half: str | None
    asked_at: float | None
    answer: str | None


_NOT_TAKEN = "this invitation is not taken: it is unknown, withdrawn, or was tried too often; ask the store's operator for another (dockd store invite)"


class Redeeming:
    """See the module. Everything here blocks, and raises Refusal, StoreUnusableError, OSError."""

    def __init__(self, file: EnrolmentFile, *, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def redeem(self, invitation: str, half: Half, *, who: str) -> Given:
        """For an invitation `ID.SECRET`; `who`: from where it is asked."""
        id, _, secret = invitation.partition(".")
        with self._file.changed() as db:  # what is written down of a refusal is committed with it
            found = self._redeemed(db, _found(db, id), secret=secret, half=half, who=who)
        if isinstance(found, Refusal):
            raise found
        return found

    def renew(self, dock: str, half: Half, *, shown: str) -> Given:
        """For a dock that has shown who it is: by what, `shown` says (SHA-256, hex), and that is to hold still."""
        with self._file.changed() as db:
            now = self._clock.now()
            _see_shown(db, shown, dock=dock, now=now)
            today = "SELECT count(*) FROM credentials WHERE dock = ? AND made_at > ?"
            if db.execute(today, (dock, now - _DAY)).fetchone()[0] >= _MOST_A_DAY:
                raise Refusal(
                    429, "busy", f"{dock} was renewed {_MOST_A_DAY} times within a day", headers={"Retry-After": "3600"}
                )
            _see_whose(db, half, dock=dock)
            answer = _enter(db, half, dock=dock, now=now)
            if half.way == "token":
                db.execute(
                    "UPDATE credentials SET ends_at = ? WHERE dock = ? AND kind = 'token' AND digest != ? AND ended = 0 AND (ends_at IS NULL OR ends_at > ?)",
                    (now + _OVERLAP, dock, half.digest, now + _OVERLAP),
                )
            record(db, "dock.renewed", at=now, dock=dock, who=dock, way=half.way, key=half.digest)
        return Given(dock=dock, way=half.way, certificate=answer)

    def _redeemed(
        self, db: sqlite3.Connection, of: _Invitation | None, *, secret: str, half: Half, who: str
    ) -> Given | Refusal:
        now = self._clock.now()
        if of is None or of.state == "withdrawn" or of.tries >= _MOST_TRIES:
            return Refusal(401, "invitation", _NOT_TAKEN)
        if not hmac.compare_digest(of.secret, sha256(secret)):
            db.execute("UPDATE invitations SET tries = tries + 1 WHERE id = ?", (of.id,))
            record(db, "invitation.wrong_secret", at=now, dock=of.dock, who=who, invitation=of.id, tries=of.tries + 1)
            return Refusal(401, "invitation", _NOT_TAKEN)
        if now < of.made_at - _CLOCK:
            return Refusal(
                503,
                "clock",
                "the store's clock is behind this invitation: its operator has to set it",
                headers={"Retry-After": "600"},
            )
        if of.half is None:
            return self._first(db, of, half=half, who=who)
        if of.half != half.id:
            return self._stranger(db, of, half=half, who=who)
        return self._again(db, of, half=half, who=who)

    def _first(self, db: sqlite3.Connection, of: _Invitation, *, half: Half, who: str) -> Given | Refusal:
        now = self._clock.now()
        if now > of.ends_at:
            return Refusal(
                401,
                "invitation-over",
                "this invitation is over: ask the store's operator for another (dockd store invite)",
            )
        if half.way not in of.ways.split(","):
            return bad_request(
                "way",
                f"this invitation is for a {of.ways.replace(',', ' or a ')} alone (dockd enroll --as {of.ways.split(',', maxsplit=1)[0]})",
            )
        _see_whose(db, half, dock=of.dock)
        if _enrolled(db, of.dock) and not of.again:
            return Refusal(409, "enrolled", f"{of.dock} is enrolled already: its operator may invite it --again")
        db.execute(
            "UPDATE invitations SET half = ?, asked_at = ?, state = ? WHERE id = ?", (half.id, now, "asked", of.id)
        )
        record(db, "dock.asked", at=now, dock=of.dock, who=who, invitation=of.id, way=half.way, key=half.digest)
        return Given(dock=of.dock, way=half.way, waits=True) if of.approval else self._enrol(db, of, half=half, who=who)

    def _stranger(self, db: sqlite3.Connection, of: _Invitation, *, half: Half, who: str) -> Refusal:
        """The invitation was used, and not by this one: it may have been stolen, or the dock has lost its key."""
        told = db.execute(
            "SELECT count(*) FROM enrolment_log WHERE action = 'invitation.used_again' AND dock = ? AND detail LIKE ?",
            (of.dock, f'%"{of.id}"%'),
        ).fetchone()[0]
        if told < _MOST_STRANGERS:
            record(
                db,
                "invitation.used_again",
                at=self._clock.now(),
                dock=of.dock,
                who=who,
                invitation=of.id,
                key=half.digest,
            )
        return Refusal(
            403,
            "used",
            "this invitation was used before, with another key or token: if that was not this dock, tell the store's operator (dockd store revoke)",
        )

    def _again(self, db: sqlite3.Connection, of: _Invitation, *, half: Half, who: str) -> Given | Refusal:
        """The same dock asks again: its answer was lost, or it waits for a person."""
        since = self._clock.now() - (of.asked_at or 0.0)
        if since > (_REPEAT if of.state == "used" else _APPROVAL):
            return Refusal(
                401,
                "invitation-over",
                "this invitation was used, and that is long ago: ask the store's operator for another (dockd store invite)",
            )
        if of.state == "used":
            if not _holds(db, half, dock=of.dock):
                return Refusal(
                    403,
                    "revoked",
                    f"what {of.dock} got for this invitation was taken back since: ask the store's operator for another (dockd store invite)",
                )
            return Given(dock=of.dock, way=half.way, certificate=of.answer)
        if of.state == "approved":
            return self._enrol(db, of, half=half, who=who)
        return Given(dock=of.dock, way=half.way, waits=True)

    def _enrol(self, db: sqlite3.Connection, of: _Invitation, *, half: Half, who: str) -> Given:
        now = self._clock.now()
        _see_whose(db, half, dock=of.dock)
        if _enrolled(db, of.dock):
            record(db, "dock.replaced", at=now, dock=of.dock, who=who, invitation=of.id)
        db.execute("UPDATE credentials SET ended = 1 WHERE dock = ?", (of.dock,))
        db.execute(
            "INSERT INTO docks (dock, state, since) VALUES (?, 'enrolled', ?) ON CONFLICT (dock) DO UPDATE SET state = 'enrolled', since = excluded.since",
            (of.dock, now),
        )
        answer = _enter(db, half, dock=of.dock, now=now)
        db.execute("UPDATE invitations SET state = 'used', asked_at = ?, answer = ? WHERE id = ?", (now, answer, of.id))
        record(db, "dock.enrolled", at=now, dock=of.dock, who=who, invitation=of.id, way=half.way, key=half.digest)
        return Given(dock=of.dock, way=half.way, certificate=answer)


def _found(db: sqlite3.Connection, id: str) -> _Invitation | None:
    row = db.execute(
        "SELECT id, dock, secret, made_at, ends_at, ways, approval, again, tries, state, half, asked_at, answer FROM invitations WHERE id = ?",
        (id,),
    ).fetchone()
    return _Invitation(*row) if row else None


def _enrolled(db: sqlite3.Connection, dock: str) -> bool:
    return db.execute("SELECT 1 FROM docks WHERE dock = ? AND state = 'enrolled'", (dock,)).fetchone() is not None


def _holds(db: sqlite3.Connection, half: Half, *, dock: str) -> bool:
    """Whether what was got with this half was not taken back; it may be over by its date."""
    found = db.execute("SELECT 1 FROM credentials WHERE half = ? AND dock = ? AND ended = 0", (half.id, dock))
    return _enrolled(db, dock) and found.fetchone() is not None


def _see_shown(db: sqlite3.Connection, shown: str, *, dock: str, now: float) -> None:
    """Raises Refusal 403, 401 where that opens nothing by now: since it was looked at by the door somebody may have kept the request back."""
    found = db.execute(
        "SELECT ended = 0 AND state = 'enrolled', ends_at, kind FROM credentials JOIN docks USING (dock) WHERE digest = ? AND dock = ?",
        (shown, dock),
    ).fetchone()
    if found is None or not found[0]:
        raise Refusal(403, "revoked", f"what {dock} shows was taken back here: its operator may invite it again")
    if found[1] is not None and now > found[1]:
        raise Refusal(
            401,
            f"{found[2]}-over",
            f"the {found[2]} of {dock} is over: ask the store's operator for an invitation (dockd store invite)",
        )


def _see_whose(db: sqlite3.Connection, half: Half, *, dock: str) -> None:
    """Raises Refusal 400 where this key or token is another dock's, or was taken back: it would be known by two names."""
    found = db.execute(
        "SELECT dock, ended FROM credentials WHERE half = ? AND (dock != ? OR ended = 1)", (half.id, dock)
    ).fetchone()
    if found is not None:
        raise bad_request(
            "key", "this key or token was used before, by another dock or by one that was revoked: make a fresh one"
        )


def _enter(db: sqlite3.Connection, half: Half, *, dock: str, now: float) -> str | None:
    """Make it a credential; the certificate, where it is one."""
    issued = half.issue(dock) if half.issue is not None else None
    digest, ends_at = (issued.fingerprint, issued.ends) if issued is not None else (half.digest, None)
    db.execute(
        "INSERT INTO credentials (digest, kind, dock, half, made_at, ends_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET ends_at = excluded.ends_at, ended = 0",
        (digest, half.way, dock, half.id, now, ends_at),
    )
    return issued.pem if issued is not None else None
