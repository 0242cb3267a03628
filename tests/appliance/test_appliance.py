"""From a bare Debian 12 to a rack in service, as its operator would: with the package, the documents' own commands, the shipped units, and the force's real tools at the other end.

One test, since each stage stands on the one before. What is true is read where it lies: footage in the store's folder, cameras' cards after they were pulled, log lines on the other
machine, alerts in Prometheus. dockd's own word is compared with that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.appliance.appliance import LONG, SOURCE, Appliance, booted
from tests.appliance.bare_appliance import BareAppliance
from tests.appliance.centre import CABLE, DOCK, PAGE, Centre, centre
from tests.appliance.manual import blocks, with_
from tests.appliance.stages import Stages
from tests.hil.rig import footage
from tests.hil.rig.cards import Card, Filesystem, unexplained_changes
from tests.hil.rig.evidence import Hashes, hashes
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.odd_cards import filled_card
from tests.hil.rig.usb import Camera, Thing, plug, plug_mtp

AS_AGENT = "runuser -u dockd -- dockd"
PASSWORD = "four words are good\n"
BAYS = 4
FILES = {"DCIM/100MEDIA/BWC00001.MP4": 9 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 6 * MEGABYTE + 1}
LISTED = "C3441,PC 1204,\nC3442,PC 1205,\nC3443,PC 1206,\nC3444,PC 1207,\n"
FAULT, PENDING = "DockdWrongStore", "DockdStoreDown"


@dataclass(kw_only=True)
class Rack:
    """The appliance, the force's side, and the cameras that were handed in."""

    appliance: Appliance
    centre: Centre
    folder: Path
    stages: Stages
    deb: Path
    originals: dict[str, Hashes] = field(default_factory=dict)

    def card(self, serial: str, *, filesystem: Filesystem) -> Card:
        """A camera's card after a shift."""
        made = filled_card(self.folder / f"{serial}.img", FILES, filesystem=filesystem, seed=serial)
        self.originals[serial] = hashes(self.folder / f"{serial}.tree")
        return made

    def docked(self, card: Card, *, bay: int, serial: str) -> Camera:
        """Its camera, pushed into a bay."""
        bus, port = self.appliance.machine.bus(bay)
        return plug(self.appliance.vm, card, serial=serial, bus=bus, port=port, wait=False)

    def bay(self, number: int) -> dict[str, Any]:
        """What the dock's API says of a bay, over the line."""
        return self.centre.api(f"/bays/{number}")

    def await_bay(self, number: int, *states: str) -> float:
        """Seconds until a bay is in one of these states. Raises AssertionError with what it is instead."""
        last: dict[str, Any] = {}

        def there() -> bool:
            last.update(self.bay(number))
            return last["state"] in states

        try:
            return self.centre.until(there, f"bay {number} is one of {states}", within=LONG)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last.get('state')}: {last.get('why')}\n{self.journal()}") from error

    def journal(self) -> str:
        return self.appliance.vm.run("journalctl -u dockd -u dockd-mount -o cat --no-pager | tail -40").stdout

    def in_store(self, *serials: str) -> list[str]:
        """What the store has no file of its own for, byte for byte."""
        there = Counter(hashes(self.centre.footage).values())
        missing = []
        for serial in serials:
            for name, digest in self.originals[serial].items():
                there[digest] -= 1
                missing += [f"{serial}: {name}"] if there[digest] < 0 else []
        return missing


