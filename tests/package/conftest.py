"""What the tests of the packages share: the packages themselves, and systems in which they are installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.rig.places import scratch_folder, state_folder
from tests.package.dock import Dock
from tests.package.packages import Packages, bundle_of, made
from tests.package.prerequisites import missing
from tests.package.system import Ended, Image, System, bare_debian, remove, system_on


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/package" in str(item.path):
            item.add_marker(pytest.mark.timeout(1800))  # the first one builds the package, the bundle and the systems


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """Skip with the reason where this machine cannot; with CI=true that is a failure."""
    reason = missing()
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.fixture(scope="session")
def packages(machine: None) -> Iterator[Packages]:
    with scratch_folder("packages") as folder:
        yield made(folder)


@pytest.fixture(scope="session")
def bundle(packages: Packages) -> Iterator[Path]:
    with scratch_folder("bundle") as folder:
        yield bundle_of(packages, folder)


@pytest.fixture(scope="session")
def bare(machine: None) -> Image:
    return bare_debian()


class Frozen:
    """Images that are made once in a run, and removed at its end."""

    def __init__(self) -> None:
        self._folders: list[Path] = []

    def system(self, image: Image) -> System:
        runs = state_folder() / "runs"
        runs.mkdir(exist_ok=True)
        self._folders.append(Path(tempfile.mkdtemp(prefix="package-image-", dir=runs)))
        system = System(image=image, folder=self._folders[-1])
        system.begin()
        return system

    def remove(self) -> None:
        for folder in self._folders:
            remove(folder)


@pytest.fixture(scope="session")
def frozen() -> Iterator[Frozen]:
    images = Frozen()
    yield images
    images.remove()


class Installed:
    """A bare Debian 12 after `apt-get install ./dockd.deb` with the network, and what that said."""

    def __init__(self, image: Image, said: Ended) -> None:
        self.image = image
        self.said = said


def install(system: System, deb: Path, *, name: str) -> Ended:
    """`apt-get install ./dockd.deb` with the network, and what it said."""
    system.online()
    shutil.copyfile(deb, system.path(f"/root/{name}"))
    system.run("apt-get", "update", online=True)
    return system.run("apt-get", "install", "--yes", "--no-install-recommends", f"/root/{name}", online=True)


@pytest.fixture(scope="session")
def installed(packages: Packages, bare: Image, frozen: Frozen) -> Installed:
    system = frozen.system(bare)
    try:
        said = install(system, packages.deb, name="dockd.deb")
        return Installed(system.freeze(), said)
    finally:
        system.end()


@pytest.fixture(scope="session")
def before(bare: Image, packages: Packages, frozen: Frozen) -> Image:
    """A dock that has been at work with the older package: see `Dock.lived_in`."""
    system = frozen.system(bare)
    try:
        install(system, packages.older, name="older.deb")
        Dock(system).lived_in()
        return system.freeze()
    finally:
        system.end()


@pytest.fixture
def system(installed: Installed) -> Iterator[System]:
    """The newest package on a bare Debian 12, as it was installed."""
    with system_on(installed.image) as running:
        yield running


@pytest.fixture
def dock(before: Image, packages: Packages) -> Iterator[Dock]:
    """A dock that has been at work with the older package, switched off. The newer one lies in /root/dockd.deb."""
    with system_on(before) as running:
        shutil.copyfile(packages.deb, running.path("/root/dockd.deb"))
        # A file of a lower layer becomes another one when it is renamed; no camera does that.
        running.run("sh", "-c", "cp -a /srv/docks /srv/copied && rm -r /srv/docks && mv /srv/copied /srv/docks")
        yield Dock(running)
