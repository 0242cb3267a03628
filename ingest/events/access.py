"""Who was let in, who was not, and who may come in. None of it holds a password, a session or a token, and no name that nobody here bears."""

from __future__ import annotations

from ingest.events.base import Event, event


@event
class UserSignedIn(Event, action="user.signed_in", text="{by} signed in ({role})"):
    """`by`: as custody names them; `via`: password, or who vouched for them; `address`: from where."""

    by: str
    role: str
    via: str
    address: str


@event
class UserSignedOut(Event, action="user.signed_out", text="{by} was signed out ({reason})"):
    """`reason`: asked (they did it themselves), idle, longest (half a day), ended (password or role changed, or removed)."""

    by: str
    reason: str


@event
class UserRefused(
    Event, action="user.refused", text="tries to sign in that were refused: {count}, the last by {by}", level="warning", outcome="failure",
):  # fmt: skip
    """At most one a minute, with how many there were since the last. `by`: the user whose name it was, or `somebody unknown`."""

    by: str
    address: str
    count: int


@event
class UserRefusedElsewhere(
    Event, action="user.refused_elsewhere", text="nobody was signed in: {error}", level="warning", outcome="failure", custody=False,
):  # fmt: skip
    """Somebody who wanted to sign in at the force's provider. At most one a minute of each kind; `error` has no secret in it."""

    error: str
    address: str


@event
class AccessChanged(
    Event, action="access.changed", text="{by} changed who may come in: {what} {name}", level="warning"
):
    """`number`: which line of access.db's own list of changes it is; `what`: user.added, token.revoked and the like; `at`: when."""

    number: int
    at: str
    by: str
    what: str
    name: str
    role: str | None = None


@event
class AccessUnreadable(
    Event, action="access.unreadable", text="{error}; nobody is let in by it", level="error", outcome="failure", custody=False,
):  # fmt: skip
    """The list of users cannot be read."""

    error: str


@event
class AccessReadable(Event, action="access.readable", text="the list of users can be read again", custody=False):
    """It can again."""
