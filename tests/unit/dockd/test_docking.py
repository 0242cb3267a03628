"""A rack's bays: what fails in one is said there, tried again, and never another bay's business."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from dockd.docking import Bay, Rack, Turns
from dockd.docks.base import Controls, Docked, Noted, Occupied, Undocked
from ingest.activity import Activity
from ingest.clock import Clock
from ingest.intake import Intake, IntakeSettings
from ingest.ledger import Ledger, cameras, segments
from ingest.ledger.segments import Segment
from ingest.model import folder_camera
from ingest.spool import Spool
from ingest.worker.pool import Worker
from tests.unit.ingest.ledger.dock import dock_at


class Tripping(Turns):
    """A defect of ours, for one camera: as often as `trips` says."""

    trips = 0
    at = b""
    stops = b""

    @contextlib.asynccontextmanager
    async def lent(self, root: bytes) -> AsyncIterator[Worker]:
        if root == self.at and self.trips:
            self.trips -= 1
            raise ZeroDivisionError("a defect")
        async with super().lent(root) as worker:
            if root == self.stops:
                os.kill(
                    worker.pid, signal.SIGSTOP
                )  # as one that hangs in the kernel: it does not even end when it is killed
            yield worker


class Wayward(Controls):
    """A camera's own protocol: what it says, or raises, or that it says nothing for ever."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.hangs = False
        self.asked = 0

    async def battery_percent(self) -> int | None:
        self.asked += 1
        if self.raises is not None:
            raise self.raises
        if self.hangs:
            await asyncio.Event().wait()
        return 80

    async def clock_offset_seconds(self) -> float | None:
        return 2.0

    async def set_clock(self) -> bool:
        return False


class Bench:
    """A rack with its intake, and a dock that says what a test tells it to."""

    def __init__(self, *, ledger: Ledger, folder: Path, fixed: dict[str, int] | None = None) -> None:
        self.folder = folder
        self.ledger = ledger
        self.activity = Activity()
        spool = Spool(folder / "spool", keep_free=0)
        self.pool = Tripping(parallel=2, spool=spool.folder, activity=self.activity, silence=2.0)
        self.rack = Rack(
            intake=Intake(
                ledger=ledger, spool=spool, pool=self.pool, activity=self.activity, attest=nobody,
                settings=IntakeSettings(wipe=False, rest=0.05, min_room=0),
            ),
            ledger=ledger, turns=self.pool, clock=Clock(), fixed=fixed or {}, max_clock_offset=60.0, ask_every=0.2, try_again=0.3,
        )  # fmt: skip
        self.said: asyncio.Queue[Docked | Noted | Occupied | Undocked] = asyncio.Queue()

    async def events(self) -> AsyncIterator[Docked | Noted | Occupied | Undocked]:
        while True:
            yield await self.said.get()

    def docked(self, name: str, *, controls: Controls | None = None) -> bytes:
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "a.mp4").write_bytes(name.encode())
        root = os.fsencode(self.folder / name)
        camera = folder_camera(name.encode())
        self.said.put_nowait(Docked(place=name, camera=camera, root=root, wipe=False, controls=controls))
        return root

    def clock(self, bay: int) -> float | None:
        return self.rack.bays[bay].clock_offset_seconds

    def lost(self) -> tuple[bool, bool]:
        return self.rack.bays[1].charge_lost, self.rack.bays[1].clock_lost

    def doing(self, camera: str) -> tuple[str, str]:
        now = self.activity.cameras.get(camera)
        return (now.phase, now.message) if now is not None else ("", "")


