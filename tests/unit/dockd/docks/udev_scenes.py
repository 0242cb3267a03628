"""Scenes for `dockd.docks.udev` under umockdev-wrapper, which has to be there before libudev is loaded: `python udev_scenes.py NAME`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from dockd.docks.udev import Udev
from dockd.docks.usb_facts import Hint, place_of
from tests.unit.dockd.docks.udev_testbed import Broadcast, Testbed

PORT = "/devices/pci0000:00/0000:00:10.0/usb1/1-1"


def udev() -> Udev:
    return Udev(running=Path("/"), settled=lambda _device: True)


class Ears:
    """What was told, in order; `lost` how often something was lost."""

    def __init__(self) -> None:
        self.hints: list[Hint] = []
        self.lost = 0
        self.told = asyncio.Event()

    def __call__(self, hint: Hint | None) -> None:
        if hint is None:
            self.lost += 1
        else:
            self.hints.append(hint)
        self.told.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.hints) < count:
                self.told.clear()
                await self.told.wait()


async def hears_and_sees() -> None:
    bed, ears, source = Testbed(), Ears(), udev()
    source.open()
    source.listen(ears)
    usb, disk, part = (path.removeprefix("/sys") for path in bed.camera())
    await ears.until(3)
    assert [(hint.path, hint.kind, hint.gone) for hint in ears.hints] == [
        (usb, "usb", False),
        (disk, "disk", False),
        (part, "partition", False),
    ]
    everything = source.look(None)
    assert everything == source.look([usb])
    assert list(everything) == [usb]
    facts = {fact.kind: fact for fact in everything[usb]}
    assert place_of(facts["usb"]) == "pci-0000:00:10.0-usb-0:1"
    assert (facts["usb"].removable, facts["usb"].address, facts["usb"].revision) == ("removable", "001,002", 2)
    assert (facts["disk"].size, facts["disk"].diskseq, facts["partition"].number) == (2048 * 512, 2, 1)
    assert "DEVPATH" in facts["disk"].properties
    assert "ACTION" not in facts["disk"].properties
    bed.remove("/sys" + usb)
    await ears.until(4)
    assert ears.hints[3] == Hint(path=usb, kind="usb", gone=True)
    assert source.look(None) == source.look([usb]) == {}
    source.close()
    bed.camera("1-2", number=3)
    await asyncio.sleep(0.05)
    assert len(ears.hints) == 4, "closed is closed"


async def hub() -> None:
    bed, source = Testbed(), udev()
    source.open()
    hub = bed.add("usb", "1-1", bed.root, {}, {"DEVTYPE": "usb_device", "TYPE": "9/0/1"})
    usb, _disk, _part = (path.removeprefix("/sys") for path in bed.camera("1-1.2", parent=hub))
    found = source.look(None)
    assert {port: len(facts) for port, facts in found.items()} == {hub.removeprefix("/sys"): 1, usb: 3}
    assert {port: len(facts) for port, facts in source.look([hub.removeprefix("/sys")]).items()} == {
        hub.removeprefix("/sys"): 1
    }
    assert place_of(found[usb][0]) == "pci-0000:00:10.0-usb-0:1.2"


async def storm() -> None:
    """Without umockdev: 2,000 events at once. All are heard, and the loop's other work goes on between them."""
    ears, source, udevd = Ears(), Udev(), Broadcast()
    source.open()
    source.listen(ears)
    lags: list[float] = []

    async def pulse() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - before - 0.001)

    def rage() -> None:
        for _ in range(2000):
            udevd.tell("change", PORT, subsystem="usb", devtype="usb_device")

    rage()
    beating = asyncio.create_task(pulse())
    began = time.perf_counter()
    await ears.until(2000)
    took = time.perf_counter() - began
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    assert ears.lost == 0
    print(
        f"2,000 in {took * 1e3:.0f} ms, lag p50 {sorted(lags)[len(lags) // 2] * 1e3:.1f} ms, worst {max(lags) * 1e3:.1f} ms, {len(lags)} beats"
    )
    assert len(lags) >= 3, "the loop did nothing else in the meantime"
    udevd.close()
    source.close()


async def hung_up() -> None:
    """A socket that is always readable, with nothing in it: it is heard anew, everything is to be looked at, and nothing spins for ever."""
    bed, ears, source = Testbed(), Ears(), udev()
    source.open()
    source.listen(ears)
    with socket.socket(fileno=os.dup(source._fd)) as same:
        same.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(10):
        while not ears.lost:
            ears.told.clear()
            await ears.told.wait()
    bed.camera()
    await ears.until(3)
    assert ears.lost == 1
    source.close()


async def overflow() -> None:
    """Without umockdev: the kernel's own socket overflows, which polls as an error. What is lost is told, and what comes next is heard."""
    ears, source, udevd = Ears(), Udev(buffer=1), Broadcast()
    source.open()
    source.listen(ears)
    udevd.tell("add", PORT, subsystem="usb", devtype="usb_device")
    await ears.until(1)
    assert ears.hints == [Hint(path=PORT, kind="usb")]
    for _ in range(2000):  # nobody reads in the meantime
        udevd.tell("change", PORT, subsystem="usb", devtype="usb_device")
    async with asyncio.timeout(10):
        while not ears.lost:
            ears.told.clear()
            await ears.told.wait()
    heard = len(ears.hints)
    assert heard < 2001
    udevd.tell("remove", PORT, subsystem="usb", devtype="usb_device")
    await ears.until(heard + 1)
    assert (ears.hints[-1], ears.lost) == (Hint(path=PORT, kind="usb", gone=True), 1)
    udevd.tell("add", "/devices/x", subsystem="net", devtype="wlan")
    udevd.tell("add", PORT, subsystem="usb", devtype="usb_device")
    await ears.until(heard + 2)
    assert ears.hints[-1].path == PORT, "what is none of ours is not even heard"
    udevd.close()
    source.close()


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]]())
