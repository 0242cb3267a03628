"""The lines of dockd.toml that enrolment comes to, and writing them: comments and everything else stay, and nothing is written that would be refused.

Rules: the file is tried beside itself first, by the same check as `dockd check-config`; it is replaced as a whole, and the one before stays beside it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dockd.docks.usb_bay_map import replace_file
from dockd.enrolling.files import NotTaken
from ingest.ledger.pin_file import sync_folder

Lines = Mapping[str, str | None]
_NEW = "# dockd.toml: written by dockd enroll. Every key there is stands in the example that comes with dockd.\n\n[store]\n"


def as_toml(lines: Lines) -> str:
    """The `[store]` table as it is to be; a key that is None is to go."""
    table = tomlkit.table()
    for key, value in lines.items():
        if value is not None:
            table[key] = value
    gone = "".join(f"# without {key}\n" for key, value in lines.items() if value is None)
    return "[store]\n" + tomlkit.dumps({"store": table}).partition("\n")[2] + gone


def changed(text: str, lines: Lines) -> str:
    """The text of a configuration with these lines in it. Raises NotTaken where a program cannot change it."""
    try:
        document: Any = tomlkit.parse(text)
        if "store" not in document:
            document["store"] = tomlkit.table()
        table = document["store"]
        for key, value in lines.items():
            if value is not None:
                table[key] = value
            elif key in table:
                del table[key]
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, AttributeError) as error:
        raise NotTaken(f"the configuration cannot be changed by a program: {error}") from error


def write(file: Path, lines: Lines, *, check: Callable[[Path], Sequence[str]], group: int | None = None) -> Path | None:
    """Write them into `file`, which is made where it is not there (readable by `group`); where the one before is now, None where there was none.

    `check` gives the mistakes of a file. Raises NotTaken with them, OSError; then the file is as it was. Blocks.
    """
    there = file.exists()
    before = file.read_text(encoding="utf-8") if there else _NEW
    text = changed(before, lines)
    trial = file.resolve().with_name(f".{file.name}.{os.getpid()}.try")
    try:
        _put(trial, text, like=file if there else None, group=group)
        mistakes = [one.replace(str(trial), str(file)) for one in check(trial)]
        if mistakes:
            raise NotTaken("the configuration would have mistakes, and is left as it is:\n" + "\n".join(mistakes))
        if there:
            return replace_file(file, text)
        trial.rename(file.resolve())
        sync_folder(file.resolve().parent)
        return None
    finally:
        trial.unlink(missing_ok=True)


def _put(trial: Path, text: str, *, like: Path | None, group: int | None) -> None:
    fd = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with open(fd, "w", encoding="utf-8") as file:
        if like is not None:
            found = like.stat()
            os.fchmod(fd, found.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(fd, found.st_uid, found.st_gid)
        elif group is not None:
            with contextlib.suppress(PermissionError):
                os.fchown(fd, -1, group)
        file.write(text)
        file.flush()
        os.fsync(fd)
