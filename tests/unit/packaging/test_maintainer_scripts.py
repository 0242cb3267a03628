"""The services that an upgrade stopped are started again, also where the package manager began it more than once."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_DEBIAN = Path(__file__).parents[3] / "packaging" / "debian"
_SYSTEMCTL = '#!/bin/sh\n[ "$2" = is-active ] && [ -e "{units}/$3" ]\n'
_INVOKE = '#!/bin/sh\ncase "$1" in stop) rm -f "{units}/$2" ;; start) : > "{units}/$2" ;; esac\n'
_NOTHING = "#!/bin/sh\nexit 0\n"
BOTH = {"dockd.service", "dockd-mount.service"}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine with services that run, in a folder: scripts of the package run as they are, with their folders below it."""

    folder: Path

    @property
    def units(self) -> Path:
        """A file for each service that runs."""
        return self.folder / "units"

    @property
    def running(self) -> set[str]:
        return {one.name for one in self.units.iterdir()}

    def run(self, script: str, *words: str) -> None:
        """Raises CalledProcessError."""
        text = (_DEBIAN / script).read_text()
        for place in ("/run/", "/usr/lib/dockd", "/var/lib/dockd", "/etc/"):
            text = text.replace(place, f"{self.folder}{place}")
        path = f"{self.folder}/bin:/usr/bin:/bin"
        subprocess.run(["sh", "-s", "--", *words], input=text, text=True, check=True, timeout=30, env={"PATH": path})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(folder=tmp_path)
    for folder in ("units", "bin", "run/systemd/system", "usr/lib/dockd", "etc/dockd"):
        (tmp_path / folder).mkdir(parents=True)
    for service in BOTH:
        (made.units / service).touch()
    tools = {"systemctl": _SYSTEMCTL, "deb-systemd-invoke": _INVOKE, "python3.11": _NOTHING, "udevadm": _NOTHING, "runuser": "#!/bin/sh\nexit 1\n"}  # fmt: skip
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
