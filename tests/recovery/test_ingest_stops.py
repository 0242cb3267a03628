"""dockd is stopped before calls that change a disk, and started again: on one state, one stop after the other.

All stops, each on a state of its own, are in tests/soak/test_every_stop.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.stops import Chain, needs_strace

SAMPLE = [
    ("fdatasync", (2, 13, 25)),  # commits: docking, listing, copies, confirmations, permit, wiped
    ("pwrite64", (40, 200)),  # in the middle of a commit
    ("unlink", (2,)),  # the spool's release
    ("fallocate", (2,)),  # a copy begins
    ("fsync", (4, 11)),  # description; folder of the spool; folder of the camera
    ("rename", (1, 4)),  # a description gets its name, a copy gets its name
    ("unlinkat", (1, 4)),  # the camera's files, one by one
]


FIRST_START = [
    ("mkdir", 1),  # the state folder
    ("rename", 1),  # the key gets its name
    ("fsync", 2),  # the key's folder
    ("pwrite64", 30),  # the tables
    ("fdatasync", 9),
    ("rename", 3),  # the ledger gets its name
    ("fdatasync", 3),  # its first transaction
]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    needs_strace()
    chain = Chain(folder=tmp_path / "chain", seed=1)
    try:
        yield chain
    finally:
        chain.store.kill()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("call", "numbers"), SAMPLE, ids=[call for call, _ in SAMPLE])
def test_stopped_and_started_again(call: str, numbers: tuple[int, ...], chain: Chain) -> None:
    chain.goes_on()  # a first, empty run, so that the calls that make a ledger are not among those counted
    for number in numbers:
        assert chain.stop_before(call, number), f"{call} is not called {number} times any more: choose anew"
    chain.close()


@pytest.mark.timeout(120)
def test_the_first_start_is_stopped_again_and_again(chain: Chain) -> None:
    """Key, ledger, spool: nothing of them is there yet, and each start gets a little further than the one before."""
    chain.fill()
    for call, number in FIRST_START:
        assert chain.stop_on_the_way(call, number), f"{call} is not called {number} times any more: choose anew"
    chain.goes_on()
    chain.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("call", "number", "error", "says"),
    [
        ("fdatasync", 5, "EIO", "the disk of the ledger"),
        ("pwrite64", 60, "ENOSPC", "the disk of the ledger"),
        ("fallocate", 2, "ENOSPC", "dock room is full"),
        ("rename", 3, "EIO", ""),
        ("unlinkat", 2, "EROFS", "cannot be deleted: Read-only file system"),
        ("unlink", 2, "EIO", ""),
    ],
)
def test_a_disk_that_fails(call: str, number: int, error: str, says: str, chain: Chain) -> None:
    """It says so and ends; nothing is lost, nothing is wiped that should not be; with a sound disk it goes on."""
    chain.goes_on()
    chain.options = ("--wipe", "--wait", "1 s")
    run = chain.disk_fails(call, number, error)
    assert run.code in (1, 3) or not says, run.said
    assert says in run.err, run.said
    assert "Traceback" not in run.err, run.said
    chain.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("call", "number"), [("rename", 2), ("unlinkat", 2)])
def test_only_the_worker_dies(call: str, number: int, chain: Chain) -> None:
    chain.goes_on()
    assert chain.kill_worker_before(call, number)
    chain.close()


@pytest.mark.timeout(120)
def test_the_store_is_stopped_under_the_dock(chain: Chain) -> None:
    chain.goes_on()
    for call, number in (("fdatasync", 2), ("rename", 1)):
        assert chain.stop_store_before(call, number), f"{call} is not called {number} times any more: choose anew"
    chain.close()
