"""What a test of the rig starts with: a camera that comes back from a shift, and a dock with a disk for each purpose.

State and store lie on disks of their own, so that both can be read on the host after any end of the guest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.hil.rig import footage
from tests.hil.rig.cards import Card, make_card
from tests.hil.rig.disks import Disk, make_disk
from tests.hil.rig.evidence import Hashes, hashes
from tests.hil.rig.product import Dock
from tests.hil.rig.usb import FULL_SPEED, Camera, Line, plug
from tests.hil.rig.vm import Vm

CAMERA = "/mnt/camera"
STATE_DISK, STORE_DISK = "/mnt/dock", "/mnt/central"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Images on the host. `before` is the card as the officer handed it in."""

    folder: Path
    originals: Hashes
    card: Card
    before: Card
    state: Disk
    store: Disk
    _numbers: count[int]

    def plug_disks(self, vm: Vm) -> Dock:
        """Give a guest the two disks; its commands."""
        self.state.plug(vm, name="state", where=STATE_DISK)
        self.store.plug(vm, name="store", where=STORE_DISK)
        return Dock(vm=vm, state=f"{STATE_DISK}/state")

    def set_up(self, vm: Vm, *, line: Line = FULL_SPEED) -> tuple[Dock, Camera]:
        """Disks and the card plugged and mounted, and the store running: `dockd ingest` can be started."""
        dock = self.plug_disks(vm)
        server = dock.start_store(f"{STORE_DISK}/store")
        camera = self.plug_card(vm, line=line)
        dock.await_store(server)
        return dock, camera

    def plug_card(self, vm: Vm, *, line: Line = FULL_SPEED) -> Camera:
        """Plug the card and mount it as a site would."""
        camera = plug(vm, self.card, serial="C3441", line=line)
        camera.mount(CAMERA)
        return camera

    def on_card(self) -> Hashes:
        """What the card holds now, whole."""
        return hashes(self.card.copy_out(self.new_path("card")))

    def in_store(self) -> Hashes:
        """What the store's disk holds now. Only once no guest has it."""
        return hashes(self.store.copy_out(self.new_path("store")))

    def not_delivered(self) -> list[str]:
        """Every original for which the store has no file of its own with those bytes: twins need one each."""
        left = Counter(self.in_store().values())
        left.subtract(self.originals.values())
        return [name for name, digest in self.originals.items() if left[digest] < 0]

    def new_path(self, name: str) -> Path:
        """A path that nothing has yet."""
        return self.folder / f"{name}-{next(self._numbers)}"


def camera_after_a_shift(folder: Path) -> Scene:
    """A filled FAT32 card and two fresh disks, as images in `folder`."""
    tree = footage.write_tree(folder / "tree", footage.SHIFT, empty_folders=footage.EMPTY_FOLDERS)
    card = make_card(folder / "card.img")
    card.fill(tree)
    before = card.copied_to(folder / "before.img")
    return Scene(
        folder=folder,
        originals=hashes(tree),
        card=card,
        before=before,
        state=make_disk(folder / "state.img"),
        store=make_disk(folder / "store.img"),
        _numbers=count(1),
    )