async def nobody(_segments: Sequence[Segment]) -> list[str]:
    return []


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def benched(folder: Path, fixed: dict[str, int] | None = None) -> AsyncIterator[Bench]:
    """One run of dockd on this folder's state."""
    (folder / "spool").mkdir(exist_ok=True)
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys")
    bench = Bench(ledger=ledger, folder=folder, fixed=fixed)
    await bench.rack.recall()
    watching = asyncio.create_task(bench.rack.watch(bench))
    try:
        yield bench
        assert not watching.done(), "a session ended the whole rack"
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await bench.pool.close()
        await ledger.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def test_a_defect_in_one_session_is_said_in_its_bay_and_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.pool.trips = 1
    bench.pool.at = os.fsencode(bench.folder / "CAM1")
    bench.docked("CAM1")
    bench.docked("CAM2")
    with caplog.at_level(logging.ERROR):
        await until(lambda: bench.doing("CAM1")[0] == "failed")
    assert "ZeroDivisionError" in bench.doing("CAM1")[1]
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert "CAM1" in caplog.text
    copied = bench.folder / "spool"
    await until(lambda: len(list(copied.glob("*.json"))) == 2)  # the other bay's, and then its own
    assert bench.doing("CAM1")[0] != "failed"


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_what_a_camera_does_not_tell_is_not_known(bench: Bench, how: str) -> None:
    controls = Wayward()
    bench.docked("CAM1", controls=controls)
    await until(lambda: 1 in bench.rack.bays and bench.rack.bays[1].battery_percent == 80)
    assert bench.clock(1) == 2.0
    controls.raises = ValueError("nonsense on the wire") if how == "raises" else None
    controls.hangs = how == "hangs"
    await until(lambda: bench.rack.bays[1].battery_percent is None)
    assert bench.clock(1) is None
    assert bench.lost() == (True, True)
    controls.raises, controls.hangs = None, False
    await until(lambda: bench.rack.bays[1].battery_percent == 80)
    assert bench.clock(1) == 2.0
    assert bench.lost() == (False, False)


async def test_nobody_goes_out_of_a_dock_whose_disk_is_not_there(bench: Bench) -> None:
    def left(bay: int) -> tuple[int, int]:
        return bench.rack.bays[bay].went_out, bench.rack.bays[bay].left_early

    for name in ("CAM1", "CAM2"):
        bench.docked(name)
    await until(lambda: all(bench.doing(name)[0] == "waiting" for name in ("CAM1", "CAM2")))
    bench.said.put_nowait(Undocked(place="CAM1"))
    await until(lambda: left(1) == (1, 0))
    (bench.folder / "spool").rename(bench.folder / "away")
    bench.said.put_nowait(Undocked(place="CAM2"))
    await until(lambda: any(left(2)))
    assert left(2) == (0, 1)


async def test_it_goes_on_asking_after_a_failure_and_ends_with_the_visit(bench: Bench) -> None:
    controls = Wayward()
    controls.raises = OSError("gone")
    bench.docked("CAM1", controls=controls)
    await until(lambda: controls.asked >= 2)
    assert bench.lost() == (False, False), "what it never told is not lost"
    bench.said.put_nowait(Undocked(place="CAM1"))
    await until(lambda: bench.rack.bays[1].camera is None)
    asked = controls.asked
    await asyncio.sleep(0.5)
    assert controls.asked == asked


async def test_what_is_no_camera_is_said_in_its_bay_until_it_leaves(bench: Bench) -> None:
    bench.said.put_nowait(Occupied(place="port-1", what="not_ours", why="this is a keyboard"))
    await until(lambda: 1 in bench.rack.bays and bench.rack.bays[1].occupied == "not_ours")
    assert bench.rack.bays[1].why == "this is a keyboard"
    bench.said.put_nowait(Undocked(place="port-1"))
    await until(lambda: not bench.rack.bays[1].occupied)
    assert bench.rack.bays[1].camera is None


async def test_a_camera_whose_card_comes_out_ends_its_session_and_leaves_the_bay_occupied(bench: Bench) -> None:
    bench.docked("CAM1")
    await until(lambda: bench.doing("CAM1")[0] in ("waiting", "done"))
    bench.said.put_nowait(Occupied(place="CAM1", what="not_ours", why="there is no card in it"))
    await until(lambda: bench.rack.bays[1].occupied == "not_ours")
    assert bench.rack.bays[1].camera is None
    assert bench.doing("CAM1") == ("", "")
    assert bench.rack.bays[1].went_out == 1  # its footage is not in the store, and safe here
    bench.docked("CAM2")
    await until(lambda: 2 in bench.rack.bays and bench.rack.bays[2].camera is not None)


async def test_two_docks_share_the_rack_and_one_that_ends_leaves_the_others_sessions(bench: Bench) -> None:
    class Short:
        async def events(self) -> AsyncIterator[Docked | Noted | Occupied | Undocked]:
            yield Occupied(place="port-9", what="looking", why="")

    bench.docked("CAM1")
    await until(lambda: bench.doing("CAM1")[0] in ("waiting", "done"))
    await bench.rack.watch(Short())
    bench.said.put_nowait(Undocked(place="CAM1"))
    await until(lambda: bench.rack.bays[1].camera is None)
    assert bench.doing("CAM1") == ("", "")


