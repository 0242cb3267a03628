"""Files that systemd hands to the agent alone (LoadCredential=, ImportCredential=), written as "credential:NAME" where a key names a file.

Rules kept here: pure; the name is one that systemd takes, and leads nowhere else; where the folder is, the environment says ($CREDENTIALS_DIRECTORY), and
without that it is the one of the shipped unit, so that check-config sees what a running agent was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dockd.settings.mistakes import WrongValue

PREFIX = "credential:"
FOLDER = Path("/run/credentials/dockd.service")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


def named(text: str, *, expected: str) -> Path:
    """Where the shipped unit's agent finds it. Raises WrongValue.

    >>> named("credential:store.token", expected="a path")
    PosixPath('/run/credentials/dockd.service/store.token')
    """
    name = text.removeprefix(PREFIX)
    if _NAME.fullmatch(name) is None:
        raise WrongValue(
            "is not the name of a credential", f'{expected}, or "{PREFIX}NAME" with letters, digits and . _ -'
        )
    return FOLDER / name


def placed(value: object, *, environ: Mapping[str, str]) -> object:
    """The value; of a credential, the file of it in the folder that this process was given."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if isinstance(value, Path) and value.parent == FOLDER and folder.startswith("/"):
        return Path(folder) / value.name
    return value


def missing(path: Path) -> tuple[str, str] | None:
    """What is to be said where a file that is not there is a credential; None where it is none."""
    if not path.is_relative_to(FOLDER.parent):
        return None
    said = f'the credential "{path.name}" was not handed over'
    return (
        said,
        f"LoadCredential={path.name}:/THE/FILE in dockd's unit (systemctl edit dockd), and dockd started by systemd",
    )
