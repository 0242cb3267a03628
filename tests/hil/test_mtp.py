"""A camera over MTP on a real bus: listed, pulled, read again, deleted object by object, and torn out while it is read.

The far side is QEMU's own MTP responder, which shows a folder of the host: what is deleted is seen there. One clip has a sidecar whose
name begins with the clip's: who looks objects up by name takes one for the other (docs/decisions/0013-mtp.md). So does that responder
itself, when it hears of a deletion: that clip is only read here, and its like is deleted in the camera exam.
"""

from __future__ import annotations

import base64
import json
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hil.rig import footage
from tests.hil.rig.agent import Agent
from tests.hil.rig.evidence import hashes
from tests.hil.rig.guest_channel import GuestJob
from tests.hil.rig.product import ENVIRONMENT, SOURCE
from tests.hil.rig.usb import plug_mtp
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

MEGABYTE = 1_000_000
CARD = {
    "DCIM/100MEDIA/BWC00001.MP4.json": 200,
    "DCIM/100MEDIA/BWC00001.MP4": 3 * MEGABYTE + 1,
    "DCIM/100MEDIA/BWC00002.MP4": 1 << 20,
    "DCIM/101MEDIA/BWC00001.MP4": 2 << 20,
    "DCIM/101MEDIA/second officer.mp4": 4097,  # QEMU puts "Oops" for letters beyond ASCII
    "DCIM/101MEDIA/BWC00002.MP4": 0,
}
KEPT = {"DCIM/100MEDIA/BWC00001.MP4.json", "DCIM/100MEDIA/BWC00001.MP4"}
STORE = "store_00010001/"
# The agent's right to the device, as the package gives it.
RULES = f"cp {SOURCE}/packaging/70-dockd.rules /etc/udev/rules.d/ && udevadm control --reload"
LARGE = "DCIM/100MEDIA/LONG.MP4"

# In the guest: the workers of production, and what is asked of them; one JSON document a line.
PROGRAM = """
import asyncio, json, os, re, subprocess, sys, time
from pathlib import Path
from ingest.errors import DockdError
from ingest.model import CameraId, PermittedSegment, WipePermit
from ingest.worker.pool import WorkerPool

def say(**what):
    print(json.dumps(what), flush=True)

def root():
    for _ in range(100):
        for place in Path("/sys/bus/usb/devices").glob("*/idProduct"):
            if (place.read_text().strip(), (place.parent / "idVendor").read_text().strip()) == ("0004", "46f4"):
                bus, number = (int((place.parent / name).read_text()) for name in ("busnum", "devnum"))
                if os.path.exists(f"/dev/bus/usb/{bus:03}/{number:03}"):
                    return b"mtp:usb:%03d,%03d" % (bus, number)
        time.sleep(0.1)
    raise SystemExit("no MTP camera")

async def main(what):
    spool = Path("/tmp/spool"); spool.mkdir(exist_ok=True)
    pool = WorkerPool(parallel=1, spool=spool)
    try:
        async with pool.lent(root()) as worker:
            files, skipped, change_times = await worker.listing()
            vitals = await worker.vitals()
            say(
                device=worker.device, change_times=change_times, skipped=[item.message for item in skipped],
                files={os.fsdecode(file.path): [file.size, file.mtime_ns] for file in files},
                vitals=[vitals.battery_percent, vitals.clock_offset_seconds], set=await worker.set_clock(),
            )
            found = {}
            for number, file in enumerate(files):
                segment = f"{number:032x}"
                began = time.monotonic()
                digest, second = await worker.pull(
                    file, segment=segment, camera=CameraId(profile="mtp", serial="1"), captured_at=0.0, spool=spool,
                    progress=lambda what, done: say(moved=done),
                )
                found[segment] = (file, digest)
                say(pulled=os.fsdecode(file.path), sha256=digest.sha256, second=second, seconds=time.monotonic() - began)
            if what != "wipe":
                return
            for segment, (file, digest) in found.items():
                assert await worker.prove(file, segment=segment) == digest.sha256
            named = tuple(
                PermittedSegment(segment=segment, path=file.path, size=file.size, sha256=digest.sha256)
                for segment, (file, digest) in found.items() if b"100MEDIA/BWC00001" not in file.path
            )
            permit = WipePermit(
                id=1, camera="C", device=worker.device, segments=named, boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
                deadline_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 60 * 10**9,
            )
            gone, kept = await worker.wipe(permit)
            say(gone={os.fsdecode(found[one][0].path): seen for one, seen in gone.items()}, kept=[error.message for error in kept.values()])
            files, skipped, _ = await worker.listing()
            say(left=[os.fsdecode(file.path) for file in files], hidden=[[os.fsdecode(item.path), item.message] for item in skipped])
    except DockdError as error:
        say(error=type(error).__name__, message=error.message, at=time.monotonic())
    finally:
        await pool.close()

asyncio.run(main(sys.argv[1]))
"""


