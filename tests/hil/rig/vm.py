"""One guest: boot, snapshot, restore, commands, and the end of it: a power cut.

A test restores the snapshot of the booted guest (about a second, where a boot takes twenty); nothing that a test does
outlives it but what it wrote to images that it plugged itself.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.hil.rig.guest_build import GuestImage
from tests.hil.rig.guest_channel import Answer, Ended, GuestChannel, GuestCommandFailed, GuestJob
from tests.hil.rig.jsonlines import PeerGone
from tests.hil.rig.machine import PACKAGES, PACKAGES_DEVICE, SHARES, BuiltIn, Machine, share_arguments
from tests.hil.rig.places import built_once, key_of, scratch_folder, state_folder
from tests.hil.rig.qmp import Qmp
from tests.hil.rig.shell import ENVIRONMENT, host

BOOT_TIMEOUT = 300.0
# Read once before the guest is frozen, so that no test waits for the disk to start Python.
WARM_UP = (
    f"find {PACKAGES} -name '*.pyc' -not -path '*/pip/*' -o -name '*.so*' | xargs cat > /dev/null"
    " && python3 -c 'import asyncio, email, multiprocessing, sqlite3, ssl, uuid'"
)


class GuestDidNotStart(RuntimeError):
    """QEMU ended, or the guest never answered; the message has both logs."""


class Vm:
    """A running guest. `qmp` is its monitor; cables and disks are in `usb` and `disks`."""

    def __init__(self, arguments: list[str], *, run: Path) -> None:
        self.run_folder = run
        with (run / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                # It ends with this process, however that ends: no guest is left behind.
                ["setpriv", "--pdeathsig", "KILL", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, "TMPDIR": str(run)},
            )
        try:
            self.qmp = Qmp(run / "qmp")
            self._channel = GuestChannel(run / "channel")
        except (OSError, TimeoutError) as error:
            self._process.kill()
            self._process.wait()
            raise GuestDidNotStart(self.logs()) from error

    def await_guest(self) -> None:
        """Wait until commands can be run. Raises GuestDidNotStart."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        try:
            while self.qmp.execute("query-status")["status"] == "inmigrate":
                time.sleep(0.02)
            self.qmp.execute("cont")
            self._channel.await_guest(timeout=deadline - time.monotonic())
        except (PeerGone, TimeoutError) as error:
            raise GuestDidNotStart(self.logs()) from error

    def start(self, command: str) -> GuestJob:
        """Start a command of the guest's shell."""
        return self._channel.start(command)

    def run(self, command: str, *, timeout: float = 120) -> Ended:
        """Run a command to its end, whatever that is. Raises TimeoutError, PeerGone."""
        return self.start(command).wait(timeout=timeout)

    def check(self, command: str, *, timeout: float = 120) -> str:
        """Run a command that must succeed; its standard output. Raises GuestCommandFailed."""
        ended = self.run(command, timeout=timeout)
        if ended.status != 0:
            raise GuestCommandFailed(ended.said)
        return ended.stdout

    def ask(self, port: int, path: str, *, timeout: float = 40) -> Answer:
        """GET a path from a server on the guest's loopback. Raises NoAnswer, TimeoutError, PeerGone."""
        return self._channel.ask(port, path, timeout=timeout)

    def freeze(self, memory: Path) -> None:
        """Stop the guest and write its memory to the file `memory`. Raises GuestDidNotStart."""
        self.qmp.execute("stop")
        self.qmp.execute("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        self.qmp.execute("migrate", {"uri": f"exec:zstd -1 -q -f -o {memory}"})
        while (state := self.qmp.execute("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.05)
        if state == "failed":
            raise GuestDidNotStart(f"the guest could not be frozen\n{self.logs()}")

    def power_cut(self) -> None:
        """The machine is gone between two instructions: nothing is flushed, what was in its memory is lost."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        self.qmp.close()

    def logs(self) -> str:
        """The end of the guest's console and of QEMU's own output."""
        files = [self.run_folder / "console.log", self.run_folder / "qemu.log"]
        return "\n".join(file.read_text(errors="replace")[-4000:] for file in files if file.exists())


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A booted guest, frozen. It fits this machine and these images only; `packages` is an ext4 image.

    `disks` were plugged when it was frozen, and have to be there again, with what they held then.
    """

    guest: GuestImage
    machine: Machine
    packages: Path
    folder: Path
    disks: tuple[BuiltIn, ...] = ()

    @property
    def root(self) -> Path:
        return self.folder / "root.qcow2"

    @property
    def memory(self) -> Path:
        return self.folder / "memory.zst"


def snapshot_of(guest: GuestImage, machine: Machine, *, packages: Path) -> Snapshot:
    """The snapshot for this guest and machine; boots and freezes it on first use. Raises GuestDidNotStart."""
    key = key_of([guest.key.encode(), machine.fingerprint(), str(packages).encode(), WARM_UP.encode()])
    folder = state_folder() / f"snapshot-{key}"
    snapshot = Snapshot(guest=guest, machine=machine, packages=packages, folder=folder)
    with built_once(folder) as building:
        if building is not None:
            _freeze(replace(snapshot, folder=building))
    return snapshot


def _freeze(snapshot: Snapshot) -> None:
    guest = snapshot.guest
    host("qemu-img", "create", "-q", "-f", "qcow2", "-b", guest.root, "-F", "raw", snapshot.root)
    with scratch_folder("freeze") as run:
        empty = run / "empty"
        empty.mkdir()
        arguments = _arguments(snapshot, run=run, keep_root=True)
        vm = Vm(arguments + share_arguments(dict.fromkeys(SHARES, empty)), run=run)
        try:
            vm.await_guest()
            vm.check("systemctl is-system-running --wait; udevadm settle", timeout=BOOT_TIMEOUT)
            vm.check(f"mkdir {PACKAGES} && mount -o ro {PACKAGES_DEVICE} {PACKAGES} && {WARM_UP} && sync")
            vm.freeze(snapshot.memory)
        finally:
            vm.power_cut()


def _arguments(snapshot: Snapshot, *, run: Path, keep_root: bool) -> list[str]:
    return snapshot.machine.arguments(
        guest=snapshot.guest, packages=snapshot.packages, root=snapshot.root, keep_root=keep_root, run=run
    )


@contextmanager
def restored(
    snapshot: Snapshot,
    *,
    shares: Mapping[str, Path] | None = None,
    disks: tuple[BuiltIn, ...] = (),
    root: Path | None = None,
) -> Iterator[Vm]:
    """A guest as it was when it was frozen, with the time of now and the shares mounted read-only.

    `disks` take the place of the snapshot's own; what the guest writes to its root disk is kept where `root` names an
    overlay of the snapshot's, and lost otherwise.
    """
    with scratch_folder("guest") as run:
        empty = run / "empty"
        empty.mkdir()
        seen = replace(snapshot, folder=root.parent) if root else snapshot
        arguments = _arguments(seen, run=run, keep_root=root is not None)
        arguments += share_arguments(shares or dict.fromkeys(SHARES, empty))
        arguments += [word for disk in disks or snapshot.disks for word in disk.arguments()]
        vm = Vm([*arguments, "-incoming", f"exec:zstd -q -d -c {snapshot.memory}"], run=run)
        try:
            vm.await_guest()
            vm.check(f"date --set=@{time.time():.3f}")
            for name in shares or ():
                # A share that is mounted forbids a snapshot: it is mounted only now.
                options = "ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose"
                vm.check(f"mkdir -p /mnt/{name} && mount -t 9p -o {options} {name} /mnt/{name}")
            yield vm
        finally:
            vm.power_cut()