@pytest.mark.timeout(5400)
def test_from_a_bare_appliance_to_a_rack_in_service(
    bare: BareAppliance, deb: Path, folder: Path, stages: Stages
) -> None:
    share = folder / "share"
    shutil.copytree(bare.pool, share / "pool", copy_function=os.link)
    shutil.copyfile(deb, share / deb.name)
    with ExitStack() as running:
        force = running.enter_context(centre(folder / "centre"))
        (folder / "invitation").write_text(force.invitation("rack-1"), encoding="utf-8")
        force.store.start()
        with stages.stage("a bare Debian 12 boots"):
            boot = booted(bare, share=share, network=force.far.pid, cable=CABLE)
            appliance = running.enter_context(boot)
            appliance.types("apt-get --quiet update")
        rack = Rack(appliance=appliance, centre=force, folder=folder, stages=stages, deb=deb)
        stages.clock_starts()
        installed(rack)
        configured(rack)
        started(rack)
        opened_to_others(rack)
        logs_leave(rack)
        watched(rack)
        doctor_looks(rack)
        stages.milestone("from a bare appliance to a rack in service")
        handed_in = cameras_are_emptied(rack)
        stages.milestone("from a bare appliance to the first shift's footage in the store")
        page_is_reached(rack)
        for one in handed_in.plugged:
            one.pull_cable()
        fault_is_told(rack)
        nothing_is_missing_of_the_log(rack)
        appliance.vm.power_cut()
    for card, before in handed_in.cards:
        assert card.files() == set(), card.image
        assert unexplained_changes(before, card) == []


def installed(rack: Rack) -> None:
    """docs/install.md, 1."""
    with rack.stages.stage("the package is installed"):
        (line, *_) = blocks("install.md", "1. The package")
        said = rack.appliance.types(
            with_(line, {"apt-get": "apt-get --yes", "./dockd_VERSION_amd64.deb": f"{SOURCE}/{rack.deb.name}"})
        )
        assert "newly installed" in said, said
        (new,) = re.findall(r"(\d+) newly installed", said)
        rack.stages.note(f"{rack.deb.name}: {rack.deb.stat().st_size / MEGABYTE:.1f} MB, {new} packages in all")
        enabled = rack.appliance.vm.run("systemctl is-enabled dockd dockd-mount; systemctl is-active dockd dockd-mount")
        assert enabled.stdout.split() == ["enabled", "enabled", "inactive", "active"], enabled.said


def configured(rack: Rack) -> None:
    """docs/install.md, 2 and 3, with docs/enrolment.md in place of a token."""
    appliance = rack.appliance
    with rack.stages.stage("the configuration is written"):
        (block, *_) = blocks("install.md", "2. The configuration")
        appliance.types(with_(block, {"C3441,PC 1204,\n": LISTED}))
    with rack.stages.stage("the dock is enrolled at the store"):
        invitation = rack.folder / "invitation"
        appliance.puts({"/etc/dockd/store-ca.pem": rack.centre.tls / "ca.pem", "/root/invitation": invitation})
        appliance.types("chmod 0644 /etc/dockd/store-ca.pem")
        enroll = next(
            line
            for block in blocks("enrolment.md", "Three ways")
            for line in block.splitlines()
            if line.startswith("dockd enroll https")
        )
        said = appliance.vm.run(f"{enroll} --invitation-file /root/invitation && rm /root/invitation", timeout=LONG)
        assert said.status == 0, said.said
    with rack.stages.stage(f"{BAYS} bays are learned"):
        (learn,) = blocks("install.md", "3. The bays")
        appliance.learns_bays(learn.strip(), number=BAYS)


def started(rack: Rack) -> None:
    """docs/install.md, 4."""
    with rack.stages.stage("checked and started"):
        (block,) = blocks("install.md", "4. Check and start")
        said = rack.appliance.types(block)
        rack.stages.note(said.strip().splitlines()[-1])
        assert rack.appliance.vm.check("systemctl is-active dockd dockd-mount").split() == ["active", "active"]


def opened_to_others(rack: Rack) -> None:
    """docs/install.md, 5, and the token of docs/monitoring.md."""
    appliance, force = rack.appliance, rack.centre
    with rack.stages.stage("the page is opened to others"):
        appliance.puts({f"/root/page.{end}": force.tls / f"{DOCK}.{end}" for end in ("pem", "key")})
        (block,) = blocks("install.md", "5. Who may come in")
        user, rest = block.split("\n", 1)
        appliance.types(with_(user, {"NAME": "olga"}), answers=PASSWORD)
        appliance.types(rest)
        (token, *_) = blocks("monitoring.md", "Setting it up")
        force.token = appliance.types(token).split()[-1]
        took = force.until(
            lambda: force.api("/status")["store"]["state"] == "connected",
            "the dock is connected to its store",
            within=LONG,
        )
        rack.stages.note(f"seen from the other machine; connected to the store {took:.0f} s later")


