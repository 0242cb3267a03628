"""What a person is told who starts the helper by hand, and what a journal gets."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

# What argparse imports when it is first used may lie where root alone reads.
UNPRIVILEGED = """
import os
from dockd.mounting.starting import arguments_of
arguments_of([])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
"""


def program(*words: str, before: str = "") -> list[str]:
    code = f"import sys\nfrom dockd.mounting.helper import run\n{before}\nsys.exit(run({list(words)!r}))"
    return [sys.executable, "-c", code]


def at_a_terminal(*words: str, before: str = "") -> tuple[int, str]:
    """Exit code and what standard error, a terminal, shows."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        program(*words, before=before), stderr=theirs, stdout=subprocess.DEVNULL, timeout=30, check=False
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: all of it was read
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    return done.returncode, shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("words", "before", "code", "said"),
    [
        (["--user", "nosuch"], "", 2, "dockd-mount: there is no such user: nosuch\n"),
        (["--user", "root", "--group", "nosuch"], "", 2, "dockd-mount: there is no such group: nosuch\n"),
        (["--user", "root"], UNPRIVILEGED, 3, "dockd-mount: only root can mount: start it with sudo, or as a service (dockd-mount.service)\n"),
    ],
)  # fmt: skip
def test_refusals_are_plain_at_a_terminal(words: list[str], before: str, code: int, said: str) -> None:
    assert at_a_terminal(*words, before=before) == (code, said)


def test_elsewhere_they_are_lines_of_the_log() -> None:
    done = subprocess.run(program("--user", "nosuch"), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    line = json.loads(done.stderr)
    assert (line["event.action"], line["message"]) == ("mount.not_started", "there is no such user: nosuch")


@pytest.mark.skipif(any(user.pw_name == "dockd" for user in pwd.getpwall()), reason="there is a user dockd here")
def test_without_a_user_dockd_it_is_said_that_root_alone_may_ask() -> None:
    code, said = at_a_terminal(before=UNPRIVILEGED)
    assert code == 3
    assert said.splitlines()[0] == (
        "dockd-mount: there is no user dockd, and no --user was given: only root may ask for mounts"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="an unprivileged user is told that before")
def test_a_root_that_cannot_be_is_one_plain_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = at_a_terminal(
        "--user", "root", "--root", str(tmp_path / "file" / "mnt"), "--socket", str(tmp_path / "s")
    )
    assert (code, said.count("\n")) == (3, 1)
    assert str(tmp_path / "file") in said
    assert "Errno" not in said


def test_help_tells_defaults_repeats_and_exit_codes() -> None:
    done = subprocess.run(
        program("--help"), capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "COLUMNS": "300"}
    )
    for word in (
        "/run/dockd/mount.sock",
        "/run/dockd/mnt",
        "several times",
        "default: dockd",
        "first user's own group",
        "Exit code 0",
        "2:",
        "3:",
        "sudo",
    ):
        assert word in done.stdout
    assert "(default: [])" not in done.stdout
    assert "(default: None)" not in done.stdout
