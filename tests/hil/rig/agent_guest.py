"""The guest in which a whole station runs already, frozen: store, mount helper and agent, each as a unit of systemd.

It is a second snapshot on top of the booted guest's. Starting Python with all of dockd takes many seconds in a guest
that is not accelerated; a test that restores this one has an agent that answers after one or two.

Rules kept here: the snapshot is named by what went into it (sources, the station's files, the booted guest), so a change
of any makes a new one; the disks that the agent and the store write to are images of their own, copied for each test as
they were at the moment of freezing, so that after any end they can be read on the host.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hil.rig.agent import UNITS, Agent
from tests.hil.rig.agent_log import LOGS
from tests.hil.rig.disks import SLOTS, attach, detach, make_disk, mount
from tests.hil.rig.machine import BuiltIn, Machine
from tests.hil.rig.places import built_once, key_of, scratch_folder, state_folder
from tests.hil.rig.product import SOURCE, compile_sources
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import copy_image
from tests.hil.rig.vm import Snapshot, restored

STATE, STORE = "/var/lib/dockd", "/srv/central"
# The cameras that the site names as its own: whatever has another serial may be anybody's, and is never emptied.
SERIALS = [f"C{number:04d}" for number in range(1, 100)]
# Stations that stay, and for how long (seconds) after its last use any does: a whole run takes less.
KEPT, IN_USE_FOR = 4, 2 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Station:
    """A frozen guest with an agent at work."""

    snapshot: Snapshot

    @contextmanager
    def running(self, folder: Path) -> Iterator[Agent]:
        """The agent as it was frozen, on new disks in `folder`. It answers at once."""
        with restored(self.snapshot, disks=self._disks(folder)) as vm:
            agent = Agent(vm=vm, machine=self.snapshot.machine)
            agent.follow_log()
            yield agent

    @contextmanager
    def started(self, folder: Path) -> Iterator[Agent]:
        """The agent, started anew on the disks that an earlier run left in `folder`: the next boot after a power cut."""
        with scratch_folder("unused") as spare, restored(self.snapshot, disks=self._disks(spare)) as vm:
            vm.check(
                f"systemctl kill -s KILL {' '.join(UNITS)}; umount {STATE} && umount {STORE} && rm -f {LOGS}/*.log"
            )
            for disk, where in zip(self._written, (STATE, STORE), strict=True):
                detach(vm, disk)
                kept = replace(disk, image=folder / f"{disk.name}.img")
                attach(vm, kept)
                mount(vm, kept, where=where)
            agent = Agent(vm=vm, machine=self.snapshot.machine)
            agent.start(*UNITS)
            agent.follow_log()
            agent.await_answer()
            yield agent

    @property
    def _written(self) -> list[BuiltIn]:
        return [disk for disk in self.snapshot.disks if not disk.read_only]

    def _disks(self, folder: Path) -> tuple[BuiltIn, ...]:
        """The snapshot's disks, the written ones as copies in `folder`."""
        copies = [replace(disk, image=copy_image(disk.image, folder / f"{disk.name}.img")) for disk in self._written]
        return (*(disk for disk in self.snapshot.disks if disk.read_only), *copies)


def station(booted: Snapshot, *, sources: Path, settings: str = "") -> Station:
    """The station for these sources (with what `station/` holds in their folder rig) and this machine.

    `settings` is TOML that is added to its configuration.

    Made on first use, which takes some twenty seconds. Raises GuestDidNotStart, GuestCommandFailed.
    """
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    inputs = [booted.folder.name.encode(), settings.encode(), Path(__file__).read_bytes()]
    for file in files:
        if file.suffix != ".pyc":
            inputs += [str(file).removeprefix(str(sources)).encode(), file.read_bytes()]
    folder = state_folder() / f"station-{key_of(inputs)}"
    with built_once(folder) as building:
        if building is not None:
            _forget_unused()
            _freeze(booted, building, sources=sources, settings=settings)
    os.utime(folder)
    return Station(snapshot=replace(booted, folder=folder, disks=_disks(folder)))


def _disks(folder: Path) -> tuple[BuiltIn, ...]:
    images = {name: folder / f"{name}.img" for name in SLOTS}
    return tuple(
        BuiltIn(name=name, slot=SLOTS[name], image=image, read_only=name == "source") for name, image in images.items()
    )


def _forget_unused() -> None:
    """Each change of dockd leaves a snapshot behind: the last few stay, and whatever a run may be working with."""
    known = sorted(state_folder().glob("station-*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for old in known[KEPT:]:
        if old.stat().st_mtime < time.time() - IN_USE_FOR:
            shutil.rmtree(old)


def _freeze(booted: Snapshot, building: Path, *, sources: Path, settings: str) -> None:
    _source_disk(building, sources=sources, config=_configuration(sources, booted.machine) + settings)
    for name in ("state", "store"):
        make_disk(building / f"{name}.img")
    root = building / "root.qcow2"
    host("qemu-img", "create", "-q", "-f", "qcow2", "-b", booted.root, "-F", "qcow2", root)
    with restored(booted, root=root) as vm:
        for disk, where in zip(_disks(building), (SOURCE, STATE, STORE), strict=True):
            attach(vm, disk)
            mount(vm, disk, where=where)
        vm.check(
            f"mkdir -p /etc/dockd/cameras /run/rig && cp {SOURCE}/packaging/*.service /etc/systemd/system/"
            f" && cp -r {SOURCE}/rig/units/. /etc/systemd/system/"
            f" && cp {SOURCE}/rig/dockd.toml {SOURCE}/rig/cameras.csv /etc/dockd/"
            f" && cp -r {SOURCE}/rig/cameras/. /etc/dockd/cameras/"
            f" && chown dockd: {STATE} {STORE} && chmod 700 {STATE} {STORE} && systemctl daemon-reload"
        )
        agent = Agent(vm=vm, machine=booted.machine)
        agent.start(*UNITS)
        agent.await_answer(timeout=400)  # once for many tests, also on a machine with other work
        agent.await_store(timeout=400)
        # What a camera's first minute needs: nobody waits for the disk to find it.
        vm.check("modprobe -a usb-storage vfat exfat nls_utf8 nls_cp437 nls_ascii nls_iso8859-1; sync; udevadm settle")
        vm.freeze(building / "memory.zst")


def _source_disk(building: Path, *, sources: Path, config: str) -> None:
    tree = building / "tree"
    shutil.copytree(sources, tree)
    compile_sources(tree)
    (tree / "rig" / "cameras").mkdir(exist_ok=True)
    (tree / "rig" / "dockd.toml").write_text(config, encoding="utf-8")
    names = "".join(f"{serial},PC {serial}\n" for serial in SERIALS)
    (tree / "rig" / "cameras.csv").write_text(f"camera,assigned_to\n{names}", encoding="utf-8")
    with (building / "source.img").open("wb") as file:
        file.truncate(64 << 20)
    host("mkfs.ext4", "-q", "-F", "-d", tree, building / "source.img")
    shutil.rmtree(tree)


def _configuration(sources: Path, machine: Machine) -> str:
    """dockd.toml: bay 1 is port 1 of the first controller, the next controller's bays come behind its last."""
    bays = "".join(
        f'\n[[bays]]\nnumber = {number}\nusb_path = "{place}"\n' for number, place in enumerate(machine.places(), 1)
    )
    return (sources / "rig" / "dockd.toml").read_text(encoding="utf-8") + bays