def logs_leave(rack: Rack) -> None:
    """docs/logs.md, the first of its ways."""
    appliance, force = rack.appliance, rack.centre
    with rack.stages.stage("the log goes to another machine"):
        force.receive_logs()
        ours = {"ca.pem": "ca.pem", f"{DOCK}.pem": "dock.pem", f"{DOCK}.key": "dock.key"}
        appliance.puts({f"/etc/dockd/tls/{there}": force.tls / here for here, there in ours.items()})
        block = next(block for block in blocks("logs.md", "To another machine") if "dockd-rsyslog" in block)
        appliance.types(with_(block, {"apt-get": "apt-get --yes"}))
        force.until(lambda: force.logs()["lines"], "lines arrive on the other machine", within=LONG)


def watched(rack: Rack) -> None:
    """config/monitoring, as docs/monitoring.md has it."""
    force = rack.centre
    with rack.stages.stage("Prometheus watches it"):
        force.watch()
        force.until(lambda: force.query('up{job="dockd"}') == [1.0], "Prometheus has scraped the dock", within=LONG)
        force.until(lambda: force.query("dockd_store_up") == [1.0], "the metrics say that the store is up", within=LONG)
        assert "firing" not in force.alerts().values(), force.alerts()


def doctor_looks(rack: Rack) -> None:
    """`dockd doctor`, as root: nothing fails."""
    with rack.stages.stage("dockd doctor"):
        ended = rack.appliance.vm.run("dockd doctor --json", timeout=LONG)
        assert ended.stdout, ended.said
        document = json.loads(ended.stdout)
        rack.stages.note(", ".join(f"{number} {outcome}" for outcome, number in document["counts"].items()))
        told = {one["check"]: one for one in document["checks"] if one["outcome"] in ("warn", "fail")}
        for name, one in told.items():
            rack.stages.note(f"{one['outcome']}: {name}: {one['says']}")
        assert ended.status == 0, ended.said
        assert [one for one in told.values() if one["outcome"] == "fail"] == []


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    """Cameras in their bays; each card with a copy of what it was before."""

    plugged: list[Camera | Thing] = field(default_factory=list)
    cards: list[tuple[Card, Card]] = field(default_factory=list)


def cameras_are_emptied(rack: Rack) -> HandedIn:
    """Two cards and a camera over MTP: their footage is in the store, and they are empty."""
    vm, handed_in = rack.appliance.vm, HandedIn()
    with rack.stages.stage("three cameras are emptied"):
        for bay, filesystem in ((1, Filesystem.FAT32), (2, Filesystem.EXFAT)):
            serial = f"C344{bay}"
            card = rack.card(serial, filesystem=filesystem)
            handed_in.cards.append((card, card.copied_to(rack.folder / f"{serial}.before.img")))
            handed_in.plugged.append(rack.docked(card, bay=bay, serial=serial))
        tree = footage.write_tree(rack.folder / "mtp", {"DCIM/100MEDIA/BWC1.MP4": 5 * MEGABYTE, "NOTES.TXT": 300})
        rack.originals["C3443"] = {name: digest for name, digest in hashes(tree).items() if name.startswith("DCIM")}
        bus, port = rack.appliance.machine.bus(3)
        handed_in.plugged.append(plug_mtp(vm, str(tree), bus=bus, port=port, serial="C3443"))
        for bay in (1, 2, 3):
            rack.await_bay(bay, "ready")
        assert rack.in_store("C3441", "C3442", "C3443") == []
        assert set(hashes(tree)) == {"NOTES.TXT"}
        footage_bytes = sum(bay["bytes"]["confirmed"] for bay in map(rack.bay, (1, 2, 3)))
        rack.stages.note(
            f"FAT32, exFAT and MTP: {footage_bytes / MEGABYTE:.0f} MB in the store byte for byte, cameras emptied"
        )
    return handed_in


