"""The appliance: a bare Debian 12 that boots in the rig with a network card, and an operator who types at it as root."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.appliance.bare_appliance import BareAppliance
from tests.hil.rig.machine import Machine, share_arguments
from tests.hil.rig.places import scratch_folder
from tests.hil.rig.usb import plug_thing
from tests.hil.rig.vm import Vm

SOURCE = "/mnt/source"
LONG = (
    900.0  # seconds that one thing may take on a machine that translates every instruction and has other work beside it
)


@dataclass(kw_only=True)
class Appliance:
    """It runs. Used from one thread."""

    vm: Vm
    machine: Machine

    def types(self, block: str, *, answers: str = "") -> str:
        """A block of commands in /root, each of which has to succeed; what they said. Raises GuestCommandFailed."""
        said = f"printf '%s' {shlex.quote(answers)} | " if answers else ""
        return self.vm.check(f"cd /root && {said}bash -eu -o pipefail -c {shlex.quote(block)}", timeout=LONG)

    def puts(self, files: Mapping[str, Path]) -> None:
        """Files of the host onto its disk, root's alone."""
        for where, file in files.items():
            text = shlex.quote(file.read_text(encoding="utf-8"))
            self.vm.check(f"install -D -m 0600 /dev/null {where} && printf %s {text} > {where}")

    def learns_bays(self, command: str, *, number: int) -> str:
        """`dockd bays learn`, with something plugged into each of the first bays as it asks; what it said."""
        self.vm.check("rm -f /run/typed && mkfifo /run/typed")
        asking = self.vm.start(f"exec {command} < /run/typed 2>&1")
        typing = self.vm.start("exec 3> /run/typed; until [ -e /run/typed.end ]; do sleep 0.2; done; echo q >&3")
        for bay in range(1, number + 1):
            bus, port = self.machine.bus(bay)
            asking.wait_for(f"into bay {bay} (", timeout=LONG)
            thing = plug_thing(self.vm, "usb-mouse", bus=bus, port=port)
            asking.wait_for(f"bay {bay}: pci-", timeout=LONG)
            thing.pull_cable()
        self.vm.check("touch /run/typed.end")
        typing.wait(timeout=LONG)
        ended = asking.wait(timeout=LONG)
        assert ended.status == 0, ended.said
        return ended.stdout


@contextmanager
def booted(bare: BareAppliance, *, share: Path, network: int, cable: str) -> Iterator[Appliance]:
    """A cold boot of it. Its card is the tap `cable` in the network namespace of the process `network`; `share` is seen at /mnt/source."""
    machine = Machine(memory_mib=1536)
    with scratch_folder("appliance") as run:
        (run / "nothing.img").write_bytes(bytes(1 << 20))
        line = ("-netdev", f"tap,id=lan,ifname={cable},script=no,downscript=no")
        card = ("-device", "virtio-net-pci,netdev=lan,mac=52:54:00:0d:0c:01")
        arguments = machine.arguments(
            guest=bare.image, packages=run / "nothing.img", root=bare.image.root, keep_root=False, run=run
        )
        words = [
            "nsenter",
            f"--net=/proc/{network}/ns/net",
            *arguments,
            *line,
            *card,
            *share_arguments({"source": share}),
        ]
        vm = Vm(words, run=run)
        try:
            vm.await_guest()
            vm.check("systemctl is-system-running --wait; udevadm settle", timeout=LONG)
            options = "ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose"
            vm.check(f"mkdir -p {SOURCE} && mount -t 9p -o {options} source {SOURCE}")
            yield Appliance(vm=vm, machine=machine)
        finally:
            vm.power_cut()
