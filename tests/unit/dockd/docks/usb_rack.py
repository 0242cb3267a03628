"""A machine with USB ports, simulated behind the interfaces of production: what udev would say, and a mount helper whose volumes are folders."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockd.docks.base import Docked, Noted, Occupied, Undocked
from dockd.docks.udev import NoUdev, Tell
from dockd.docks.usb_bay import DockEvent
from dockd.docks.usb_dock import Timing, UdevDock
from dockd.docks.usb_facts import Fact, Hint, port_of
from dockd.docks.usb_known import KnownCameras
from dockd.docks.usb_ports import Look
from dockd.docks.usb_talks import Conversation
from dockd.mounting.base import Filesystem, HelperGone, MountRefused
from dockd.shipped import shipped
from ingest.errors import CameraGone

CONTROLLER = "pci-0000:00:10.0"
ROOT = "/devices/pci0000:00/0000:00:10.0"
DISK, PTP, KEYBOARD = ":080650:", ":060101:", ":030101:"
QUICK = Timing(settle=0.02, patience=0.1, reconcile=30.0, retry=0.1, udev_again=0.05, mount=5.0, look=0.5)


def place(chain: str) -> str:
    return f"{CONTROLLER}-usb-0:{chain}"


def usb_path(chain: str, *, bus: int = 1) -> str:
    """The sysfs path of the device at the end of a chain of ports."""
    steps = chain.split(".")
    return f"{ROOT}/usb{bus}/" + "/".join(f"{bus}-{'.'.join(steps[: n + 1])}" for n in range(len(steps)))


def usb_fact(
    chain: str, *, said: Mapping[str, str] | None = None, interfaces: str = DISK, number: int = 2, bus: int = 1, hub: bool = False, removable: str = "unknown",
    settled: bool = True, **properties: str,
) -> Fact:  # fmt: skip
    properties = {
        "BUSNUM": f"{bus:03}", "DEVNUM": f"{number:03}", "TYPE": "9/0/1" if hub else "0/0/0", "ID_USB_INTERFACES": interfaces,
        "ID_VENDOR": "Maker", "ID_MODEL": "Cam", "ID_SERIAL_SHORT": "C3441", **properties, **(said or {}),
    }  # fmt: skip
    return Fact(
        path=usb_path(chain, bus=bus), kind="usb", properties=properties, controller=CONTROLLER, removable=removable, settled=settled,
        revision=3 if bus == 2 else 2,
    )  # fmt: skip


def disk_fact(
    usb: Fact,
    said: Mapping[str, str] | None = None,
    *,
    name: str = "sdb",
    diskseq: int = 7,
    size: int = 1 << 30,
    lun: int = 0,
    settled: bool = True,
    **properties: str,
) -> Fact:
    below = usb.path.rpartition("/")[2]
    properties = {"DEVNAME": f"/dev/{name}", "DISKSEQ": str(diskseq), "DEVTYPE": "disk", **properties, **(said or {})}
    path = f"{usb.path}/{below}:1.0/host3/target3:0:0/3:0:0:{lun}/block/{name}"
    return Fact(path=path, kind="disk", properties=properties, size=size, settled=settled)


def part_fact(
    disk: Fact,
    number: int = 1,
    *,
    filesystem: str = "vfat",
    uuid: str = "AAAA-0001",
    label: str = "",
    settled: bool = True,
    **properties: str,
) -> Fact:
    name = disk.get("DEVNAME").removeprefix("/dev/")
    said = {
        "DEVNAME": f"/dev/{name}{number}",
        "PARTN": str(number),
        "DEVTYPE": "partition",
        **filesystem_of(filesystem, uuid, label),
        **properties,
    }
    return Fact(
        path=f"{disk.path}/{name}{number}", kind="partition", properties=said, size=disk.size // 2, settled=settled
    )


def filesystem_of(filesystem: str, uuid: str = "AAAA-0001", label: str = "") -> dict[str, str]:
    if not filesystem:
        return {}
    usage = "crypto" if filesystem == "crypto_LUKS" else "filesystem"
    return {
        "ID_FS_TYPE": filesystem,
        "ID_FS_USAGE": usage,
        "ID_FS_UUID": uuid,
        **({"ID_FS_LABEL": label} if label else {}),
    }


@dataclass
class Card:
    """What is on a disk: its partitions' filesystems (one without a number: none, the whole disk is one), and the files in the root of each."""

    uuid: str = "AAAA-0001"
    label: str = ""
    filesystems: Sequence[str] = ("vfat",)
    table: bool = True
    names: Sequence[str] = ("DCIM",)


