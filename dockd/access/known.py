"""Who is known: users, sessions, tokens, as access.db holds them, and what of that still holds. Pure values.

Rules kept here: a session holds for the very user that it was begun for (its password, role and existence unchanged), until nobody has done
anything in it for a while, and never longer than half a day; a clock that was set back ends it, and makes none longer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from dockd.access.roles import Role

LONGEST_SESSION = 12 * 3600.0
TOKEN_BEGINS = "dockd_"
KNOWN_FOR = 30 * 86400.0  # seconds for which somebody is known where they have signed in
_SKEW = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One of this file's users. `password` is the hash; `version` grows with each change. Times are seconds since the epoch."""

    name: str
    role: Role
    password: str = field(repr=False)
    made_at: float
    changed_at: float
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who is signed in. `hash`: of what their browser holds; `via`: password, or who else vouched for them."""

    hash: str
    name: str
    role: Role
    via: str
    version: int | None
    made_at: float
    seen_at: float

    @property
    def kind(self) -> str:
        """Whose user they are: user (of this file), or the kind of whoever vouches for them, such as oidc."""
        return "user" if self.via == "password" else self.via.partition(" ")[0].partition("-")[0]

    @property
    def by(self) -> str:
        """As custody names them: two who bear one name, here and elsewhere, are two."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """What a program, or a screen, shows instead of a password. `hash`: of what it shows."""

    id: int
    hash: str
    name: str
    role: Role
    made_at: float
    expires_at: float
    revoked_at: float | None

    def holds(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What was changed of all this, and by whom, as custody names them."""

    seq: int
    at: float
    by: str
    what: str
    name: str
    role: Role | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Everything that access.db says. `sessions` and `tokens` by their hash; `places`: when a user has last signed in from where."""

    users: Mapping[str, User] = field(default_factory=dict)
    sessions: Mapping[str, Session] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)
    untold: tuple[Change, ...] = ()
    places: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def has_signed_in(self, name: str, *, place: str, now: float) -> bool:
        """Whether this user has done so from there within a month."""
        at = self.places.get((name, place))
        return at is not None and abs(now - at) < KNOWN_FOR

    def session(self, shown: str) -> Session | None:
        """The session of what a browser shows, if it is that of a user who is still the same."""
        found = _found(self.sessions, shown)
        if found is None or found.via != "password":
            return found
        user = self.users.get(found.name)
        same = user is not None and user.version == found.version and user.role == found.role
        return found if same else None

    def token(self, shown: str, *, now: float) -> Token | None:
        """The token that is shown, if it holds."""
        found = _found(self.tokens, shown) if shown.startswith(TOKEN_BEGINS) else None
        return found if found is not None and found.holds(now) else None


Kept = TypeVar("Kept", Session, Token)


def hashed(shown: str) -> str:
    """Under what a session or a token is kept: 256 random bits need no slow hash."""
    return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()


def _found(kept: Mapping[str, Kept], shown: str) -> Kept | None:
    wanted = hashed(shown)
    found = kept.get(wanted)
    return found if found is not None and hmac.compare_digest(found.hash, wanted) else None


def new_session() -> str:
    """What a browser will hold."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """What a program will show."""
    return TOKEN_BEGINS + secrets.token_urlsafe(32)


def csrf_secret(shown: str) -> bytes:
    """What the forms of this session carry: made of what only its browser holds, and kept nowhere."""
    return hmac.digest(shown.encode("utf-8", "surrogatepass"), b"dockd csrf", "sha256")


def left_of(session: Session, *, now: float, idle: float) -> tuple[float, float]:
    """Seconds until it ends by idleness, and at the latest, by the station's clock; below 0: it has ended."""
    ahead = max(session.made_at, session.seen_at) - now
    if ahead > _SKEW:  # the clock was set back: how old it is cannot be told
        return -1.0, -1.0
    return session.seen_at + idle - now, session.made_at + LONGEST_SESSION - now
