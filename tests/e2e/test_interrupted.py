"""Interrupted, and begun again: what dockd did itself is told as that, and its own history is no step back."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.oracle import Witness
from tests.program import Dock, StoreProcess, ended, filled


def _until(what: str, holds: object, process: subprocess.Popen[str], *, every: float = 0.0005) -> None:
    end = time.monotonic() + 30
    while callable(holds) and not holds():
        assert process.poll() is None, f"it ended before {what}"
        assert time.monotonic() < end, what
        time.sleep(every)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_in_the_middle_of_a_wipe(dock: Dock, witness: Witness, tmp_path: Path, number: signal.Signals) -> None:
    camera = filled(tmp_path / "CAM", {f"f{n:03}.mp4": os.urandom(3000) for n in range(150)})
    witness.remember(camera)
    process = dock.start(camera, options=("--wipe",))
    _until("anything was deleted", lambda: len(os.listdir(camera)) < 150, process)
    process.send_signal(number)
    ended(process)
    left = len(os.listdir(camera))
    again = dock.ingest(camera, options=("--wipe",))
    assert (again.code, os.listdir(camera)) == (0, []), again.said
    assert "not by dockd" not in again.err, again.said
    assert "went back" not in again.err, again.said
    vanished = dock.command("custody", "export").out.count('"action":"segment.vanished"')
    assert (left < 150, vanished) == (True, 0)
    assert witness.faults() == []
    assert dock.custody_faults() == ""
    assert dock.command("reconcile").code == 0


def _proofs(store: StoreProcess) -> int:
    """How many receipts the store has answered, to any dock."""
    with contextlib.closing(sqlite3.connect(f"file:{store.root}/records.db?mode=ro", uri=True)) as records:
        return int(records.execute("SELECT coalesce(sum(receipts), 0) FROM docks").fetchone()[0])


def test_while_the_store_proves_what_it_has(store: StoreProcess, dock: Dock, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {f"f{n:03}.mp4": os.urandom(200_000) for n in range(60)})
    for _ in range(4):
        before = _proofs(store)
        process = dock.start(camera, options=())
        _until("anything was proven", lambda before=before: _proofs(store) > before, process, every=0.02)
        process.send_signal(signal.SIGKILL)
        run = ended(process)
        assert run.code == -signal.SIGKILL, run.said
        assert "went back" not in run.err, run.said
    run = dock.ingest(camera, options=("--wipe",))
    assert (run.code, "went back" in run.err, "the store is" in run.err) == (0, False, False), run.said