def page_is_reached(rack: Rack) -> None:
    """A person's own way in, from the other machine: signs in, and reads that a camera may be taken."""
    force, jar = rack.centre, str(rack.folder / "cookies")
    with rack.stages.stage("somebody signs in to the page from another machine"):
        stranger = force.page("--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", f"{PAGE}/")
        assert stranger == f"303 {PAGE}/login", stranger
        shown = ("--cookie", jar, "--cookie-jar", jar)
        answers = (
            "--data-urlencode",
            "name=olga",
            "--data-urlencode",
            f"password={PASSWORD.strip()}",
            "--data",
            "next=/",
        )
        signed = force.page(
            *shown,
            "--header",
            f"Origin: {PAGE}",
            *answers,
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            f"{PAGE}/login",
        )
        assert signed == "303", signed
        front, bays = (force.page(*shown, f"{PAGE}{path}") for path in ("/", "/bays"))
        assert "North" in front, front
        words = [rack.bay(number)["word"] for number in (1, 2, 3)]
        assert all(word in bays for word in words), bays
        rack.stages.note(f"the page answers over TLS, and says of bays 1 to 3: {', '.join(words)}")


def fault_is_told(rack: Rack) -> None:
    """Another store answers at the store's address: a camera that comes in is kept as it is, the shipped alert fires, and both are over once the right one is back."""
    force, stages = rack.centre, rack.stages
    wrong = force.another_store()
    with stages.stage("a fault: another store answers in the store's place"):
        force.store.stop()
        down = force.until(lambda: PENDING in force.alerts(), f"{PENDING} is pending", within=LONG)
        stages.note(f"the store is stopped: {PENDING} pending after {down:.0f} s (it fires after 30 minutes)")
        for program in wrong:
            program.start()
        card = rack.card("C3444", filesystem=Filesystem.FAT32)
        camera = rack.docked(card, bay=4, serial="C3444")
        fired = force.until(lambda: force.alerts().get(FAULT) == "firing", f"{FAULT} fires", within=LONG)
        stages.note(f"another one is started: {FAULT} fires after {fired:.0f} s (its rule waits for 2 minutes)")
        rack.await_bay(4, "unconfirmed", "usable", "store_refused")
        bay = rack.bay(4)
        assert bay["segments"]["copied"] == len(FILES), bay
        assert bay["segments"]["wiped"] == bay["segments"]["confirmed"] == 0, bay
    with stages.stage("the fault is mended"):
        for program in reversed(wrong):
            program.stop()
        force.store.start()
        over = force.until(
            lambda: not {FAULT, PENDING} & force.alerts().keys(), "no alert of the store is left", within=LONG
        )
        stages.note(f"the store is back: the alerts are over after {over:.0f} s")
        rack.await_bay(4, "ready")
        assert rack.in_store("C3444") == []
        camera.pull_cable()
        assert card.files() == set()


def nothing_is_missing_of_the_log(rack: Rack) -> None:
    """The agent ends, and what is on the other machine is all that it has said."""
    vm, force = rack.appliance.vm, rack.centre
    with rack.stages.stage("the log is whole on the other machine"):
        vm.check("systemctl stop dockd", timeout=LONG)
        here = json.loads(
            vm.run("journalctl -o json --all SYSLOG_IDENTIFIER=dockd | dockd logs verify --json -", timeout=LONG).stdout
        )
        last: dict[str, Any] = {}

        def all_there() -> bool:
            last.update(force.logs())
            return int(last["lines"]) - int(last["twice"]) >= int(here["lines"])

        force.until(all_there, f"{here['lines']} lines are there: {last}", within=LONG)
        runs = [(run["missing"], run["twice"]) for run in last["runs"]]
        rack.stages.note(
            f"{last['lines']} lines of {len(runs)} runs, as many as on the dock; missing {last['missing']}, there twice {last['twice']}"
        )
        assert (last["missing"], here["missing"], last["lines"] - last["twice"]) == (0, 0, here["lines"]), (last, here)