async def test_cameras_behind_one_controller_are_read_few_at_a_time_and_others_do_not_wait_for_them(
    tmp_path: Path,
) -> None:
    turns = Turns(parallel=4, per_controller=1, spool=tmp_path / "spool", activity=Activity())
    (tmp_path / "spool").mkdir()
    roots = []
    for number, controller in enumerate(("pci-a", "pci-a", "pci-b", "")):
        (tmp_path / str(number)).mkdir()
        roots.append(os.fsencode(tmp_path / str(number)))
        turns.behind(roots[-1], controller)
    async with contextlib.AsyncExitStack() as stack:
        for root in (roots[0], roots[2], roots[3]):
            async with asyncio.timeout(20):
                await stack.enter_async_context(turns.lent(root))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stack.enter_async_context(turns.lent(roots[1]))
    async with asyncio.timeout(20), turns.lent(roots[1]):
        pass
    await turns.close()


async def test_what_is_new_of_a_camera_is_said_in_its_bay_while_it_is_there(bench: Bench) -> None:
    bench.docked("CAM1")
    await until(lambda: 1 in bench.rack.bays and bench.rack.bays[1].camera is not None)
    bench.said.put_nowait(Noted(place="CAM1", note="another camera with its serial is in bay 2"))
    await until(lambda: bench.rack.bays[1].note != "")
    bench.said.put_nowait(Undocked(place="CAM1"))
    await until(lambda: bench.rack.bays[1].camera is None)
    bench.said.put_nowait(Noted(place="CAM1", note="too late"))
    bench.said.put_nowait(Noted(place="nowhere", note="nobody"))
    bench.docked("CAM2")
    await until(lambda: 2 in bench.rack.bays and bench.rack.bays[2].camera is not None)
    assert bench.rack.bays[1].note == ""


async def test_a_camera_that_hangs_its_reader_is_told_as_a_fault_of_its_bay_and_the_others_go_on(bench: Bench) -> None:
    bench.pool.stops = os.fsencode(bench.folder / "CAM1")
    lost: list[str] = []
    bench.ledger.subscribe(lambda event, _seq: lost.append(event.action) if event.action == "worker.lost" else None)
    bench.docked("CAM1")
    await until(lambda: 1 in bench.rack.bays and bench.doing("CAM1")[0] == "reading")
    for number in range(2, 6):
        bench.docked(f"CAM{number}")
    copied = bench.folder / "spool"
    await until(lambda: len(list(copied.glob("*.json"))) == 4)
    await until(lambda: bench.activity.cameras["CAM1"].reason == "bay_fault")
    assert lost
    bench.pool.stops = b""
    await until(lambda: len(list(copied.glob("*.json"))) == 5)
    await until(lambda: bench.doing("CAM1")[0] != "failed")


async def test_a_dock_lets_go_after_the_sessions_and_what_it_raises_is_raised(bench: Bench) -> None:
    order: list[str] = []
    (bench.folder / "CAM9").mkdir()

    class Mounting:
        def __init__(self, *, fails: bool) -> None:
            self.fails = fails

        async def events(self) -> AsyncIterator[Docked | Noted | Occupied | Undocked]:
            try:
                root = os.fsencode(bench.folder / "CAM9")
                yield Docked(place="port-9", camera=folder_camera(b"CAM9"), root=root, wipe=False)
                if self.fails:
                    raise OSError("udev broke")
                await asyncio.Event().wait()
            finally:
                order.append("unmounted")

    bench.ledger.subscribe(lambda event, _seq: order.append("left") if event.action == "camera.undocked" else None)
    watching = asyncio.create_task(bench.rack.watch(Mounting(fails=False)))
    await until(lambda: bench.doing("CAM9")[0] in ("waiting", "done"))
    watching.cancel()
    await asyncio.wait({watching})
    assert order == ["left", "unmounted"]
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(20):
            await bench.rack.watch(Mounting(fails=True))
    assert raised.group_contains(OSError, match="udev broke")