def start(vm: Vm, what: str) -> GuestJob:
    """Start the program in the guest."""
    code = base64.b64encode(PROGRAM.encode()).decode()
    vm.check(f"echo {code} | base64 -d > /tmp/program.py")
    return vm.start(f"exec env {ENVIRONMENT} python3 /tmp/program.py {shlex.quote(what)}")


def said(job: GuestJob) -> list[dict[str, Any]]:
    """All that it said, but for progress."""
    ended = job.wait(timeout=300)
    assert ended.status == 0, ended.said
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return [line for line in lines if "moved" not in line]


def test_listed_pulled_and_deleted_one_by_one(vm: Vm, folder: Path) -> None:
    tree = footage.write_tree(folder / "mtp", CARD)
    originals = hashes(tree)
    plug_mtp(vm, str(tree), port="1")
    listed, *pulled, wiped, left = said(start(vm, "wipe"))

    assert {path.removeprefix(STORE): size for path, (size, _) in listed["files"].items()} == CARD
    assert (listed["skipped"], listed["change_times"], listed["vitals"], listed["set"]) == (
        [],
        False,
        [None, None],
        False,
    )
    assert {one["pulled"].removeprefix(STORE): one["sha256"] for one in pulled} == originals
    assert {one["second"] for one in pulled} == {"download"}
    assert (set(wiped["gone"]), wiped["kept"]) == ({STORE + path for path in CARD.keys() - KEPT}, [])
    assert (set(left["left"]), left["hidden"]) == ({STORE + path for path in KEPT}, [])
    assert set(hashes(tree)) == KEPT, "and that is so on the camera itself"


def test_a_camera_that_lets_nothing_be_deleted(vm: Vm, folder: Path) -> None:
    tree = footage.write_tree(folder / "mtp", {"DCIM/A.MP4": 1000})
    plug_mtp(vm, str(tree), port="1", read_only=True)
    *_, wiped, left = said(start(vm, "wipe"))
    assert wiped["gone"] == {}
    assert "was not deleted" in wiped["kept"][0] or "protected" in wiped["kept"][0]
    assert left["left"] == [STORE + "DCIM/A.MP4"]
    assert set(hashes(tree)) == {"DCIM/A.MP4"}


def test_the_cable_is_pulled_while_it_is_read(vm: Vm, folder: Path) -> None:
    tree = footage.write_tree(folder / "mtp", {LARGE: 48 * MEGABYTE})
    thing = plug_mtp(vm, str(tree), port="1")
    job = start(vm, "pull")
    job.wait_for('"moved"', timeout=120)
    thing.pull_cable()
    pulled = time.monotonic()
    _listed, error = said(job)
    assert time.monotonic() - pulled < 10, "it is the line that says so, not a wait that ran out"
    assert error["error"] in ("CameraGone", "Silence"), error
    assert set(hashes(tree)) == {LARGE}
    assert vm.check("ls /tmp/spool") == "", "nothing that looks whole, and nothing that is not"

    plug_mtp(vm, str(tree), port="2")
    _listed, again = said(start(vm, "pull"))
    assert again["sha256"] == hashes(tree)[LARGE]


def test_the_agent_copies_what_the_site_has_not_named(agent: Agent, folder: Path) -> None:
    """All of QEMU's have one serial, which no registry names: everything is copied and proven, and nothing is deleted."""
    agent.vm.check(RULES)
    tree = footage.write_tree(folder / "mtp", CARD)
    originals = hashes(tree)
    bus, port = agent.machine.bus(3)
    thing = plug_mtp(agent.vm, str(tree), bus=bus, port=port)

    def proven() -> bool:
        return len(agent.events("segment.confirmed")) == len(CARD)

    agent.wait_until(proven, what=lambda: f"{agent.bay(3)}", timeout=120)
    assert agent.bay(3)["camera"]["profile"] == "mtp"
    assert {(one["path"].removeprefix(STORE), one["sha256"]) for one in agent.segments()} == set(originals.items())
    assert hashes(tree) == originals
    thing.pull_cable()
    agent.await_bay(3, "empty", "removed_early", timeout=30)
    assert hashes(tree) == originals
    assert not agent.events("segment.wiped", "segment.vanished", "segment.lost")


def test_the_agent_empties_one_that_the_site_has_named(agent: Agent, folder: Path) -> None:
    """Object by object, each downloaded again before; what lies outside of DCIM is proven, and stays."""
    agent.vm.check(RULES)
    card = {"DCIM/100MEDIA/BWC1.MP4": 2_500_000, "DCIM/100MEDIA/BWC2.MP4": 1 << 20, "NOTES.TXT": 300}
    tree = footage.write_tree(folder / "mtp", card)
    originals = hashes(tree)
    bus, port = agent.machine.bus(3)
    plug_mtp(agent.vm, str(tree), bus=bus, port=port, serial="C0042")
    agent.await_bay(3, "ready", timeout=180)
    assert set(hashes(tree)) == {"NOTES.TXT"}
    assert {(one["path"].removeprefix(STORE), one["sha256"]) for one in agent.segments()} == set(originals.items())
    assert len(agent.events("segment.wiped")) == 2
    assert not agent.events("segment.vanished", "segment.lost")
