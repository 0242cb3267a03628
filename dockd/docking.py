"""A session for each docked camera, and what is known of each bay: who is in it, since when, and how its last camera left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from dockd.docks.base import Controls, Dock, Docked, Noted, Occupied, Undocked
from ingest.activity import Activity, Changing
from ingest.clock import Clock
from ingest.errors import CameraGone, LedgerUnusable
from ingest.events import (
    BayBackInUse,
    BayOutOfUse,
    CameraRemovedEarly,
    CameraWentOut,
    ClockSet,
    Event,
    SegmentFoundInStore,
)
from ingest.intake import Intake
from ingest.ledger import Ledger, views
from ingest.ledger.rack import OutOfUse, keep_number, kept_numbers, out_of_use
from ingest.model import CameraId, Vitals
from ingest.visit import Visit
from ingest.worker.pool import Worker, WorkerPool
from ingest.worker.slots import Slots

_ASK_EVERY = 15.0
_TRY_AGAIN = 5.0
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Bay:
    """A bay of the rack. `camera` is None when it is empty; `docking` then is the last one, `left_early` how many segments it took along,
    `went_out` how many where all of them were safe here and it had room for more.

    `since` seconds since the epoch; `battery_percent` and `clock_offset_seconds` None where they are not known; `charge_lost`, `clock_lost`: it
    told them before in this docking, and does not now. `occupied`: what is in it that
    is no camera, or not yet one (looking, not_ours, fault), and `why`. `note`: what people should know of the camera; `why_kept`: why
    it is not emptied; `ours`: it is the site's. `still`: the camera that is in it and is being docked anew. `out_of_use`: people keep it out of use; a
    camera that is put into it all the same is served as in any other bay: its footage comes first.
    """

    number: int
    place: str = ""
    camera: CameraId | None = None
    since: float = 0.0
    docking: int | None = None
    left_early: int = 0
    went_out: int = 0
    last_camera: CameraId | None = None
    battery_percent: int | None = None
    clock_offset_seconds: float | None = None
    charge_lost: bool = False
    clock_lost: bool = False
    occupied: str = ""
    why: str = ""
    note: str = ""
    why_kept: str = ""
    ours: bool = True
    still: CameraId | None = None
    out_of_use: OutOfUse | None = None
    visit: Visit | None = field(default=None, compare=False)


class Turns(WorkerPool):
    """The same pool; it tells which cameras wait for their turn, so that nobody takes waiting for reading.

    Beside the pool's bound there is one for each USB controller, `per_controller`: cameras behind one share its line.
    """

    def __init__(
        self, *, parallel: int, spool: Path, activity: Activity, per_controller: int = 64, silence: float = 120.0
    ) -> None:
        super().__init__(parallel=parallel, spool=spool, silence=silence)
        self._activity = activity
        self._per_controller = per_controller
        self._lines: dict[str, Slots] = {}
        self._behind: dict[bytes, str] = {}

    def behind(self, root: bytes, controller: str) -> None:
        """The camera at `root` is behind this controller; empty: behind none that it shares."""
        self._behind[root] = controller

    def follow(self, *, parallel: int, per_controller: int) -> None:
        """So many at once from now on; cameras that are being read have their turn to its end."""
        self.resize(parallel)
        self._per_controller = per_controller
        for line in self._lines.values():
            line.resize(per_controller)

    def left(self, root: bytes) -> None:
        """It is not there any more."""
        self._behind.pop(root, None)

    @contextlib.asynccontextmanager
    async def lent(self, root: bytes) -> AsyncIterator[Worker]:
        """As the pool's."""
        controller = self._behind.get(root, "")
        line: contextlib.AbstractAsyncContextManager[object] = contextlib.nullcontext()
        if controller:
            line = self._lines.setdefault(controller, Slots(self._per_controller))
        self._activity.queue(root)
        try:
            async with line, super().lent(root) as worker:
                self._activity.turn(root)
                yield worker
        finally:
            self._activity.turn(root)