async def test_a_camera_that_is_docked_anew_is_there_all_the_while(bench: Bench) -> None:
    """The dock itself lets go of it: nobody took it, its bay is not empty, and no page says that it has left."""
    told: list[str] = []
    bench.ledger.subscribe(lambda event, _seq: told.append(event.action))
    bench.docked("CAM1")
    await until(lambda: bench.doing("CAM1")[0] in ("waiting", "done"))
    bench.said.put_nowait(Undocked(place="CAM1", again=True))
    await until(lambda: bench.rack.bays[1].camera is None)
    assert (bench.rack.bays[1].occupied, str(bench.rack.bays[1].still)) == ("looking", "CAM1")
    bench.said.put_nowait(Occupied(place="CAM1", what="fault", why="the mount helper has ended"))
    await until(lambda: bench.rack.bays[1].occupied == "fault")
    assert str(bench.rack.bays[1].still) == "CAM1"
    root = os.fsencode(bench.folder / "CAM1")
    bench.said.put_nowait(Docked(place="CAM1", camera=folder_camera(b"CAM1"), root=root, wipe=False))
    await until(lambda: bench.rack.bays[1].camera is not None)
    assert bench.rack.bays[1].still is None
    assert "camera.removed_early" not in told


async def numbers(bench: Bench, *names: str) -> dict[str, int]:
    """Which bay each camera is in, once all of these are docked and recorded."""
    for name in names:
        bench.docked(name)
    await until(lambda: all(bench.doing(name)[0] in ("waiting", "done") for name in names))
    return {str(bay.camera): number for number, bay in bench.rack.bays.items() if bay.camera is not None}


async def test_a_place_that_no_map_names_keeps_its_number_over_restarts_and_a_mapped_number_wins(
    tmp_path: Path,
) -> None:
    async with benched(tmp_path) as bench:
        bench.said.put_nowait(Occupied(place="port-9", what="not_ours", why="this is a keyboard"))
        assert await numbers(bench, "CAM2", "CAM1") == {"CAM2": 2, "CAM1": 3}
    async with benched(tmp_path) as bench:  # in another order, with one more, and without the one in bay 2
        assert await numbers(bench, "CAM0", "CAM1") == {"CAM0": 4, "CAM1": 3}
        bench.said.put_nowait(Undocked(place="CAM2"))
        bench.said.put_nowait(Noted(place="CAM2", note="of a bay that is not shown"))
        bench.said.put_nowait(Occupied(place="port-9", what="not_ours", why="this is a keyboard"))
        await until(lambda: 1 in bench.rack.bays and bench.rack.bays[1].occupied == "not_ours")
    async with benched(tmp_path, {"CAM0": 3}) as bench:  # CAM1's number is painted on CAM0's bay now
        assert await numbers(bench, "CAM0", "CAM1") == {"CAM0": 3, "CAM1": 4}
    async with benched(tmp_path) as bench:
        assert await numbers(bench, "CAM0", "CAM1", "CAM2") == {"CAM0": 3, "CAM1": 4, "CAM2": 2}


async def test_of_one_that_an_older_ledger_calls_gone_nobody_is_asked_to_bring_it_once_the_store_has_it(
    tmp_path: Path,
) -> None:
    """A dock that was put back: by its backup the camera is in its bay, with footage; it was delivered and emptied since."""
    async with dock_at(tmp_path) as dock:
        first, second = await dock.copied(b"a"), await dock.copied(b"b")
        rack = Bench(ledger=dock.ledger, folder=tmp_path).rack
        await rack.recall()
        assert rack.bays[1].left_early == 2
        for name, left in ((first, 1), (second, 0)):
            receipt = await dock.receipt(name)
            await dock.write(lambda tx: segments.found(tx, receipt))  # noqa: B023 - it is awaited here
            await until(lambda: rack.bays[1].left_early == left)  # noqa: B023
        assert rack.bays[1].last_camera is None


async def test_of_one_that_has_footage_alone_it_is_asked_whatever_else_the_store_shows(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        doubtful = await dock.copied(b"a")
        await dock.write(lambda tx: segments.rotted(tx, doubtful, error="e"))
        await dock.write(lambda tx: segments.vanished(tx, doubtful, error="e"))
        await dock.listed(b"b")
        rack = Bench(ledger=dock.ledger, folder=tmp_path).rack
        await rack.recall()
        assert rack.bays[1].left_early == 1
        receipt = await dock.receipt(doubtful)
        await dock.write(lambda tx: segments.found(tx, receipt))
        assert (rack.bays[1].left_early, rack.bays[1].last_camera is None) == (1, False)


async def test_of_one_that_was_seen_to_leave_it_is_still_known(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        name = await dock.copied()
        rack = Bench(ledger=dock.ledger, folder=tmp_path).rack
        rack.bays[1] = Bay(number=1)
        await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))
        assert rack.bays[1].left_early == 1
        receipt = await dock.receipt(name)
        await dock.write(lambda tx: segments.found(tx, receipt))
        assert rack.bays[1].left_early == 1
