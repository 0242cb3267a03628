"""What needs root is skipped without it; everything that was mounted or attached is gone after each test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dockd.mounting.client import MountHelper
from tests.unit.dockd.mounting.machine import FOOTAGE, REAL, Card, HelperProcess, host

NewCard = Callable[[], Card]
NewHelper = Callable[..., HelperProcess]


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder with a short name, for sockets, that any user may enter."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = Path(tempfile.mkdtemp(prefix="dockd-mount-"))
    folder.chmod(0o711)
    yield folder
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        if f"{line.split(' ')[4]}/".startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split(" ")[4]], check=False)
    shutil.rmtree(folder)


@pytest.fixture
def new_card(base: Path) -> Iterator[NewCard]:
    """Makes cards: an ext4 with the footage, whose files belong to root alone."""
    tree = base / "tree"
    for name, content in FOOTAGE.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
        (tree / name).chmod(0o600)
    (tree / "DCIM").chmod(0o700)
    cards: list[Card] = []

    def make() -> Card:
        image = base / f"card-{len(cards)}.img"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        host("mkfs.ext4", "-q", "-F", "-d", tree, image)
        cards.append(Card(device=host("losetup", "--find", "--show", image), image=image))
        cards[-1].set_read_only(read_only=False)  # of whoever had this device before
        return cards[-1]

    yield make
    for card in cards:
        with contextlib.suppress(subprocess.CalledProcessError):  # a test may have detached it
            host("losetup", "--detach", card.device)
        with contextlib.suppress(subprocess.CalledProcessError):  # somebody else has it already
            card.set_read_only(read_only=False)


@pytest.fixture
def card(new_card: NewCard) -> Card:
    return new_card()


@pytest.fixture
def new_helper(base: Path) -> Iterator[NewHelper]:
    """Starts helpers for which loop devices are cameras'."""
    (base / "hangs").mkdir()
    helpers: list[HelperProcess] = []

    def start(*options: str, prefix: Sequence[str] = (), real: bool = False, work_seconds: float = 20) -> HelperProcess:
        module = REAL if real else ("tests.unit.dockd.mounting.loop_helper", str(base / "hangs"))
        helper = HelperProcess(
            base=base, module=module, options=options, prefix=prefix, environment={"WORK_SECONDS": str(work_seconds)}
        )
        helpers.append(helper)
        helper.start()
        return helper

    yield start
    for hang in (base / "hangs").iterdir():
        hang.unlink()
    for helper in helpers:
        if helper.process.poll() is None:
            helper.kill()


@pytest.fixture
def helper(new_helper: NewHelper) -> HelperProcess:
    return new_helper()


@pytest.fixture
async def agent(helper: HelperProcess) -> AsyncIterator[MountHelper]:
    """A client of the helper."""
    client = MountHelper(helper.socket)
    yield client
    await client.close()
