"""The services that an upgrade stopped are started again, also where the package manager began it more than once."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_DEBIAN = Path(__file__).parents[3] / "packaging" / "debian"
_SYSTEMCTL = """#!/bin/sh
for unit; do :; done
state=inactive
if [ -e "{units}/$unit" ]; then state=$(cat "{units}/$unit"); fi
case "$*" in *is-active*) case "${state:-active}" in active | reloading) ;; *) exit 3 ;; esac ;; *ActiveState*) echo "${state:-active}" ;; esac
"""
_INVOKE = '#!/bin/sh\ncase "$1" in stop) rm -f "{units}/$2" ;; start) : > "{units}/$2" ;; esac\n'
_NOTHING = "#!/bin/sh\nexit 0\n"
_FIND = '#!/bin/sh\nfor one; do shift; [ "$one" = dockd ] && one=nobody; set -- "$@" "$one"; done\nexec /usr/bin/find "$@"\n'
BOTH = {"dockd.service", "dockd-mount.service"}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine with services that run, in a folder: scripts of the package run as they are, with their folders below it."""

    folder: Path

    @property
    def units(self) -> Path:
        """A file for each service that runs, or is about to: with its state in it where that is not "active"."""
        return self.folder / "units"

    @property
    def running(self) -> set[str]:
        return {one.name for one in self.units.iterdir()}

    def run(self, script: str, *words: str) -> str:
        """What it said. Raises CalledProcessError."""
        text = (_DEBIAN / script).read_text()
        for place in ("/run/", "/usr/lib/dockd", "/var/lib/dockd", "/etc/"):
            text = text.replace(place, f"{self.folder}{place}")
        path = f"{self.folder}/bin:/usr/bin:/bin"
        words_ = ["sh", "-s", "--", *words]
        done = subprocess.run(
            words_, input=text, text=True, check=True, timeout=30, env={"PATH": path}, stderr=subprocess.PIPE
        )
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(folder=tmp_path)
    for folder in ("units", "bin", "run/systemd/system", "usr/lib/dockd", "etc/dockd"):
        (tmp_path / folder).mkdir(parents=True)
    for service in BOTH:
        (made.units / service).touch()
    tools = {"systemctl": _SYSTEMCTL, "deb-systemd-invoke": _INVOKE, "python3.11": _NOTHING, "udevadm": _NOTHING, "find": _FIND, "runuser": "#!/bin/sh\nexit 1\n"}  # fmt: skip
    for name, text in tools.items():
        (tmp_path / "bin" / name).write_text(text.replace("{units}", str(made.units)))
        (tmp_path / "bin" / name).chmod(0o755)
    return made


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_an_upgrade_stopped_is_started_again_however_often_it_began(machine: Machine, times: int) -> None:
    for _time in range(times):
        machine.run("prerm", "upgrade", "2")
        assert machine.running == set()
    machine.run("postinst", "configure", "1")
    assert machine.running == BOTH
    assert not (machine.folder / "run/dockd.upgrading").exists()


def test_what_a_person_had_stopped_stays_stopped(machine: Machine) -> None:
    (machine.units / "dockd.service").unlink()
    for _time in range(2):
        machine.run("prerm", "upgrade", "2")
    machine.run("postinst", "configure", "1")
    assert machine.running == {"dockd-mount.service"}


def test_each_service_is_started_once(machine: Machine) -> None:
    """The first try was cut off after the list and before the services were stopped."""
    (machine.folder / "run/dockd.upgrading").write_text("dockd-mount.service\ndockd.service\n")
    machine.run("prerm", "upgrade", "2")
    assert (machine.folder / "run/dockd.upgrading").read_text() == "dockd-mount.service\ndockd.service\n"


@pytest.mark.parametrize("state", ["activating", "reloading"])
def test_one_that_ends_again_and_again_is_stopped_and_started_again(machine: Machine, state: str) -> None:
    """Between two starts it is "activating": a better version is what it waits for, and it may not start among half of the files."""
    (machine.units / "dockd.service").write_text(state)
    machine.run("prerm", "upgrade", "2")
    assert machine.running == set()
    machine.run("postinst", "configure", "1")
    assert machine.running == BOTH


@pytest.mark.parametrize("state", ["failed", "deactivating"])
def test_one_that_has_ended_stays_ended(machine: Machine, state: str) -> None:
    (machine.units / "dockd.service").write_text(state)
    machine.run("prerm", "upgrade", "2")
    assert (machine.folder / "run/dockd.upgrading").read_text() == "dockd-mount.service\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("name", "said"), [("lost+found", False), ("odd", True)])
@pytest.mark.parametrize("disk", [".", "spool"])
def test_what_a_disk_of_its_own_has_is_no_strangers(machine: Machine, disk: str, name: str, said: bool) -> None:
    """`lost+found` is root's on every ext4."""
    state = machine.folder / "var/lib/dockd"
    (state / "spool").mkdir(parents=True)
    for one in (state, state / "spool"):
        shutil.chown(one, "nobody")
    (state / disk / name).mkdir(mode=0o700)
    assert ("belongs to the user dockd" in machine.run("postinst", "configure", "1")) is said