@dataclass
class Machine:
    """Ports, what is in them, and what udev says of it. `deaf`: events are lost."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    cards: dict[str, tuple[int, Card]] = field(default_factory=dict)
    deaf: bool = False
    udev: bool = True
    looks: int = 0
    _tell: Tell | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    # -- Devices -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        if not self.udev:
            raise NoUdev("udevd does not run here")

    def listen(self, tell: Tell) -> None:
        self._tell = tell

    def close(self) -> None:
        self._tell = None

    def look(self, ports: Collection[str] | None) -> Look:
        self.looks += 1
        there = dict(self.facts)
        return {port: tuple(facts) for port, facts in there.items() if ports is None or port in ports}

    # -- hands ---------------------------------------------------------------------------------------------------------

    def plug(
        self,
        chain: str,
        card: Card | None = None,
        *,
        interfaces: str = DISK,
        hub: bool = False,
        disk: bool = True,
        bus: int = 1,
        **properties: str,
    ) -> Fact:
        """Plug a device in, with everything that udev finds out about it at once."""
        usb = usb_fact(chain, interfaces=interfaces, number=next(self._numbers), hub=hub, bus=bus, said=properties)
        facts = [usb]
        if interfaces == DISK and disk and not hub:
            facts += self._disk(usb, card)
        self.put(facts)
        return usb

    def _disk(self, usb: Fact, card: Card | None) -> list[Fact]:
        number = next(self._numbers)
        name = f"sd{chr(ord('a') + number % 26)}{chr(ord('a') + number // 26)}"
        if card is None:
            return [disk_fact(usb, name=name, diskseq=number, size=0)]
        if not card.table:
            self.cards[f"/dev/{name}"] = (number, card)
            return [
                disk_fact(usb, filesystem_of(card.filesystems[0], card.uuid, card.label), name=name, diskseq=number)
            ]
        disk = disk_fact(usb, name=name, diskseq=number, ID_PART_TABLE_TYPE="dos")
        parts = [
            part_fact(disk, n, filesystem=kind, uuid=card.uuid if n == 1 else f"{card.uuid}-{n}", label=card.label)
            for n, kind in enumerate(card.filesystems, 1)
        ]
        self.cards.update({part.get("DEVNAME"): (number, card) for part in parts})
        return [disk, *parts]

    def put(self, facts: Sequence[Fact]) -> None:
        port = port_of(facts[0].path)
        assert port is not None
        self.facts[port] = list(facts)
        for fact in facts:
            self.hint(fact)

    def unplug(self, chain: str, *, bus: int = 1) -> None:
        """The cable is pulled: of a hub, everything below it goes, too."""
        top = usb_path(chain, bus=bus)
        for port in [port for port in self.facts if port == top or port.startswith(top + "/")]:
            for fact in reversed(self.facts.pop(port)):
                self.cards.pop(fact.get("DEVNAME"), None)
                self.hint(fact, gone=True)

    def swap_card(self, chain: str, card: Card | None) -> None:
        """The card comes out of (and another goes into) a device that stays: the disk changes, and its partitions go."""
        usb, disk, *parts = self.facts[usb_path(chain)]
        for part in parts:
            self.cards.pop(part.get("DEVNAME"), None)
            self.hint(part, gone=True)
        if card is None:
            bare = {name: text for name, text in disk.properties.items() if not name.startswith("ID_")}
            fresh = [replace(disk, size=0, properties={**bare, "DISKSEQ": str(next(self._numbers))})]
        else:
            fresh = self._disk(usb, card)
        self.facts[usb.path] = [usb, *fresh]
        for fact in fresh:
            self.hint(fact)

    def hint(self, fact: Fact, *, gone: bool = False) -> None:
        if self._tell is not None and not self.deaf:
            self._tell(Hint(path=fact.path, kind=fact.kind, gone=gone))

    def trigger(self) -> int:
        """As `udevadm trigger`: an event for everything, and nothing has changed."""
        everything = [fact for facts in self.facts.values() for fact in facts]
        for fact in everything:
            self.hint(fact)
        return len(everything)

    def lose_events(self) -> None:
        if self._tell is not None:
            self._tell(None)


@dataclass
class Helper:
    """A mount helper whose volumes are folders. `asked`: what was asked of it; `faults` by device: what it raises; `hangs`: devices that never answer; `taken`: folders in which an earlier mount hangs; `gives_up`: what `fresh` raises."""

    root: Path
    machine: Machine
    asked: list[tuple[str, str]] = field(default_factory=list)
    mounts: dict[Path, str] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    gives_up: Exception | None = None
    down: bool = False

    def _up(self) -> None:
        if self.down:
            raise HelperGone("no mount helper")

    async def mount(self, device: str, *, diskseq: int, filesystem: Filesystem, folder: str) -> Path:
        self.asked.append(("mount", device))
        self._up()
        if device in self.hangs:
            await asyncio.Event().wait()
        if device in self.faults:
            raise self.faults[device]
        there = self.machine.cards.get(device)
        if there is None or there[0] != diskseq:
            raise CameraGone(f"{device} has left")
        assert filesystem in ("vfat", "exfat", "ext4")
        if folder in self.taken:
            first, slash, rest = folder.partition("/")
            folder = f"{first}~2{slash}{rest}"
        path = self.root / folder
        assert path not in self.mounts, "mounted twice"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        for name in there[1].names:
            (path / name).mkdir()
        self.mounts[path] = device
        return path

    async def writable(self, mount: Path) -> None:
        self._up()
        self.asked.append(("writable", self.mounts[mount]))

    async def fresh(self, mount: Path) -> None:
        self._up()
        if self.gives_up is not None:
            raise self.gives_up
        if mount not in self.mounts:
            raise MountRefused(f"{mount} is not one of its mounts")
        self.asked.append(("fresh", self.mounts[mount]))

    async def unmount(self, mount: Path) -> None:
        self._up()
        self.asked.append(("unmount", self.mounts.pop(mount, "")))

    def end(self) -> None:
        """It is killed: all that it mounted is unmounted."""
        self.down = True
        self.mounts.clear()


class Bench:
    """A dock on a machine, its events one by one."""

    def __init__(
        self, folder: Path, *, timing: Timing = QUICK, mapped: Collection[str] = (), site: Path | None = None, listed: Callable[[], Collection[str]] = frozenset,
        conversation: Conversation | None = None, name_of: Callable[[str], str] = lambda place: f"bay {place[-1]}",
    ) -> None:  # fmt: skip
        self.machine = Machine()
        self.helper = Helper(root=folder / "mnt", machine=self.machine)
        self.warnings: list[str] = []
        self.cameras = KnownCameras(site=site, shipped=shipped("cameras"), listed=listed)
        self.dock = UdevDock(
            devices=self.machine, mounter=self.helper, cameras=self.cameras, mapped=mapped, name_of=name_of, warn=lambda _about, text: self.warnings.append(text), well=lambda about: self.warnings.append(f"{about} is well"),
            conversation=conversation, timing=timing,
        )  # fmt: skip
        self._stream = self.dock.events()
        self.backlog: list[DockEvent] = []

    async def next(self) -> DockEvent:
        async with asyncio.timeout(30):
            return await anext(self._stream)

    async def until(self, kind: type[DockEvent], chain: str | None = None) -> DockEvent:
        """The next event of this kind (in this place); what comes before it is in `backlog`."""
        self.backlog = []
        while True:
            event = await self.next()
            if isinstance(event, kind) and chain in (None, event.place.rpartition(":")[2]):
                return event
            self.backlog.append(event)

    async def docked(self, chain: str | None = None) -> Docked:
        event = await self.until(Docked, chain)
        assert isinstance(event, Docked)
        return event

    async def occupied(self, what: str, chain: str | None = None) -> Occupied:
        while True:
            event = await self.until(Occupied, chain)
            assert isinstance(event, Occupied)
            if event.what == what:
                return event

    async def left(self, chain: str | None = None) -> Undocked:
        event = await self.until(Undocked, chain)
        assert isinstance(event, Undocked)
        return event

    async def quiet(self, seconds: float = 0.3) -> None:
        """Nothing is told, however long one waits; the stream goes on after this."""
        asking = asyncio.ensure_future(anext(self._stream))
        done, _ = await asyncio.wait({asking}, timeout=seconds)
        assert not done, asking.result()
        self._stream = _after(asking, self._stream)

    async def close(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]


async def _after(first: asyncio.Future[DockEvent], rest: AsyncIterator[DockEvent]) -> AsyncIterator[DockEvent]:
    try:
        yield await first
        async for event in rest:
            yield event
    finally:
        first.cancel()
        await asyncio.wait({first})
        await rest.aclose()  # type: ignore[attr-defined]


def plain(event: DockEvent) -> tuple[str, str]:
    """What happened where, short."""
    chain = event.place.rpartition(":")[2]
    match event:
        case Docked():
            return ("docked", chain)
        case Occupied():
            return (event.what, chain)
        case Undocked():
            return ("left", chain)
        case Noted():
            return ("noted", chain)
