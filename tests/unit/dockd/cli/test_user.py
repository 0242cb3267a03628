"""`dockd user` and `dockd token`: what they take, what they refuse and how they say it."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dockd.access.book import Book
from dockd.access.hashing import Hashing
from dockd.cli import cli
from dockd.settings import DEFAULT_FILE
from tests.program import DOCKD, REPOSITORY, environment

PASSWORD = "correct horse battery"


def run(state: Path, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(cli, [*words, "--state", str(state)], input=said)


def test_users_come_and_go(tmp_path: Path) -> None:
    added = run(tmp_path, "user", "add", "Ann", "--role", "sergeant", said=f"{PASSWORD}\n")
    assert (added.exit_code, added.stdout) == (0, "ann may sign in (sergeant)\n")
    assert Hashing().fits(Book(tmp_path / "access.db").known().users["ann"].password, PASSWORD)
    again = run(tmp_path, "user", "add", "ann", "--role", "ops", said=f"{PASSWORD}\n")
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    changed = run(tmp_path, "user", "passwd", "ann", "--role", "ops", "--json")
    assert (changed.exit_code, json.loads(changed.stdout)) == (0, {"user": "ann", "role": "ops"})
    listed = json.loads(run(tmp_path, "user", "list", "--json").stdout)
    assert [(one["name"], one["role"]) for one in listed["users"]] == [("ann", "ops")]
    assert "password" not in json.dumps(listed)
    gone = run(tmp_path, "user", "remove", "ann")
    assert (gone.exit_code, "open again" in gone.stderr) == (0, True)
    assert run(tmp_path, "user", "remove", "ann").exit_code == 1
    assert [one.what for one in Book(tmp_path / "access.db").known().untold] == [
        "user.added",
        "user.role_changed",
        "user.removed",
    ]
    assert {one.by for one in Book(tmp_path / "access.db").known().untold} <= {f"os:{name}" for name in (os.environ.get("USER"), os.environ.get("SUDO_USER"), "root", "nobody") if name}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said", "code", "why"),
    [
        (("add", "ann", "--role", "ops"), "short\n", 2, "at least 12"), (("add", "ann", "--role", "ops"), "", 2, "at least 12"),
        (("add", "a n n", "--role", "ops"), f"{PASSWORD}\n", 2, "no user's name"), (("add", "ann", "--role", "admin"), f"{PASSWORD}\n", 2, "admin"),
        (("add", "annemarie", "--role", "ops"), "Annemarie2026\n", 2, "user's name"), (("add", "ann"), f"{PASSWORD}\n", 2, "--role"),
        (("add", "ann", "--role", "ops", PASSWORD), "", 2, ""), (("passwd", "nobody"), f"{PASSWORD}\n", 1, "no user nobody"),
        (("add", "ann", "--role", "ops"), "x" * 300 + "\n", 2, "at most 256"), (("add", "ann", "--role", "ops", "--password-file", "/no/such"), "", 3, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_not_taken(tmp_path: Path, words: tuple[str, ...], said: str, code: int, why: str) -> None:
    done = run(tmp_path, "user", *words, said=said)
    assert done.exit_code == code, done.output
    assert why in done.stderr
    assert PASSWORD not in done.output or PASSWORD in words
    assert not (tmp_path / "access.db").exists()


def test_a_password_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\nand more\n")
    done = run(tmp_path, "user", "add", "ann", "--role", "ops", "--password-file", str(file))
    assert done.exit_code == 0, done.output
    assert Hashing().fits(Book(tmp_path / "access.db").known().users["ann"].password, PASSWORD)


@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("another horse battery", 130)])
def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(tmp_path: Path, second: str, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [*DOCKD, "user", "add", "ann", "--role", "ops", "--state", str(tmp_path)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=REPOSITORY, env=environment()
    )
    os.close(theirs)
    said = ""
    try:
        for asked, answer in (("New password for ann: ", PASSWORD), ("The same again: ", second)):
            said += until(ours, asked)
            os.write(ours, f"{answer}\n".encode())
        if code:
            said += until(ours, "New password for ann: ")
            os.write(ours, b"\x04")
            process.terminate()
        process.wait(timeout=40)
        said += until(ours, None)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert PASSWORD not in said
    assert (tmp_path / "access.db").exists() is (code == 0)


def until(fd: int, text: str | None) -> str:
    said, deadline = "", time.monotonic() + 40
    while (text is None or text not in said) and time.monotonic() < deadline:
        try:
            more = os.read(fd, 1000)
        except OSError:
            return said
        if not more:
            return said
        said += more.decode()
    return said


def test_tokens_are_shown_once(tmp_path: Path) -> None:
    made = run(tmp_path, "token", "create", "--role", "viewer", "--expires", "30 d", "--name", "grafana")
    shown = made.stdout.strip()
    assert (made.exit_code, shown.startswith("dockd_"), len(shown)) == (0, True, 49)
    document = json.loads(run(tmp_path, "token", "create", "--role", "wall", "--json").stdout)
    assert (document["name"], document["role"], document["state"]) == ("wall-2", "wall", "holds")
    assert run(tmp_path, "token", "revoke", "grafana").exit_code == 0
    assert run(tmp_path, "token", "revoke", "nothing").exit_code == 1
    listed = run(tmp_path, "token", "list", "--json")
    assert [(one["name"], one["state"]) for one in json.loads(listed.stdout)["tokens"]] == [
        ("grafana", "revoked"),
        ("wall-2", "holds"),
    ]
    assert shown not in listed.stdout + run(tmp_path, "token", "list").stdout
    for wrong in (
        ("--expires", "never"),
        ("--expires", "0 s"),
        ("--expires", "4000 d"),
        ("--name", "a b"),
        ("--name", ""),
    ):
        done = run(tmp_path, "token", "create", "--role", "viewer", *wrong)
        assert (done.exit_code, done.stdout) == (2, ""), wrong
    assert stat.S_IMODE((tmp_path / "access.db").stat().st_mode) == 0o600


def test_a_list_that_cannot_be_read_is_begun_anew_only_where_that_is_said(tmp_path: Path) -> None:
    words: tuple[Any, ...] = ("user", "add", "ann", "--role", "ops")
    (tmp_path / "access.db").write_bytes(b"nothing of a list")
    for one in (words, ("user", "list"), ("token", "create", "--role", "wall")):
        done = run(tmp_path, *one, said=f"{PASSWORD}\n")
        assert (done.exit_code, "--begin-anew" in done.stderr) == (3, True)
    done = run(tmp_path, *words, "--begin-anew", said=f"{PASSWORD}\n")
    assert (done.exit_code, "is kept as" in done.stderr) == (0, True)
    assert [path.read_bytes() for path in tmp_path.glob("access.db.damaged-*")] == [b"nothing of a list"]


@pytest.mark.skipif(DEFAULT_FILE.exists(), reason="this machine is a dock")
def test_a_list_that_is_nobodys_is_not_told_as_empty(tmp_path: Path) -> None:
    """Neither a configuration nor a state: which dock's page is open is not known."""

    def listed(what: str) -> Result:
        return CliRunner().invoke(cli, [what, "list"], env={"XDG_STATE_HOME": str(tmp_path)})

    for what in ("user", "token"):
        done = listed(what)
        assert (done.exit_code, done.stdout) == (3, "")
        assert "there is no configuration /etc/dockd/dockd.toml" in done.stderr
        assert "--config or --state" in done.stderr
    (tmp_path / "dockd").mkdir()
    (tmp_path / "dockd" / "ledger.db").touch()
    done = listed("user")
    assert (done.exit_code, f"this is the list in {tmp_path}/dockd" in done.stderr) == (0, True)
    assert "no users" in done.stdout
