"""A camera that wants to be spoken to before it is a disk, on a real bus: a gadget that speaks the protocol over FunctionFS, then mass storage.

The conversation is production's, held in production's worker, by the shipped profile's own words.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hil.rig import footage
from tests.hil.rig.agent import Agent
from tests.hil.rig.cards import Card, Table, make_card
from tests.hil.rig.disks import attach
from tests.hil.rig.gadgets import FIRST_SLOT, load_controllers
from tests.hil.rig.guest_channel import GuestJob
from tests.hil.rig.machine import BuiltIn
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.product import ENVIRONMENT, SOURCE
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

NAME = "C0017"  # one of the cameras that the registry of the rig names
PLAYER = Path(__file__).resolve().parent / "rig" / "talking_camera.py"
YEAR = 365 * 86_400
# The agent's right to the device, as the package gives it.
RULES = f"cp {SOURCE}/packaging/70-dockd.rules /etc/udev/rules.d/ && udevadm control --reload"

# In the guest: what production's dock asks of production's workers.
PROGRAM = """
import asyncio, json, sys, time
from pathlib import Path
from ingest.camera.unlock import Conversation
from ingest.errors import DockdError
from ingest.worker.pool import WorkerPool
from ingest.worker.unlocking import converse_in_worker

async def main(spec, timeout):
    (place,) = [one.parent for one in Path("/sys/bus/usb/devices").glob("*/idVendor") if one.read_text().strip() == "4255"]
    bus, number = (int((place / name).read_text()) for name in ("busnum", "devnum"))
    pool = WorkerPool(parallel=1, spool=Path("/tmp"))
    began = time.monotonic()
    try:
        told = await converse_in_worker(
            pool, Conversation.of_json(spec), bus=bus, device=number, password_file=Path("/tmp/password"), timeout=timeout
        )
        said = {
            "id": told.device_id, "battery": told.vitals.battery_percent, "offset": told.vitals.clock_offset_seconds, "set": told.clock_set,
        }
    except DockdError as error:
        said = {"error": type(error).__name__, "message": error.message}
    print(json.dumps(said | {"seconds": time.monotonic() - began}), flush=True)
    await pool.close()

asyncio.run(main(json.loads(sys.argv[1]), float(sys.argv[2])))
"""
SPEC = {
    "login": "@Ver;8;{password};", "accepted": "Ver;OK", "ask_id": "@Gdv;8;12345678;",
    "id_pattern": "@Gdv;[^;]{0,8};(?P<value>[A-Za-z0-9_.-]++)", "ask_clock": "@Gtm;", "clock_pattern": "@Gtm;14;(?P<value>[0-9]{14})",
    "ask_battery": "@Gba;", "battery_pattern": "@Gba;2;(?P<value>[0-9]++)", "terminator": "#",
    "set_clock": "@Sdt;8;{time:%Y%m%d};\n@Stm;6;{time:%H%M%S}00;", "become_disk": "@ATH;8;12345678;",
}  # fmt: skip


@dataclass
class Talking:
    """The camera in the guest, and whoever talks to it."""

    vm: Vm
    player: GuestJob

    def start_conversation(self, *, timeout: float = 20.0) -> GuestJob:
        """Start production's conversation with it."""
        code = base64.b64encode(PROGRAM.encode()).decode()
        spec = base64.b64encode(json.dumps(SPEC).encode()).decode()
        self.vm.check(
            f"echo {code} | base64 -d > /tmp/program.py; echo {spec} | base64 -d > /tmp/spec; printf 00000000 > /tmp/password"
        )
        return self.vm.start(f'exec env {ENVIRONMENT} python3 /tmp/program.py "$(cat /tmp/spec)" {timeout}')

    def converse(self) -> dict[str, Any]:
        """Production's conversation with it, to its end."""
        return told_by(self.start_conversation())

    def heard(self) -> list[str]:
        """The commands that reached it so far, by their names."""
        return [line.split(";")[0].strip("@#") for line in self.player.stdout.splitlines() if line.startswith("@")]