class Rack(Changing):
    """All bays. `fixed` maps places to painted numbers, which win; other places get the next free number, and keep it, over restarts too.

    `ask_every` seconds a camera's battery and clock are asked; `try_again` seconds after a session that failed, the next begins.
    """

    def __init__(
        self, *, intake: Intake, ledger: Ledger, turns: Turns, clock: Clock, fixed: dict[str, int], max_clock_offset: float,
        ask_every: float = _ASK_EVERY, try_again: float = _TRY_AGAIN,
    ) -> None:  # fmt: skip
        super().__init__()
        self._intake = intake
        self._ledger = ledger
        self._turns = turns
        self._clock = clock
        self._max_clock_offset = max_clock_offset
        self._ask_every = ask_every
        self._try_again = try_again
        self._numbers = dict(fixed)
        self._unkept: set[str] = set()
        # Which segments each camera has taken along, as the ledger had it at the start.
        self._recalled: dict[str, set[str]] = {}
        self._sessions: dict[str, asyncio.Task[None]] = {}
        self.bays: dict[int, Bay] = {n: Bay(number=n, place=place, since=clock.now()) for place, n in fixed.items()}
        ledger.subscribe(self._hear)

    def _hear(self, event: Event, _seq: int) -> None:
        if isinstance(event, CameraRemovedEarly) and event.bay in self.bays:
            self._set(event.bay, left_early=event.left)
        if isinstance(event, SegmentFoundInStore) and event.segment in self._recalled.get(event.camera or "", ()):
            self._found(event)
        if isinstance(event, CameraWentOut) and event.bay in self.bays:
            self._set(event.bay, went_out=event.left)
        if isinstance(event, BayOutOfUse) and event.bay in self.bays:
            before = self.bays[event.bay].out_of_use
            since = self._clock.now() if before is None else before.since
            self._set(event.bay, out_of_use=OutOfUse(reason=event.reason, by=event.by, since=since))
        if isinstance(event, BayBackInUse) and event.bay in self.bays:
            self._set(event.bay, out_of_use=None)

    def _set(self, number: int, **changes: object) -> None:
        self.bays[number] = replace(self.bays[number], **changes)  # type: ignore[arg-type]
        self.version += 1

    def _found(self, event: SegmentFoundInStore) -> None:
        """The ledger was behind: the store has a segment of a camera that it only remembers as gone with footage. Who has brought it there may have emptied
        the camera since; as at the next start, nobody is asked to bring it for that, but for what is on it alone.
        """
        rest = self._recalled[event.camera or ""]
        rest.discard(event.segment or "")
        for bay in list(self.bays.values()):
            if bay.left_early and bay.last_camera is not None and bay.last_camera.id == event.camera:
                self._set(bay.number, left_early=len(rest), last_camera=bay.last_camera if rest else None)

    def _number_of(self, place: str) -> int:
        if place not in self._numbers:
            taken = set(self._numbers.values())
            self._numbers[place] = next(n for n in range(1, len(taken) + 2) if n not in taken)
            self._unkept.add(place)
        number = self._numbers[place]
        known = self.bays.get(number, Bay(number=number, since=self._clock.now()))
        if known.place != place or number not in self.bays:
            self.bays[number] = replace(known, place=place)
        return number

    async def _keep_number(self, place: str) -> None:
        """Of a bay in which no session begins; where one does, its docking and its number are one transaction."""
        if place in self._unkept:
            with contextlib.suppress(
                LedgerUnusable
            ):  # that is told elsewhere; the next time that something is in this bay it is tried again
                await self._ledger.commit(lambda tx: keep_number(tx, place, self._numbers[place]))
                self._unkept.discard(place)

    def follow(self, *, max_clock_offset: float) -> None:
        """Seconds by which a camera's clock may be wrong before it is set, from the next look on."""
        self._max_clock_offset = max_clock_offset

    async def recall(self) -> None:
        """At the start: which place has which number, the bays that people keep out of use, and those that cameras have left, in this run or an
        earlier one, with footage that is nowhere else. Raises LedgerUnusable.
        """
        for place, number in (await self._ledger.read(lambda db: kept_numbers(db.execute))).items():
            if place not in self._numbers and number not in self._numbers.values():
                self._numbers[place] = number
        for number, why in (await self._ledger.read(lambda db: out_of_use(db.execute))).items():
            self.bays.setdefault(number, Bay(number=number, since=why.since))
            self._set(number, out_of_use=why)
        away, taken = await self._ledger.read(lambda db: (views.away(db.execute), views.taken_along(db.execute)))
        for one in away:
            if one.bay is None or (one.bay in self.bays and self.bays[one.bay].camera is not None):
                continue
            camera = CameraId(profile=one.profile, serial=one.serial, card=one.card)
            self.bays.setdefault(one.bay, Bay(number=one.bay))
            how = {"left_early": one.segments} if one.early else {"went_out": one.segments}
            self._set(one.bay, since=one.since, last_camera=camera, **how)
            self._recalled[camera.id] = taken.get(camera.id, set())

    def forgive(self, camera: str) -> None:
        """Nobody waits for this camera any more: a person has said so, or all that it took along is safe."""
        for bay in list(self.bays.values()):
            if bay.last_camera is not None and bay.last_camera.id == camera and (bay.left_early or bay.went_out):
                self._set(bay.number, left_early=0, went_out=0, last_camera=None)

    async def watch(self, dock: Dock) -> None:
        """Run a session for whatever this dock says is docked, until cancelled. Raises LedgerUnusable."""
        mine: set[str] = set()
        said: asyncio.Queue[Docked | Noted | Occupied | Undocked | None] = asyncio.Queue()
        stream = asyncio.create_task(_pass_on(dock, said), name="dock-stream")
        try:
            async with asyncio.TaskGroup() as group:
                while (event := await said.get()) is not None:
                    match event:
                        case Docked():
                            mine.add(event.place)
                            await self._docked(event, group)
                        case Noted():
                            self._noted(event)
                        case Occupied():
                            await self._occupied(event)
                            group.create_task(self._keep_number(event.place), name="bay-number")
                        case Undocked():
                            await self._undocked(event)
                await stream  # raises what ended it, and ends the sessions with that
        finally:
            for place in mine:
                self._sessions.pop(place, None)
            if not stream.done():
                stream.cancel()  # after the sessions: what it has mounted is unmounted when nobody reads from it any more
            await asyncio.wait({stream})

    def _noted(self, event: Noted) -> None:
        number = self._numbers.get(event.place)
        if number in self.bays and self.bays[number].camera is not None:
            self._set(number, note=event.note)

    async def _occupied(self, event: Occupied) -> None:
        """Something is there that is no camera, or not yet one. A camera that was there is not any more."""
        if event.place in self._sessions:
            await self._undocked(Undocked(place=event.place))
        number = self._number_of(event.place)
        self._set(number, camera=None, since=self._clock.now(), visit=None, occupied=event.what, why=event.why)

    async def _docked(self, event: Docked, group: asyncio.TaskGroup) -> None:
        if event.place in self._sessions:
            await self._undocked(Undocked(place=event.place))
        number = self._number_of(event.place)
        visit = Visit(
            camera=event.camera, root=event.root, bay=number, place=event.place, wipe=event.wipe, ours=event.ours, rules=event.rules, volume=event.volume,
            part_hidden=event.hidden, vitals=event.vitals, told=lambda vitals: self._told(number, vitals),
        )  # fmt: skip
        self._turns.behind(event.root, event.controller)
        self._set(
            number, camera=event.camera, since=self._clock.now(), visit=visit, left_early=0, went_out=0, last_camera=None, occupied="", why="", still=None,
            note=event.note, why_kept="" if event.wipe else event.why_kept, ours=event.ours,
            battery_percent=event.vitals.battery_percent, clock_offset_seconds=event.vitals.clock_offset_seconds, charge_lost=False, clock_lost=False,
        )  # fmt: skip
        self._recalled.pop(event.camera.id, None)
        self._back_elsewhere(event.camera, number)
        self._sessions[event.place] = group.create_task(
            self._session(visit, event.controls, number), name=f"bay-{number}"
        )

    def _back_elsewhere(self, camera: CameraId, number: int) -> None:
        """A camera that left one bay with footage on it and is in another now has been put back."""
        for bay in list(self.bays.values()):
            if bay.number != number and (bay.left_early or bay.went_out) and bay.last_camera == camera:
                self._set(bay.number, left_early=0, went_out=0, last_camera=None)

    async def _undocked(self, event: Undocked) -> None:
        task = self._sessions.pop(event.place, None)
        number = self._numbers.get(event.place)
        if number in self.bays and self.bays[number].occupied:
            self._set(number, since=self._clock.now(), occupied="", why="", still=None)
        if task is None or number is None:
            return
        bay = self.bays[number]
        if bay.visit is not None:
            bay.visit.taken = not event.again
        task.cancel()
        await asyncio.wait({task})
        docking = bay.visit.docking if bay.visit is not None else None
        if bay.visit is not None:
            self._turns.left(bay.visit.root)
        self._set(
            number, camera=None, since=self._clock.now(), docking=docking, last_camera=bay.camera, visit=None, note="", why_kept="", ours=True
        )  # fmt: skip
        if event.again:
            self._set(
                number, occupied="looking", why="The camera is being looked at anew. Leave it in.", still=bay.camera
            )

    def _told(self, number: int, vitals: Vitals) -> None:
        """What a camera says of itself while it is read."""
        self._says(number, battery=vitals.battery_percent, offset=vitals.clock_offset_seconds)

    def _says(self, number: int, *, battery: int | None, offset: float | None) -> None:
        """Its word of now. What it told before and does not tell now is not what it never tells."""
        bay = self.bays[number]
        self._set(
            number, battery_percent=battery, clock_offset_seconds=offset,
            charge_lost=battery is None and (bay.charge_lost or bay.battery_percent is not None),
            clock_lost=offset is None and (bay.clock_lost or bay.clock_offset_seconds is not None),
        )  # fmt: skip

    async def _session(self, visit: Visit, controls: Controls | None, number: int) -> None:
        asking = asyncio.create_task(self._ask(visit, controls, number), name=f"bay-{number}-controls")
        try:
            while True:
                try:
                    await self._intake.session(visit, once=False)
                except CameraGone:  # it was gone before its session began; the dock will say so
                    await asyncio.sleep(1.0)
                except (
                    LedgerUnusable
                ) as error:  # its disk is full or gone: say so, keep trying, touch nothing meanwhile
                    self._intake.say_ledger(error.message)
                    self._intake.trouble(visit, error.message)
                    await asyncio.sleep(self._try_again)
                except Exception as error:  # noqa: BLE001 (a defect in one session: said, and kept away from the other bays)
                    _log.exception(
                        "bay %d: the session of camera %s failed; it is tried again", number, visit.camera.id
                    )
                    self._intake.trouble(
                        visit, f"dockd failed with this camera ({type(error).__name__}, see its log); it is tried again"
                    )
                    await asyncio.sleep(self._try_again)
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _ask(self, visit: Visit, controls: Controls | None, number: int) -> None:
        """Battery and clock, where the camera can say; the clock is set where it can be. What fails to answer is not known."""
        if controls is None:
            return
        while True:
            try:
                await self._ask_once(visit, controls, number)
            except Exception as error:  # noqa: BLE001 (a camera's own protocol: it may fail with anything)
                _log.warning(
                    "bay %d: camera %s does not tell its battery and clock (%s); it is asked again", number, visit.camera.id, _plainly(error)
                )  # fmt: skip
                self._says(number, battery=None, offset=None)
            await asyncio.sleep(self._ask_every)

    async def _ask_once(self, visit: Visit, controls: Controls, number: int) -> None:
        offset = await self._answer(controls.clock_offset_seconds())
        battery = await self._answer(controls.battery_percent())
        self._says(number, battery=battery, offset=offset)
        if offset is not None and abs(offset) > self._max_clock_offset and await self._answer(controls.set_clock()):
            await self._say_clock_set(visit, number, round(offset))
            self._says(number, battery=battery, offset=await self._answer(controls.clock_offset_seconds()))

    async def _answer(self, question: Awaitable[T]) -> T:
        async with asyncio.timeout(self._ask_every):  # a camera that hangs does not keep its last good word
            return await question

    async def _say_clock_set(self, visit: Visit, number: int, offset: int) -> None:
        event = ClockSet(camera=visit.camera.id, bay=number, offset_seconds=offset)
        with contextlib.suppress(LedgerUnusable):
            await self._ledger.commit(lambda tx: tx.record(event))


async def _pass_on(dock: Dock, said: asyncio.Queue[Docked | Noted | Occupied | Undocked | None]) -> None:
    """Everything that the dock says, and None when it ends, however that is."""
    events = dock.events()
    try:
        async for event in events:
            said.put_nowait(event)
    finally:
        said.put_nowait(None)
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def _plainly(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
