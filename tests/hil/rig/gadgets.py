"""Cameras with USB ids and strings of any maker: gadgets of the guest's own kernel on a dummy host controller.

QEMU's devices carry QEMU's ids. Here the guest is camera and dock at once: a card is an image that the guest has as a
disk of its own (not on USB, so nobody takes it for a camera), and the gadget shows it over USB. Between the two lies a
device-mapper device, which can stand still: a camera that hangs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tests.hil.rig.cards import Card
from tests.hil.rig.disks import attach
from tests.hil.rig.machine import BuiltIn
from tests.hil.rig.vm import Vm

FIRST_SLOT = 20
CONFIGFS = "/sys/kernel/config/usb_gadget"


@dataclass(frozen=True, kw_only=True)
class Maker:
    """What a device says of itself."""

    vendor: int
    product: int
    manufacturer: str
    name: str


GOPRO = Maker(vendor=0x2672, product=0x0059, manufacturer="GoPro", name="HERO12 Black")


def load_controllers(vm: Vm, *, number: int = 4) -> list[str]:
    """Load the dummy controllers, one port each, and return their places as udev names them."""
    vm.check(
        f"modprobe dummy_hcd num={number} is_high_speed=1 && modprobe -a libcomposite usb_f_mass_storage usb_f_fs dm_mod"
        " && { mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config; }"
    )
    return [f"platform-dummy_hcd.{index}-usb-0:1" for index in range(number)]


class Gadget:
    """A camera that the guest plays itself."""

    def __init__(self, vm: Vm, *, name: str, port: int, disk: BuiltIn) -> None:
        self._vm = vm
        self._name = name
        self._port = port
        self.disk = disk

    @property
    def _lun(self) -> str:
        return f"{CONFIGFS}/{self._name}/functions/mass_storage.0/lun.0"

    def plug(self) -> None:
        """Put it into its port."""
        self._vm.check(f"echo dummy_udc.{self._port} > {CONFIGFS}/{self._name}/UDC")

    def pull_cable(self) -> None:
        """The cable is pulled."""
        self._vm.check(f"echo > {CONFIGFS}/{self._name}/UDC")

    def eject_card(self) -> None:
        """The card comes out of the camera, which stays plugged."""
        self._vm.check(f"echo 1 > {self._lun}/forced_eject")

    def insert_card(self) -> None:
        """The card goes in again."""
        self._vm.check(f"echo /dev/mapper/{self._name} > {self._lun}/file")

    def hang(self) -> None:
        """From now on it answers no read that has to reach the card, and says nothing."""
        self._vm.check(f"echo 3 > /proc/sys/vm/drop_caches; dmsetup suspend --noflush --nolockfs {self._name}")

    def go_on(self) -> None:
        """It answers again."""
        self._vm.check(f"dmsetup resume {self._name}")


def make_gadget(
    vm: Vm, card: Card, *, serial: str, port: int = 0, maker: Maker = GOPRO, read_only: bool = False
) -> Gadget:
    """A camera with this card, on the port of the dummy controller with this number; `plug` puts it in."""
    name = f"camera-{serial}"
    disk = BuiltIn(name=f"card{port}", slot=FIRST_SLOT + port, image=card.image, read_only=read_only)
    attach(vm, disk)
    gadget = f"{CONFIGFS}/{name}"
    strings = {"manufacturer": maker.manufacturer, "product": maker.name, "serialnumber": serial}
    inquiry = f"{maker.manufacturer[:8]:8}{maker.name[:16]:16}0100"
    lun = "functions/mass_storage.0/lun.0"
    vm.check(
        f'set -e; size=$(blockdev --getsz {disk.path}); dmsetup create {name} --table "0 $size linear {disk.path} 0"'
        f"; dmsetup mknodes; mkdir -p {gadget}/strings/0x409 {gadget}/configs/c.1 {gadget}/functions/mass_storage.0"
        f"; cd {gadget}; echo {maker.vendor:#06x} > idVendor; echo {maker.product:#06x} > idProduct; "
        + "; ".join(f"echo {shlex.quote(text)} > strings/0x409/{key}" for key, text in strings.items())
        + f"; echo 1 > {lun}/removable; echo {int(read_only)} > {lun}/ro; echo {shlex.quote(inquiry)} > {lun}/inquiry_string"
        f"; echo /dev/mapper/{name} > {lun}/file; ln -s functions/mass_storage.0 configs/c.1"
    )
    return Gadget(vm, name=name, port=port, disk=disk)
