"""Who may do what: users, sessions, tokens, kept in a file of their own (`access.db`), apart from the ledger.

Nothing here speaks HTTP: the page asks, and so do the commands. No role wipes; there is no right for it.
"""

from dockd.access.roles import ROLES, STRANGER, Right, Role, Who, may

__all__ = ["ROLES", "STRANGER", "Right", "Role", "Who", "may"]
