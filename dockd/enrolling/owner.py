"""What root does in the agent's folders is done as the agent: what is made there has to be the agent's afterwards."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Where root asks, be the one who owns `folder` for as long as this lasts; anybody else stays who they are. Raises OSError.

    Where the folder is not there, the nearest one above it that is says who.
    """
    if os.geteuid() != 0:
        yield
        return
    found = whose(folder)
    if found.st_uid == 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups(_groups(found))
    os.setegid(found.st_gid)
    os.seteuid(found.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def as_oneself() -> Iterator[None]:
    """Within `as_owner_of`, who asked, for as long as this lasts: for a file that was named on the command line, and is the caller's to read."""
    owner, group = os.geteuid(), os.getegid()
    if owner == os.getuid():
        yield
        return
    os.seteuid(os.getuid())
    os.setegid(os.getgid())
    try:
        yield
    finally:
        os.setegid(group)
        os.seteuid(owner)


def see_python(folder: Path) -> None:
    """Whoever may not read dockd's own modules cannot go on in the middle of it: some are loaded when they are used. Raises PermissionError."""
    for own in (Path(os.__file__).parent, Path(__file__).parent):
        if not os.access(own, os.R_OK | os.X_OK, effective_ids=True):
            raise PermissionError(
                errno.EACCES,
                f"who owns {folder} may not read {own}: dockd has to be installed where the agent's user reads it",
            )


def whose(folder: Path) -> os.stat_result:
    """The folder, or the nearest one above it that is there, with its owner. Raises OSError."""
    nearest = _nearest(folder)
    found = nearest.stat()
    if found.st_uid == 0:
        return nearest.lstat()  # who has put a link to a folder of root's there is not root by that
    return found


def _groups(found: os.stat_result) -> list[int]:
    """The owner's; of one whom nobody knows here that of what they own, and never root's."""
    try:
        return os.getgrouplist(pwd.getpwuid(found.st_uid).pw_name, found.st_gid)
    except KeyError:
        return [found.st_gid]


def _nearest(folder: Path) -> Path:
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
