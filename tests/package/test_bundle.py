"""The bundle, on a bare Debian 12 that has no network at all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.packages import Packages
from tests.package.system import Image, System, system_on


@pytest.fixture
def unpacked(bare: Image, bundle: Path) -> Iterator[tuple[System, str]]:
    """A bare system with the bundle unpacked in a folder with a space in its name, and that folder."""
    with system_on(bare) as system:
        system.path("/srv/from stick").mkdir()
        subprocess.run(["tar", "-xf", str(bundle), "-C", str(system.path("/srv/from stick"))], check=True)
        yield system, f"/srv/from stick/{bundle.stem}"


def test_it_installs_without_any_network(unpacked: tuple[System, str], packages: Packages) -> None:
    system, folder = unpacked
    # Not even a loopback that answers: apt's own sources must not be asked.
    system.run("sh", "-c", "rm -f /var/lib/apt/lists/*Packages* && rm -rf /var/cache/apt/archives/*.deb")
    sources = Path(system.path("/etc/apt/sources.list")).read_text()
    said = system.run("sh", f"{folder}/install.sh")
    assert said.out.splitlines()[-1].startswith("dockd, version"), said.said
    assert system.run("dpkg-query", "--show", "--showformat=${Version}", "dockd").out == packages.version
    assert system.run("dockd", "check-config", user="dockd", accept=(2,)).out.startswith("/etc/dockd/dockd.toml")
    assert Path(system.path("/etc/apt/sources.list")).read_text() == sources
    system.path("/etc/dockd/dockd.toml").write_text("# the site's own\n")
    system.run("sh", f"{folder}/install.sh")  # once more: nothing to do, nothing lost
    assert system.path("/etc/dockd/dockd.toml").read_text() == "# the site's own\n"


def test_a_file_that_has_changed_is_refused(unpacked: tuple[System, str], packages: Packages) -> None:
    system, folder = unpacked
    with (system.path(folder) / "packages" / packages.deb.name).open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"another")
    said = system.run("sh", f"{folder}/install.sh", accept=(1,))
    assert "files have changed since the bundle was made" in said.err
    assert not system.path("/usr/bin/dockd").exists()


def test_another_system_is_refused(unpacked: tuple[System, str]) -> None:
    system, folder = unpacked
    release = system.path("/usr/lib/os-release")
    release.write_text(release.read_text().replace("bookworm", "trixie"))
    said = system.run("sh", f"{folder}/install.sh", accept=(1,))
    assert "this bundle is for Debian 12 (bookworm), and this machine runs trixie" in said.err
