"""A camera that wants to be spoken to before it is a disk. Runs in the guest, as root; knows nothing of dockd and of the rig.

    python3 talking_camera.py UDC DISK ID [--garbage | --silent | --stays]

It is a gadget of the guest's own kernel: first a vendor's interface with two bulk endpoints (FunctionFS), over which it answers ASCII commands
"@Name;length;argument;#"; told ATH, it leaves and comes back as mass storage with DISK in it. What it heard is printed, a line each.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

GADGETS = Path("/sys/kernel/config/usb_gadget")
ENDPOINTS = Path("/dev/talk")
PACKET = 64


def interface(bulk_packet: int) -> bytes:
    """Interface, bulk in and bulk out, for one speed."""
    return (
        struct.pack("<9B", 9, 4, 0, 0, 2, 0xFF, 0, 0, 1)
        + struct.pack("<BBBBHB", 7, 5, 0x81, 2, bulk_packet, 0)
        + struct.pack("<BBBBHB", 7, 5, 0x02, 2, bulk_packet, 0)
    )


def describe(control: int) -> None:
    """Tell FunctionFS what the function is: full and high speed, one string."""
    speeds = interface(64) + interface(512)
    os.write(control, struct.pack("<5I", 3, 20 + len(speeds), 3, 3, 3) + speeds)
    strings = struct.pack("<H", 0x0409) + b"camera\0"
    os.write(control, struct.pack("<4I", 2, 16 + len(strings), 1, 1) + strings)


class Camera:
    """The gadget."""

    def __init__(self, udc: str, disk: str, name: str) -> None:
        self.udc, self.disk, self.name = udc, disk, name
        self.gadget = GADGETS / f"talking-{name}"
        self.clock_off = -86_400 * 365
        self.day = ""

    def become(self, function: str) -> tuple[Path, Path]:
        """Make it show nothing but this function, once it is linked: the link, and what it leads to."""
        configuration = self.gadget / "configs" / "c.1"
        if not self.gadget.exists():
            for folder in (self.gadget / "strings" / "0x409", configuration):
                folder.mkdir(parents=True)
            (self.gadget / "idVendor").write_text("0x4255")
            (self.gadget / "idProduct").write_text("0x0001")
            (self.gadget / "strings" / "0x409" / "product").write_text("Talking camera")
            (self.gadget / "strings" / "0x409" / "serialnumber").write_text("000000")
        for link in configuration.iterdir():
            if link.is_symlink():
                link.unlink()
        folder = self.gadget / "functions" / function
        folder.mkdir(exist_ok=True)
        return configuration / function, folder

    def plug(self) -> None:
        (self.gadget / "UDC").write_text(self.udc)

    def pull(self) -> None:
        (self.gadget / "UDC").write_text("\n")

    def talk(self, how: str) -> None:
        """Answer commands until it is told to become a disk."""
        link, folder = self.become("ffs.talk")
        ENDPOINTS.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "functionfs", "talk", str(ENDPOINTS)], check=True)
        control = os.open(ENDPOINTS / "ep0", os.O_RDWR)
        describe(control)
        threading.Thread(target=self.events, args=(control,), daemon=True).start()
        link.symlink_to(folder)
        self.plug()
        say("plugged")
        into, out = os.open(ENDPOINTS / "ep1", os.O_RDWR), os.open(ENDPOINTS / "ep2", os.O_RDWR)
        while True:
            heard = os.read(out, 512)
            say(heard.decode("ascii", "backslashreplace"))
            if how == "--silent":
                continue
            answer = os.urandom(512) if how == "--garbage" else self.answer(heard)
            for at in range(0, len(answer), PACKET):
                os.write(into, answer[at : at + PACKET])
            if b"ATH" in heard and how != "--stays":
                time.sleep(0.2)
                self.pull()
                return

    def events(self, control: int) -> None:
        while os.read(control, 12 * 8):
            pass

    def answer(self, heard: bytes) -> bytes:
        name, _, argument = [*heard.decode("ascii", "replace").strip("@#").split(";"), "", ""][:3]
        if name == "Ver":
            return b"@Ver;OK;#" if argument == "00000000" else b"@Ver;NO;#"
        if name == "Gdv":
            return f"@Gdv;{len(self.name)};{self.name};#".encode()
        if name == "Gtm":
            told = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + self.clock_off))
            return f"@Gtm;14;{told};#".encode()
        if name == "Sdt":
            self.day = argument
        if name == "Stm" and self.day:
            self.clock_off = 0
        if name == "Gba":
            return b"@Gba;2;64;#"
        return f"@{name};2;OK;#".encode()

    def be_a_disk(self) -> None:
        link, folder = self.become("mass_storage.0")
        lun = folder / "lun.0"
        (lun / "removable").write_text("1")
        (lun / "file").write_text(self.disk)
        link.symlink_to(folder)
        self.plug()
        say("a disk")


def say(what: str) -> None:
    print(what, flush=True)


def main() -> None:
    udc, disk, name, *how = sys.argv[1:]
    camera = Camera(udc, disk, name)
    camera.talk(how[0] if how else "")
    time.sleep(1)
    camera.be_a_disk()
    time.sleep(600)


if __name__ == "__main__":
    main()
