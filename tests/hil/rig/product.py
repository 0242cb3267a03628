"""dockd in the guest: its sources and its locked dependencies, shared read-only, and its commands.

There is no virtual environment in the guest: the wheels of requirements-cameras.lock are unpacked on the host for the guest's
Python and put on its path, as a read-only disk. The sources are a copy of the checkout, shared read-only, so that a run
sees one state of them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hil.rig.guest_channel import Ended, GuestCommandFailed, GuestJob
from tests.hil.rig.machine import PACKAGES
from tests.hil.rig.places import REPOSITORY, STATION_FILES, built_once, key_of, state_folder
from tests.hil.rig.shell import host
from tests.hil.rig.vm import Vm

GUEST_PYTHON = "3.11"
# Debian 12 has glibc 2.36: wheels for these fit.
PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
SOURCES = ("dockd", "ingest", "config", "packaging")
SOURCE = "/mnt/source"
ENVIRONMENT = f"PYTHONPATH={SOURCE}:{PACKAGES} PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/root"


def packages() -> Path:
    """An ext4 image of the locked dependencies for the guest; made on first use. Raises HostCommandFailed."""
    lock = REPOSITORY / "requirements-cameras.lock"
    folder = state_folder() / f"packages-{key_of([lock.read_bytes(), *map(str.encode, PLATFORMS)])}"
    with built_once(folder) as building:
        if building is not None:
            _install(lock, building / "site")
            image = building / "packages.ext4"
            with image.open("wb") as file:
                file.truncate(512 << 20)
            host("mkfs.ext4", "-q", "-F", "-d", building / "site", image)
            host("rm", "-rf", building / "site")
    return folder / "packages.ext4"


def _install(lock: Path, target: Path) -> None:
    host(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--target", target, "--require-hashes", "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", GUEST_PYTHON, *(f"--platform={platform}" for platform in PLATFORMS)),
        *("--requirement", lock),
    )
    compile_sources(target)


def copy_sources(folder: Path) -> Path:
    """Copy what of the checkout runs in the guest, and the rig's own station, into `folder`, which must not exist; return it.

    With DOCKD_HIL_REVISION set, that commit's files, whatever the working tree holds; with DOCKD_HIL_SOURCES, another tree's.
    """
    checkout = Path(os.environ.get("DOCKD_HIL_SOURCES") or REPOSITORY)
    if revision := os.environ.get("DOCKD_HIL_REVISION"):
        folder.mkdir()
        packed = folder / "sources.tar"
        host("git", "-C", REPOSITORY, "archive", f"--output={packed}", revision, *SOURCES)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()
    else:
        for name in SOURCES:
            shutil.copytree(checkout / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(STATION_FILES, folder / "rig")
    return folder


def compile_sources(folder: Path) -> None:
    """Compile all modules below `folder` for the guest."""
    # Compiled by another Python than the guest's it would only be slower: the guest then compiles for itself.
    if f"{sys.version_info.major}.{sys.version_info.minor}" == GUEST_PYTHON:
        host(sys.executable, "-m", "compileall", "-q", "-j", "0", folder, accept=(0, 1))


@dataclass(frozen=True, kw_only=True)
class Dock:
    """dockd's commands on one state folder and against one store, in a guest."""

    vm: Vm
    state: str
    store: str = "http://127.0.0.1:8700"

    def start_store(self, root: str) -> GuestJob:
        """Start the central store on a folder of the guest; `await_store` says when it can be used."""
        address = self.store.removeprefix("http://")
        return self.vm.start(dockd("store", "serve", "--root", root, "--listen", address))

    def await_store(self, server: GuestJob) -> None:
        """Wait until the store listens. Raises GuestCommandFailed."""
        name, _, port = self.store.removeprefix("http://").partition(":")
        listens = f"until (exec 3<>/dev/tcp/{name}/{port}) 2>/dev/null; do sleep 0.1; done"
        waited = self.vm.run(f"timeout 100 bash -c {shlex.quote(listens)}")
        if waited.status != 0 or not server.running():
            server.signal(9)
            raise GuestCommandFailed(f"the store does not listen at {self.store}\n{server.wait().said}")

    def start_ingest(self, camera: str, *options: str) -> GuestJob:
        """Start `dockd ingest --wipe --json` on a mounted card."""
        store = ("--store", self.store, "--state", self.state)
        return self.vm.start(dockd("ingest", camera, *store, "--wipe", "--json", *options))

    def ingest(self, camera: str, *options: str, timeout: float = 180) -> Ended:
        """Run `dockd ingest --wipe --json` to its end."""
        return self.start_ingest(camera, *options).wait(timeout=timeout)

    def custody(self) -> list[dict[str, Any]]:
        """The entries of the custody chain, oldest first. Raises AssertionError where there are none."""
        export = self.vm.run(dockd("custody", "export", "--format", "jsonl", "--state", self.state))
        lines = [json.loads(line) for line in export.stdout.splitlines()] if export.status == 0 else []
        entries = [line for line in lines if line.get("type") == "entry"]
        assert entries, f"no custody chain\n{export.said}"
        return entries

    def verify_custody(self) -> Ended:
        return self.vm.run(dockd("custody", "verify", "--state", self.state))

    def reconcile(self) -> Ended:
        return self.vm.run(dockd("reconcile", "--json", "--state", self.state))


def dockd(*words: str) -> str:
    """The shell command that runs dockd in the guest, in the shell's place, so that a signal meets dockd itself."""
    return f"exec env {ENVIRONMENT} python3 -m dockd {shlex.join(words)}"


def document(ended: Ended) -> dict[str, Any]:
    """The one JSON document that a command printed last. Raises AssertionError with all it said."""
    lines = ended.stdout.splitlines()
    assert lines, f"no JSON document\n{ended.said}"
    found = json.loads(lines[-1])
    assert isinstance(found, dict), f"not a JSON object\n{ended.said}"
    return found
