"""How `dockd-mount` is started: its options, whom it serves, and what is told before it serves.

Rules kept here: somebody at a terminal is told in plain words, a journal in lines of the log; standard library only.
"""

from __future__ import annotations

import argparse
import grp
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path

from dockd.mounting.journal import say
from dockd.mounting.places import RootUnusable


def arguments_of(words: Sequence[str] | None) -> argparse.Namespace:
    """`socket`, `root`, `user` (a list of names) and `group` (None: not given). Ends the program for --help and wrong options."""
    return options().parse_args(words, argparse.Namespace(user=[], group=None))


def options() -> argparse.ArgumentParser:
    """The command and its options, for those who start it and those who describe it."""
    parser = argparse.ArgumentParser(
        prog="dockd-mount",
        description="Mounts cameras' volumes for dockd, until a signal ends it. Needs root: sudo dockd-mount.",
        epilog="Exit code 0: ended by a signal; 2: an option is wrong, or a user or group is not there; 3: it could not start.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--socket", type=Path, default=Path("/run/dockd/mount.sock"), help="where to listen")
    parser.add_argument("--root", type=Path, default=Path("/run/dockd/mnt"), help="where to mount; a folder of its own")
    parser.add_argument(
        "--user", action="append", default=argparse.SUPPRESS, metavar="NAME",
        help="who may ask, beside root; may be given several times (default: dockd, where there is such a user)",
    )  # fmt: skip
    parser.add_argument(
        "--group", metavar="NAME", default=argparse.SUPPRESS, help="who may open the socket (default: the first user's own group)"
    )  # fmt: skip
    return parser


def before_serving(action: str, message: str) -> None:
    """What keeps it from serving, or should be known before it does: for a person at a terminal in plain words."""
    if sys.stderr.isatty():
        sys.stderr.write(f"dockd-mount: {message}\n")
        sys.stderr.flush()
    else:
        say(action, message, failed=True)


class NoSuch(Exception):
    """A user or group that is not there, in words."""


def users_of(names: Sequence[str]) -> list[pwd.struct_passwd]:
    """Who may ask beside root: these, or else dockd, where there is one. Raises NoSuch."""
    found: list[pwd.struct_passwd] = []
    for name in names or ["dockd"]:
        try:
            found.append(pwd.getpwnam(name))
        except KeyError:
            if names:
                raise NoSuch(f"there is no such user: {name}") from None
            before_serving("no_user", "there is no user dockd, and no --user was given: only root may ask for mounts")
    return found


def group_of(name: str | None, users: Sequence[pwd.struct_passwd]) -> int:
    """The number of the group that may open the socket. Raises NoSuch."""
    if not name:
        return users[0].pw_gid if users else 0
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise NoSuch(f"there is no such group: {name}") from None


def said_of(error: RootUnusable | OSError) -> str:
    """For a person."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
