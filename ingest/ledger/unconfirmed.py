"""That a person has to say once more which store is believed, kept in a file beside the dock's keys.

Why: a state that was put back from a backup believes the store of then. That it was caught since, or given up for another, the backup cannot know,
and the dock that knew is gone. Rules: the file is there before the ledger that was put back is; while it is, no leave to delete is given and no copy
is given up, whatever the ledger says and whichever ledger it is; footage is copied and sent as ever. Only a person's pin takes it away, after that
is in the record. One that cannot be read counts.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ingest.ledger.pin_file import durable_text, sync_folder

NAME = "store.unconfirmed"
_LONGEST = 400
_UNREADABLE = "the file store.unconfirmed beside the dock's keys cannot be read"


def why_unconfirmed(folder: Path) -> str:
    """Why, in words, by the folder of the dock's keys; empty where nothing is to be confirmed. Blocks."""
    try:
        with (folder / NAME).open("rb") as file:
            said = file.read(_LONGEST).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
    except OSError:  # it may be there
        return _UNREADABLE
    return said if said.isprintable() and said else _UNREADABLE


def to_confirm(folder: Path, *, why: str) -> None:
    """Durable, there whole or not at all. Blocks. Raises OSError."""
    durable_text(folder / NAME, f"{why}\n")


def confirmed(folder: Path) -> None:
    """Blocks. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        (folder / NAME).unlink()
        sync_folder(folder)
