"""The end of the record, kept beside the dock's keys: a ledger that goes back behind it is noticed by the next start, without the store.

A log that was cut or removed, or an older copy that was put back, is a whole ledger by all that SQLite can say: it is only older. Rules: `head` is
written after the commit that it names, so that it is never ahead of a ledger to which nothing happened; before a permit is handed out, at a clean
end, and else at most two seconds or 32 commits later. A file that cannot be understood says nothing. A ledger that is made anew says so itself:
what was kept of the one before is forgotten before its first entry.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path

from ingest.ledger.pin_file import durable_text, sync_folder
from ingest.model import Head

NAME = "head"
_LARGEST = 4096
_WITHIN = 2.0  # seconds
_COMMITS = 32
_HASH = re.compile(r"[0-9a-f]{64}")


def kept_head(folder: Path) -> Head | None:
    """What was kept last in the folder of the dock's keys; None where nothing was, or it cannot be understood. Blocks. Raises OSError."""
    try:
        with (folder / NAME).open("rb") as file:
            said = json.loads(file.read(_LARGEST))
        found = Head(seq=said["seq"], hash=said["hash"])
        whole = _HASH.fullmatch(found.hash) and type(found.seq) is int and 0 < found.seq < 1 << 62
        return found if whole else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def forget_head(folder: Path) -> None:
    """Nothing is kept any more. Blocks. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        (folder / NAME).unlink()
        sync_folder(folder)


class HeadKeeper:
    """Keeps the head of one ledger; used by its writer alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next: Head | None = None
        self._kept: Head | None = None
        self._commits = 0
        self._since = 0.0

    def committed(self, head: Head) -> None:
        """The record ends here now."""
        if self._next == self._kept:
            self._commits, self._since = 0, time.monotonic()
        self._commits += 1
        self._next = head

    @property
    def due(self) -> bool:
        """Whether it should be kept now, if nothing asks for it sooner."""
        return self._kept is None or self._commits >= _COMMITS or self.patience() == 0

    def patience(self) -> float | None:
        """Seconds until it is due; None where it is kept."""
        return None if self._next == self._kept else max(0.0, self._since + _WITHIN - time.monotonic())

    def keep(self) -> None:
        """Make it durable, if it is not. Raises OSError."""
        if self._next is None or self._next == self._kept:
            return
        said = {"seq": self._next.seq, "hash": self._next.hash}
        if self._kept is None:
            for left in self._folder.glob(f"{NAME}.*.part"):  # of a start that was killed
                with contextlib.suppress(OSError):
                    left.unlink()
        durable_text(self._folder / NAME, json.dumps(said) + "\n")
        self._kept = self._next
