"""Stop dockd before one particular system call that changes a disk, see what is left, and run it again to the end.

strace counts the calls and sends the signal (the call itself is not made any more). It counts each thread by itself, so a kind of call
means the thread that makes most of them: `fdatasync` and `pwrite64` the ledger's writer, `unlink` the spool's release, and `rename`, `fsync`,
`fallocate` and `unlinkat` the worker, which is stopped together with the whole dock. It does not reach the calls of other threads:
`tests.recovery.every_stop` reaches all; here one camera, dock and store live through one stop after the other.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.oracle import Witness, always
from tests.program import Dock, Ended, StoreProcess, ended, filled, kill_group

WORKER = ("rename", "fsync", "fallocate", "unlinkat")
_CALLS = {"rename": "rename,renameat,renameat2", "unlinkat": "unlinkat", "unlink": "unlink"}


def needs_strace() -> None:
    """Skips where strace is not there or may not trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("strace may not trace here")


def strace(call: str, number: int, *, how: str, log: Path) -> tuple[str, ...]:
    """The words that stop a program before the `number`-th call of this kind in any of its threads."""
    calls = _CALLS.get(call, call)
    options = ("-f", "-qq", "-o", str(log), "-e", f"trace={calls}")
    return ("strace", *options, "-e", f"inject={calls}:signal={how}:when={number}")


@dataclass(kw_only=True)
class Chain:
    """One camera, one dock and one store, on which one stop comes after the other."""

    folder: Path
    seed: int
    store: StoreProcess = field(init=False)
    dock: Dock = field(init=False)
    witness: Witness = field(init=False)
    stops: int = 0
    options: tuple[str, ...] = ("--wipe",)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.camera = filled(self.folder / "CAM", {})
        self.store = StoreProcess(root=self.folder / "store")
        self.store.start()
        self.dock = Dock(state=self.folder / "state", url=self.store.url)
        self.witness = Witness(spool=self.dock.spool, store=self.store.root)
        self._chance = random.Random(self.seed)

    def fill(self) -> None:
        """New files: equal ones, an empty one, one of more than one block, and one in a folder."""
        n, twin = self.stops, self._chance.randbytes(300)
        new = {
            f"{n}-a.mp4": twin,
            f"{n}-twin.mp4": twin,
            f"{n}-empty": b"",
            f"DCIM/{n}.mp4": self._chance.randbytes(70_000),
        }
        filled(self.camera, new)
        self.witness.remember(self.camera)

    def stop_on_the_way(self, call: str, number: int) -> bool:
        """Run until that call and see; what is left is left to the next start. Returns whether the call was made."""
        reached = self._run_until(call, number)
        always(self.witness.faults)
        return reached

    def stop_before(self, call: str, number: int) -> bool:
        """Run until that call, see, run to the end, see. Returns whether the call was ever made."""
        self.fill()
        reached = self._run_until(call, number)
        always(self.witness.faults)
        self.goes_on()
        self.stops += reached
        return reached

    def _run_until(self, call: str, number: int) -> bool:
        log = self.folder / "strace.log"
        log.write_text("")
        if call in WORKER and self.dock.state.joinpath("ledger.db").exists():
            process = self._traced(strace(call, number, how="STOP", log=log))
            while process.poll() is None:
                if "stopped by SIGSTOP" in log.read_text(errors="replace"):
                    kill_group(process)
                    process.communicate()
                    return True
                time.sleep(0.005)
            self._went_through(ended(process))
            return False
        run = ended(self._traced(strace(call, number, how="KILL", log=log)))
        if run.code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return True
        self._went_through(run)
        return False

    def _traced(self, prefix: tuple[str, ...]) -> subprocess.Popen[str]:
        self.dock.prefix = prefix
        try:
            return self.dock.start(self.camera, options=self.options)
        finally:
            self.dock.prefix = ()

    def _went_through(self, run: Ended) -> None:
        assert run.code == 0, run.said

    def kill_worker_before(self, call: str, number: int) -> bool:
        """Only the worker dies, before that call of its: the agent replaces it and ends well. Returns whether the call was made."""
        self.fill()
        log = self.folder / "strace.log"
        run = ended(self._traced(strace(call, number, how="KILL", log=log)))
        reached = re.search(r"\((.*= \?|.*unfinished)", log.read_text(errors="replace")) is not None
        always(self.witness.faults)
        if not reached:
            self._went_through(run)
        self.goes_on()
        self.stops += reached
        return reached

    def stop_store_before(self, call: str, number: int) -> bool:
        """The store dies before that call while a dock delivers to it; it is started again, and the same dock ends well."""
        self.fill()
        self.store.stop()
        log = self.folder / "strace.log"
        log.write_text("")
        self.store.prefix = strace(call, number, how="KILL", log=log)
        try:
            self.store.start()
        except AssertionError:  # it did not get that far
            assert "killed by SIGKILL" in log.read_text(errors="replace")
        self.store.prefix = ()
        process = self.dock.start(self.camera)
        while process.poll() is None and self.store.alive:
            time.sleep(0.005)
        always(self.witness.faults)
        reached = not self.store.alive
        if reached:
            self.store.kill()
            self.store.start()
        run = ended(process)
        assert run.code == 0, run.said
        self.ended_well()
        self.stops += reached
        return reached

    def disk_fails(self, call: str, number: int, error: str) -> Ended:
        """From that call on every call of this kind fails with this error. What it said; the fault is gone afterwards, and it goes on."""
        self.fill()
        calls = _CALLS.get(call, call)
        inject = f"inject={calls}:error={error}:when={number}+"
        run = ended(self._traced(("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject)))
        always(self.witness.faults)
        self.goes_on()
        self.stops += 1
        return run

    def goes_on(self) -> None:
        """Started again it goes on, to the same end as if nothing had been."""
        run = self.dock.ingest(self.camera)
        assert run.code == 0, run.said
        self.ended_well()

    def ended_well(self) -> None:
        """Everything in the store, nothing on the camera, nothing left in the spool."""
        always(self.witness.faults)
        assert (self.witness.emptied(), self.witness.delivered()) == ([], [])
        assert os.listdir(self.dock.spool) == []

    def close(self) -> None:
        """The custody chain is whole after all of it."""
        self.store.kill()
        assert self.dock.custody_faults() == ""
