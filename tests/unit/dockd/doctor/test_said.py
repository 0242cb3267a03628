"""Whether the agent runs with what is written, and can write what it says; and who may not look is told so."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.doctor import devices, files, said
from dockd.doctor.apart import User
from dockd.doctor.findings import Finding
from dockd.doctor.machine import Machine, NotSeen
from dockd.doctor.running import Check, run
from dockd.settings import Settings, defaults

NOBODY = User(uid=65534, gid=65534, groups=())
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as somebody else")


def logging_to(path: Path) -> Settings:
    settings = defaults()
    return replace(settings, log=replace(settings.log, file=path))


def as_nobody(look: Callable[[], list[Finding]]) -> Finding:
    (found,) = run([Check(group="g", name="n", look=look, as_agent=True)], agent=NOBODY)
    return found


def machine(root: Path, *, changed_at: float) -> Machine:
    """One on which process 7 began at 1,000,100 s; its configuration was changed then."""
    for name, text in {
        "proc/stat": "cpu 1 2\nbtime 1000000\n", "proc/7/stat": "7 (do) ckd) S " + "1 " * 18 + str(100 * os.sysconf("SC_CLK_TCK")) + " 1 1\n",
        "etc/dockd/dockd.toml": "", "etc/dockd/cameras/a.toml": "",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for one in ("cameras/a.toml", "cameras", "dockd.toml"):
        os.utime(root / "etc/dockd" / one, (1_000_050, 1_000_050))
    os.utime(root / "etc/dockd/dockd.toml", (changed_at, changed_at))
    return Machine(root=root)


@pytest.mark.parametrize(
    ("changed_at", "reloaded", "outcome"),
    [(1_000_050, None, "pass"), (1_000_200, None, "warn"), (1_000_200, 1_000_300, "pass"), (1_000_400, 1_000_300, "warn")],
    ids=["before the start", "after it", "read again since", "changed after that"],
)  # fmt: skip
def test_a_reload_that_is_wanting(tmp_path: Path, changed_at: float, reloaded: float | None, outcome: str) -> None:
    known = machine(tmp_path, changed_at=changed_at)
    config = Path("/etc/dockd/dockd.toml")
    (found,) = said.read_again(known, defaults(), config=config, agent=7, reloaded=reloaded)
    assert found.outcome == outcome
    assert list(said.read_again(known, defaults(), config=config, agent=None, reloaded=None)) == []
    os.utime(tmp_path / "etc/dockd/cameras/a.toml", (1_000_900, 1_000_900))
    (found,) = said.read_again(known, defaults(), config=config, agent=7, reloaded=reloaded)
    assert ("/etc/dockd/cameras/a.toml" in found.says, "systemctl reload dockd" in found.do) == (True, True)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("ExecReload={ path=/bin/kill ; start_time=[@1795255220] ; stop_time=[n/a] }", 1795255220.0),
        ("ExecReload={ path=/bin/kill ; start_time=[n/a] ; stop_time=[n/a] }", None),
        ("", None),
    ],
)
def test_when_systemd_has_reloaded_it(text: str, at: float | None) -> None:
    assert said.reload_time(text) == at


def test_the_log(tmp_path: Path) -> None:
    assert [one.outcome for one in said.log(defaults())] == ["pass"]
    file = tmp_path / "dockd.log"
    assert [one.outcome for one in said.log(logging_to(file))] == ["pass"]
    file.write_text("")
    assert [one.says for one in said.log(logging_to(file))] == [f"{file} can be written"]
    (away,) = said.log(logging_to(tmp_path / "none" / "x"))
    assert (away.outcome, away.do.startswith("mkdir -p")) == ("fail", True)
    (folder,) = said.log(logging_to(tmp_path))
    assert folder.outcome == "fail"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users can reach, as pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="dockd-doctor-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@AS_ROOT
def test_what_the_agents_user_may_not_do_is_found_out_by_being_that_user(open_folder: Path) -> None:
    (open_folder / "dockd.log").touch(mode=0o600)
    assert as_nobody(lambda: list(said.log(logging_to(open_folder / "dockd.log")))).outcome == "fail"
    assert as_nobody(lambda: list(said.log(logging_to(open_folder / "new.log")))).outcome == "fail"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(open_folder / "mount.sock"))
        os.chmod(open_folder / "mount.sock", 0o600)
        server.listen()
        settings = defaults()
        settings = replace(settings, docks=replace(settings.docks, mount_helper=open_folder / "mount.sock"))
        found = as_nobody(lambda: list(devices.helper(settings)))
    assert (found.outcome, "it is not in the socket's group" in found.says) == ("fail", True)


@AS_ROOT
def test_what_may_not_be_looked_at_is_said(open_folder: Path) -> None:
    closed = open_folder / "state"
    closed.mkdir(mode=0o700)
    (closed / "ledger.db").touch()
    settings = defaults()
    settings = replace(settings, ledger=replace(settings.ledger, path=closed / "ledger.db"))

    def look() -> list[Finding]:
        return list(files.state(Machine(), settings, owner=None))

    found = as_nobody(look)
    assert (found.outcome, found.do) == ("skipped", "Ask as root: dockd doctor")
    with pytest.raises(NotSeen):
        Machine(root=open_folder).text("x" * 300)
