"""The dock's key, replaced: ended at every call that changes a disk, and beside a real store that has to go on knowing the dock."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dockd.demo.footage import build_tree
from ingest.central.app import CentralStore
from ingest.ledger import Ledger
from ingest.ledger.audit import check, moment
from tests.e2e.test_custody import dockd, told
from tests.recovery.stopper import CALLS, possible
from tests.unit.ingest.ledger.day import a_day

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


async def ingest(folder: Path, camera: str, store: CentralStore) -> None:
    build_tree(folder / camera, files=3, total_bytes=1 << 20, seed=1)
    words: list[str | Path] = ["--wipe", "--store", store.url, "--keep-free", "1 B", "--state", folder / "state"]
    done = await asyncio.to_thread(dockd, "ingest", folder / camera, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.soak_short
async def test_the_store_goes_on_knowing_a_dock_whose_key_was_replaced(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with CentralStore(tmp_path / "store") as store:
        await ingest(tmp_path, "CAM01", store)
        shutil.copytree(state, tmp_path / "yesterday")
        done = await asyncio.to_thread(told, "rotate-key", "--state", state)
        assert done.exit_code == 0, done.output
        first, new = done.stdout.split(": the key ")[1].split()[0], done.stdout.split()[-1]
        await ingest(tmp_path, "CAM02", store)
        for left in state.glob(
            "ledger.db*"
        ):  # the old ledger with the new key: it must not pass for the dock's history
            left.unlink()
        shutil.copyfile(tmp_path / "yesterday" / "ledger.db", state / "ledger.db")
        await ingest(tmp_path, "CAM03", store)
    found = json.loads((await asyncio.to_thread(told, "verify", "--json", "--state", state)).stdout)
    assert found["keys"] == [first, new]
    assert any("a new chain begins" in one for one in found["restored"]), found["restored"]
    (fault,) = found["faults"]
    assert "without the old key's signature" in fault
    done = await asyncio.to_thread(told, "verify", "--key", new, "--state", state)
    assert done.exit_code == 0
    assert f"the key changed to {new} without the old key's signature; that key is known" in done.stdout


def stopped_at(state: Path, call: str, number: int) -> bool:
    """Run the command on `state`, ended before its `number`-th `call`; whether it came to that."""
    log = state / "calls.log"
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.recovery.stopper",
        "--log",
        log,
        "--at",
        f"agent:{call}:{number}",
        "--",
    ]
    command = [*words, sys.executable, "-m", "dockd", "custody", "rotate-key", "--state", state]
    subprocess.run(command, check=False, timeout=60, capture_output=True)
    return "stopped" in log.read_text().splitlines()


async def start(state: Path) -> tuple[str, str]:
    ledger = await Ledger.open(state / "ledger.db", keys=state / "keys")
    found = ledger.key.thumbprint, ledger.dock
    await ledger.close()
    return found


@pytest.mark.skipif(not possible(), reason="calls are counted on x86-64 Linux")
async def test_ended_at_every_call_a_rotation_leaves_a_dock_that_starts_and_verifies(tmp_path: Path) -> None:
    await a_day(tmp_path / "day")
    first, _name = await start(tmp_path / "day")
    stops, keys = 0, set()
    for call in sorted(set(CALLS.values())):
        for number in range(1, 200):
            state = Path(shutil.copytree(tmp_path / "day", tmp_path / f"{call}-{number}"))
            stopped = await asyncio.to_thread(stopped_at, state, call, number)
            key, name = await start(state)
            with moment(state / "ledger.db") as reader:
                found = check(reader)
            assert (found.faults, found.notes, name) == ((), (), first), (call, number)
            assert found.signed is not None
            assert found.signed.key == key
            assert stat.S_IMODE((state / "keys" / "dock.key").stat().st_mode) == 0o600
            assert not (state / "keys" / "dock.key.next").exists()
            shutil.rmtree(state)
            if not stopped:
                assert key != first
                break
            stops += 1
            keys.add(key == first)
    assert stops > 10
    assert keys == {True, False}  # some stops came before the record, some after
