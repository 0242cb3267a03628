"""The roles and what each may do. Pure; nothing else in dockd decides that.

Rules kept here: a role has what the one before it has, but for the wall, which has its own screen and nothing else; no role wipes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Role = Literal["wall", "viewer", "sergeant", "ops"]
ROLES: tuple[Role, ...] = get_args(Role)

# open: anybody, before they have said who they are. wall: the screen on the wall. read: everything that is shown.
# change: what a sergeant does (mark, move up, try again, issue, see, close, take a bay out of use). operate: the rack's own settings.
Right = Literal["open", "wall", "read", "change", "operate"]

_RIGHTS: Mapping[Role, frozenset[Right]] = {
    "wall": frozenset({"open", "wall"}),
    "viewer": frozenset({"open", "wall", "read"}),
    "sergeant": frozenset({"open", "wall", "read", "change"}),
    "ops": frozenset({"open", "wall", "read", "change", "operate"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """The one who asks. `name` is the user's or the token's; `how` they said so: session, token, nobody (no user exists yet, and they ask
    from this machine), or stranger: they have not said so, and may see what is open to anybody. `csrf`: what a change by a browser must bring
    along, masked for this one answer; empty where no browser is asking. `idle_seconds`: until a session ends unless they do something.
    `kind`: user, or who vouched for them elsewhere.
    """

    name: str
    role: Role
    how: Literal["session", "token", "nobody", "stranger"]
    csrf: str = field(default="", repr=False)
    idle_seconds: int = 0
    kind: str = "user"

    @property
    def by(self) -> str:
        """As custody names them: user:NAME, oidc:NAME (whoever vouched for them), token:NAME, or local: somebody on this machine, before there were users."""
        return {
            "session": f"{self.kind}:{self.name}",
            "token": f"token:{self.name}",
            "nobody": "local",
            "stranger": "somebody unknown",
        }[self.how]

    @property
    def mark(self) -> str:
        """By which a page knows that it is still the same one who asks: another for another name, role or way of saying who they are."""
        return hashlib.sha256(f"{self.how} {self.by} {self.role}".encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def may(self, right: Right) -> bool:
        """Whether they have this right."""
        return right == "open" if self.how == "stranger" else may(self.role, right)


STRANGER = Who(name="", role="wall", how="stranger")


def may(role: Role, right: Right) -> bool:
    """
    >>> may("wall", "read"), may("sergeant", "change"), may("viewer", "change")
    (False, True, False)
    """
    return right in _RIGHTS[role]