def told_by(job: GuestJob) -> dict[str, Any]:
    """What came of a conversation."""
    ended = job.wait(timeout=120)
    assert ended.status == 0, ended.said
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def talking(vm: Vm, folder: Path, how: str = "") -> Talking:
    """A camera with a card of its own name, plugged in, that has not been spoken to."""
    player = play(vm, make_card(folder / "card.img", label=NAME, table=Table.MBR), how)
    vm.check("for n in $(seq 100); do grep -qs 4255 /sys/bus/usb/devices/*/idVendor && exit 0; sleep 0.1; done; exit 1")
    vm.check("udevadm settle --timeout=20")
    return Talking(vm=vm, player=player)


def play(vm: Vm, card: Card, how: str = "") -> GuestJob:
    """Plug a camera in that has this card."""
    load_controllers(vm, number=1)
    disk = BuiltIn(name="card0", slot=FIRST_SLOT, image=card.image)
    attach(vm, disk)
    code = base64.b64encode(PLAYER.read_bytes()).decode()
    vm.check(f"echo {code} | base64 -d > /tmp/talking_camera.py")
    player = vm.start(f"exec python3 /tmp/talking_camera.py dummy_udc.0 {disk.path} {NAME} {how}")
    player.wait_for("plugged", timeout=60)
    return player


def test_it_says_who_it_is_gets_the_time_and_becomes_the_disk_of_that_name(vm: Vm, folder: Path) -> None:
    camera = talking(vm, folder)
    told = camera.converse()
    assert "error" not in told, (told, camera.player.stdout)
    assert (told["id"], told["battery"], told["set"]) == (NAME, 64, True), told
    assert -YEAR - 60 < told["offset"] < -YEAR + 60, told
    assert camera.heard() == ["Ver", "Gdv", "Gba", "Gtm", "Sdt", "Stm", "Gtm", "ATH"]
    # The card is a disk of the guest's own, too: only the one behind the dummy controller is the camera.
    found = vm.check(
        "for n in $(seq 150); do for one in /sys/block/sd*; do case $(readlink -f $one) in *dummy_hcd*) "
        "udevadm settle; blkid -o value -s LABEL /dev/$(basename $one)1 && exit 0;; esac; done; sleep 0.1; done; exit 1"
    )
    assert found.strip() == NAME


@pytest.mark.parametrize(
    ("how", "why"),
    [("--silent", "did not|no answer|within"), ("--garbage", "does not let|does not stop|without being asked|say who")],
)
def test_a_camera_that_does_not_speak_like_its_profile_is_left_as_it_is(
    vm: Vm, folder: Path, how: str, why: str
) -> None:
    camera = talking(vm, folder, how)
    began = time.monotonic()
    told = camera.converse()
    assert told["seconds"] < 20, told
    assert time.monotonic() - began < 60
    assert re.search(why, told["message"]), told
    assert "ATH" not in camera.heard()


def test_a_cable_pulled_while_it_is_spoken_to(vm: Vm, folder: Path) -> None:
    camera = talking(vm, folder, "--silent")
    job = camera.start_conversation()
    camera.player.wait_for("@Ver")
    vm.check(f"echo > /sys/kernel/config/usb_gadget/talking-{NAME}/UDC")
    told = told_by(job)
    assert told["error"] == "CameraGone", told
    assert "has left" in told["message"], told


def test_the_agent_makes_it_a_disk_and_empties_it(agent: Agent, folder: Path, oracle: Oracle) -> None:
    """Plugged in, it is asked who it is; its disk is the camera of that name, whatever its serial, and is emptied once all is proven."""
    vm = agent.vm
    vm.check(RULES)
    card = make_card(folder / "card.img", label=NAME)
    card.fill(footage.write_tree(folder / "tree", {"DCIM/A.MP4": 2_000_000, "DCIM/B.MP4": 700}))
    oracle.add(card, serial="000000")
    player = play(vm, card)
    player.wait_for("a disk", timeout=120)
    agent.wait_until(lambda: ready(agent) is not None, what=lambda: f"{agent.bays()}", timeout=120)
    bay = ready(agent)
    assert bay is not None
    assert NAME in bay["camera"]["id"], bay
    heard = [line.split(";")[0].strip("@#") for line in player.stdout.splitlines() if line.startswith("@")]
    assert (heard[:2], heard[-1]) == (["Ver", "Gdv"], "ATH"), heard
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def ready(agent: Agent) -> dict[str, Any] | None:
    """The bay that is ready, once there is one."""
    return next((bay for bay in agent.bays().values() if bay["state"] == "ready"), None)
