"""Files of bearer tokens: the dock reads its own, a store those of all its docks, both by these rules.

One token a line, then optionally a space, `#` and a name. A `#` begins a comment at the start of a line or after a space: within a word it is a part
of the token, for some servers give out such. A token holds no space, so nothing can be taken for the other. Pure.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?:^|\s)#")


def token_and_name(line: str) -> tuple[str, str]:
    """What a line says, and its comment; each is empty where there is none. What has a space in it is no token: the caller says so.

    >>> token_and_name("3q2-7w#x  # rack 12")
    ('3q2-7w#x', 'rack 12')
    """
    said, *name = _COMMENT.split(line.strip(), maxsplit=1)
    return said.strip(), "".join(name).strip()


def first_token(text: str) -> str | None:
    """What the first line that is more than a comment says; None where none does.

    >>> first_token("# the store's\\n#old\\nab#cd # since May\\n")
    'ab#cd'
    """
    return next((token for token, _ in map(token_and_name, text.splitlines()) if token), None)
