"""A real agent with its page on a free port, whose rack is staged: every bay in the state that its part (tests.page.cast) is meant to have.

Real: the ledger, and each of its rows made by the ledger's own functions; the rack, moved by its own docks' events; the view, the page, access, log and
metrics, opened by `dockd.service.serve`. Behind production interfaces: a dock that says what it is told to (`StagedDock`); sessions that commit what a
session would have found (`Played`, in place of `Intake.session`: nothing is read from any device); a delivery that sends nothing and says how the
store stands (`Still`); a disk of a size that does not change (`Disk`); a clock (`StageClock`). Nothing is patched.

    python -m tests.page.stage_process [--bays N] [--port P] [--frozen]      the same as a process: for people with a browser, and for tests
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from dockd.app import Agent, agent
from dockd.docking import Rack, Turns
from dockd.docks.base import Docked, Noted, Occupied, Undocked
from dockd.service import Ops, serve
from dockd.settings import Settings, load
from ingest.clock import Clock, rfc3339
from ingest.delivery import Delivery, DeliverySettings, StoreState
from ingest.intake import Intake, IntakeSettings
from ingest.ledger import Ledger, Transaction, cameras, permits, rack, segments, stores
from ingest.model import Digest, Listed, Receipt, Vitals
from ingest.spool import Spool
from ingest.store.throttle import Bucket
from ingest.visit import Visit
from tests.page.cast import NOW, OUTSIDE, Part, cast
from tests.unit.ingest.ledger.day import STORE, signed

TB = 10**12
_PULSE = 0.05
_LONG_STEPS, _SHORT_STEPS = (12.0,) * 8, (0.3,) * 6  # minutes


class StageClock(Clock):
    """A clock that stands at the rack's evening; it runs once `running` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.running, self._since = NOW - 7200, False, 0.0
        self.passed = 0

    def now(self) -> float:
        return self.at + (time.monotonic() - self._since if self.running else 0.0)

    def boottime_ns(self) -> int:
        return super().boottime_ns() + self.passed

    def run(self) -> None:
        """From here on it goes as every clock does."""
        self.running, self._since = True, time.monotonic()

    def synchronised(self) -> bool | None:
        return True


class StagedDock:
    """A dock that says what it is told to say."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Docked | Noted | Occupied | Undocked] = asyncio.Queue()

    def say(self, event: Docked | Noted | Occupied | Undocked) -> None:
        self._said.put_nowait(event)

    async def events(self) -> AsyncIterator[Docked | Noted | Occupied | Undocked]:
        while True:
            yield await self._said.get()


class Disk(Spool):
    """A spool on a disk of two terabytes, of which three quarters are free."""

    def free(self) -> int:
        return 3 * TB // 2

    def size(self) -> int:
        return 2 * TB


class Still(Delivery):
    """A delivery that sends nothing. `stands`: how the store stands, as the page is told."""

    stands = StoreState(word="connected", since=NOW - 86400, last_success=NOW - 20, id=STORE.id, honest=True)

    @property
    def state(self) -> StoreState:
        return self.stands

    async def run(self) -> None:
        await asyncio.Event().wait()


class Played(Intake):
    """Sessions that are played. What a session would have seen and done is committed; the camera then stays in its phase until it is taken."""

    def __init__(self, *, ledger: Ledger, spool: Spool, turns: Turns, parts: Mapping[str, Part], activity: Any) -> None:
        super().__init__(
            ledger=ledger, spool=spool, pool=turns, activity=activity, attest=_nobody, settings=IntakeSettings()
        )
        self.parts = dict(parts)
        self.played: dict[str, asyncio.Event] = {name: asyncio.Event() for name in parts}
        self._nonces = 0

    async def session(self, visit: Visit, *, once: bool) -> None:
        name = visit.camera.id
        part = self.parts[name]
        visit.begin(
            await self._ledger.commit(
                lambda tx: cameras.docked(tx, visit.camera, bay=visit.bay, source=f"usb:{part.place}")
            )
        )
        try:
            await self._play(visit, part)
            self.played.setdefault(name, asyncio.Event()).set()
            await asyncio.Event().wait()
        finally:
            self.played[name].clear()
            self._activity.turn(visit.root)
            self._activity.camera_left(name)
            await self._ledger.commit(
                lambda tx: cameras.undocked(tx, visit.docking, taken=visit.taken, may_go=part.went_out)
            )

    async def _play(self, visit: Visit, part: Part) -> None:
        name = visit.camera.id
        match part.state:
            case "reading":
                self._activity.camera(name, "reading")
                return
            case "queued":
                self._activity.camera(name, "reading")
                self._activity.queue(visit.root)
                return
            case "unknown":
                self.trouble(
                    visit, "dockd cannot write down what it does with this camera: its record book does not answer"
                )
                return
        visit.listed_once, visit.room = True, part.room
        await self._write(visit, part)
        phase, reason, message = _PHASES.get(part.state, ("done", "", ""))
        if part.went_out:
            phase = "waiting"
        next_file = part.files[part.copied] if part.copied < len(part.files) else 0
        self._activity.camera(name, phase, total=next_file, reason=reason, message=message)  # type: ignore[arg-type]
        if part.done:
            self._activity.moved(name, part.done)

    async def _write(self, visit: Visit, part: Part) -> None:
        """The rows of a docking, each by the step that makes it."""
        files = [_listed(part, number) for number in range(len(part.files))]
        found = await self._ledger.commit(lambda tx: self._copied(tx, visit, part, files))
        proven = found[: part.confirmed]
        if proven:
            await self._ledger.commit(lambda tx: self._prove(tx, part, proven))
        gone = found[: part.wiped]
        if gone:
            await self._ledger.commit(lambda tx: _wiped(tx, part, gone))

    def _copied(self, tx: Transaction, visit: Visit, part: Part, files: Sequence[Listed]) -> list[str]:
        name = visit.camera.id
        cameras.listing(tx, camera=name, docking=visit.docking, files=files, skipped=[])
        found = [segments.listed(tx, camera=name, docking=visit.docking, file=file) for file in files]
        for one, file in list(zip(found, files, strict=True))[: part.copied]:
            segments.copied(tx, one, digest=_digest(part, file), second_read="direct")
        for one in found[-part.evidential :] if part.evidential else ():
            segments.mark_evidential(tx, one)
        if part.held is not None:
            segments.hold(tx, found[-1], reason=part.held[0], error=part.held[1])
        return found

    def _prove(self, tx: Transaction, part: Part, proven: Sequence[str]) -> None:
        for one in proven:
            segments.confirmed(tx, self._receipt(tx, one))
            segments.attested(tx, self._receipt(tx, one))

    def _receipt(self, tx: Transaction, segment: str) -> Receipt:
        row = segments.get(tx.execute, segment)
        self._nonces += 1
        nonce, at, head = f"staged-{self._nonces:08}", rfc3339(tx.now), self._ledger.head
        said = {
            "iss": STORE.id, "sub": f"object-{segment}", "size": row.size, "sha256": row.digest.sha256, "stored_at": at, "attested_at": at,
            "durable": True, "segment": segment, "camera": row.camera, "nonce": nonce, "head": head.hash, "seq": head.seq,
        }  # fmt: skip
        return Receipt(
            segment=segment, camera=row.camera, store=STORE.id, object=f"object-{segment}", method="receipt", size=row.size,
            sha256=row.digest.sha256, durable=True, stored_at=at, attested_at=at, nonce=nonce, head=head, raw=signed(said),
            asked_boottime_ns=tx.clock.boottime_ns(), boot_id=tx.clock.boot_id,
        )  # fmt: skip


_PHASES = {
    "copying": ("copying", "", ""), "wiping": ("wiping", "", ""), "unconfirmed": ("waiting", "", ""), "usable": ("waiting", "", ""),
    "store_refused": ("waiting", "", ""), "removed_early": ("copying", "", ""),
}  # fmt: skip


async def _nobody(_segments: Sequence[segments.Segment]) -> list[str]:
    return []


def _listed(part: Part, number: int) -> Listed:
    captured = datetime.fromtimestamp(part.docked_at - 600.0 * (len(part.files) - number), UTC)
    path = f"DCIM/{captured:%Y%m%d}/{part.serial}_{captured:%Y%m%d_%H%M%S}.MP4".encode()
    return Listed(
        path=path,
        size=part.files[number],
        mtime_ns=int(captured.timestamp()) * 10**9,
        ctime_ns=10**18,
        dev=1,
        ino=number + 1,
    )


def _digest(part: Part, file: Listed) -> Digest:
    content = hashlib.sha256(part.serial.encode() + file.path).hexdigest()
    return Digest(size=file.size, sha256=content, xxh3_128=content[:32])


def _wiped(tx: Transaction, part: Part, gone: Sequence[str]) -> None:
    permit = permits.issue(tx, camera=part.camera.id, device=f"8:{16 * part.bay}", segments=gone)
    for one in gone:
        segments.wiped(tx, one, permit=permit.id, seen="unlinked and listed again")
    permits.close(tx, permit, gone=list(gone))
    for one in gone:
        segments.released(tx, one)


# -- the stage -----------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Stage:
    """A staged rack at work. `url` of its page; `parts` by bay; `stirred`: when everything was changed."""

    agent: Agent
    dock: StagedDock
    intake: Played
    clock: StageClock
    parts: dict[int, Part]
    url: str = ""
    stirred: list[float] = field(default_factory=list)

    @property
    def rack(self) -> Rack:
        return self.agent.rack

    async def enter(self, part: Part) -> None:
        """This part comes on, and the bay that it is in has its state."""
        self.parts[part.bay] = part
        if self.clock.at < part.docked_at and not self.clock.running:
            self.clock.at = part.docked_at
        match part.state:
            case "not_ours":
                why = "this is a memory stick (SanDisk Cruzer), and no camera that dockd knows"
                self.dock.say(Occupied(place=part.place, what="not_ours", why=why))
            case "out_of_use":
                why = "the socket is loose; estates know (job 4471)"
                await self.agent.ledger.commit(lambda tx: rack.take_out(tx, part.bay, reason=why, by="user:whitaker"))
            case "bay_fault":
                why = "the port gives no power that holds: the device came and went 6 times in a minute"
                self.dock.say(Occupied(place=part.place, what="fault", why=why))
            case _ if part.serial:
                await self._docked(part)
            case _:
                self.dock.say(Undocked(place=part.place))

    async def _docked(self, part: Part) -> None:
        name = part.camera.id
        self.intake.parts[name] = part
        played = self.intake.played.setdefault(name, asyncio.Event())
        played.clear()
        vitals = Vitals(battery_percent=part.battery, clock_offset_seconds=part.clock_offset)
        root = f"/run/dockd/mnt/{part.place}".encode()
        self.dock.say(Docked(place=part.place, camera=part.camera, root=root, wipe=True, vitals=vitals))
        async with asyncio.timeout(20):
            await played.wait()
            if part.state == "removed_early" or part.went_out:
                self.dock.say(Undocked(place=part.place))
                while self.rack.bays[part.bay].camera is not None:  # noqa: ASYNC110 - the rack tells by its version alone
                    await asyncio.sleep(0.005)

    async def pass_time(self, session: aiohttp.ClientSession) -> None:
        """An hour and a half, in a second and a half: cameras charge (one does not), the store takes what it is sent, copies grow."""
        for step, minutes in enumerate([*_LONG_STEPS, *_SHORT_STEPS], 1):
            left = len(_LONG_STEPS) + len(_SHORT_STEPS) - step
            for part in self.parts.values():
                visit = self.rack.bays[part.bay].visit
                if part.battery is None or visit is None:
                    continue
                percent = (
                    part.battery if part.state != "charging" else part.battery - 5 * max(0, left - len(_SHORT_STEPS))
                )
                visit.told(Vitals(battery_percent=percent, clock_offset_seconds=part.clock_offset))
                if part.done:
                    self.agent.activity.moved(part.camera.id, part.done - left * part.done // 50)
            self.agent.activity.sent("staged", 10**12, step * 10**9, int(38e6 * 60 * minutes))
            self.clock.passed += int(minutes * 60e9)
            self.clock.at += 60 * minutes
            async with session.get(
                f"{self.url}/api/v1/status"
            ):  # what is expected is reckoned from what was last looked at
                await asyncio.sleep(2 * _PULSE)
        self.agent.activity.upload_over("staged")

    def leave(self, bay: int) -> None:
        """What is in this bay is taken out."""
        self.dock.say(Undocked(place=f"bay-{bay:02}"))

    def stir(self) -> None:
        """Something changes in every bay: a camera says another charge, a bay without one another cause. `stirred` says when, by `time.time()`."""
        self.stirred.append(time.time())
        turn = len(self.stirred)
        for number, bay in list(self.rack.bays.items()):
            if bay.visit is not None:
                percent = 20 + (turn + number) % 60
                bay.visit.told(Vitals(battery_percent=percent, clock_offset_seconds=bay.clock_offset_seconds))
            else:
                why = f"the device came and went {turn} times"
                self.dock.say(Occupied(place=f"bay-{number:02}", what="fault", why=why))

    def store(self, word: str, message: str = "") -> None:
        """The store stands so from now on."""
        now = self.clock.now()
        delivery = self.agent.delivery
        assert isinstance(delivery, Still)
        delivery.stands = replace(delivery.stands, word=word, message=message, since=now)  # type: ignore[arg-type]


def configured(folder: Path, parts: Sequence[Part], *, listen: str, more: str = "") -> Settings:
    """The configuration that such a rack has; its list of cameras names all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [(part.serial, part.officer) for part in parts if part.serial] + [
        (one.serial, one.officer) for one in OUTSIDE
    ]
    rows = [f"{serial},{officer or ''},{'' if officer else 'pool'}" for serial, officer in listed]
    (folder / "cameras.csv").write_text("\n".join(["camera,assigned_to,note", *rows]) + "\n", encoding="utf-8")
    bays = "".join(f'[[bays]]\nnumber = {part.bay}\nusb_path = "{part.place}"\n' for part in parts)
    (folder / "dockd.toml").write_text(
        f'{bays}[station]\nname = "Parade Street"\nrack = "2"\n[docks]\nusb = false\n[spool]\npath = "{folder}/state/spool"\n'
        f'[ledger]\npath = "{folder}/state/ledger.db"\n[store]\nurl = "http://127.0.0.1:9"\n[ready]\nusable_after = "0 s"\n'
        f'[page]\nlisten = "{listen}"\n[log]\nfile = "{folder}/dockd.log"\n[registry]\nfile = "{folder}/cameras.csv"\n{more}\n',
        encoding="utf-8",
    )
    return load(folder / "dockd.toml", environ={})


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    *,
    parts: Sequence[Part] | None = None,
    listen: str = "127.0.0.1:0",
    more: str = "",
    frozen: bool = False,
    evening: bool = True,
) -> AsyncIterator[Stage]:
    """A staged rack whose page can be asked; ended afterwards. `more`: lines of configuration; `frozen`: its clock stands still at NOW;
    `evening`: time has passed, so that a charge or a copy that goes on can be foretold (samples are taken far oftener then)."""
    parts = cast() if parts is None else parts
    settings = configured(folder, parts, listen=listen, more=more)
    clock, dock = StageClock(), StagedDock()
    ops = Ops.begin(settings, version="0.1.0")
    try:
        async with agent(settings, version="0.1.0", subscribers=ops.subscribers, clock=clock) as built:
            whole = _recast(built, parts, clock)
            assert isinstance(whole.intake, Played)
            stage = Stage(agent=whole, dock=dock, intake=whole.intake, clock=clock, parts={})
            opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(
                serve(
                    whole,
                    docks=[dock],
                    ops=ops,
                    version="0.1.0",
                    announce=opened.set_result,
                    config=folder / "dockd.toml",
                    pulse=_PULSE if evening else 5.0,
                )
            )
            try:
                either: set[asyncio.Future[Any]] = {serving, opened}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    serving.result()
                stage.url = opened.result()
                await whole.ledger.commit(lambda tx: stores.pin(tx, STORE))
                await whole.ledger.commit(lambda tx: stores.honest(tx, STORE.id))
                for part in sorted(parts, key=lambda one: one.docked_at):
                    await stage.enter(part)
                if evening:
                    clock.at = NOW - 60 * sum(_LONG_STEPS + _SHORT_STEPS)
                    async with aiohttp.ClientSession() as session:
                        await stage.pass_time(session)
                clock.at = NOW
                if not frozen:
                    clock.run()
                yield stage
            finally:
                serving.cancel()
                await asyncio.wait({serving})
    finally:
        ops.close()


def _recast(built: Agent, parts: Sequence[Part], clock: Clock) -> Agent:
    """The same agent with the staged parts in place of those that need cameras and a store."""
    settings = built.settings
    spool = Disk(built.spool.folder, keep_free=0)
    spool.prepare()
    turns = Turns(parallel=1, spool=spool.folder, activity=built.activity)
    intake = Played(
        ledger=built.ledger, spool=spool, turns=turns, activity=built.activity,
        parts={part.camera.id: part for part in parts if part.serial},
    )  # fmt: skip
    rack = Rack(
        intake=intake, ledger=built.ledger, turns=turns, clock=clock, fixed={bay.usb_path: bay.number for bay in settings.bays},
        max_clock_offset=settings.ready.max_clock_offset,
    )  # fmt: skip
    delivery = Still(
        ledger=built.ledger,
        spool=spool,
        store=built.store,
        bucket=Bucket(None),
        settings=DeliverySettings(),
        activity=built.activity,
    )
    return replace(built, spool=spool, intake=intake, rack=rack, delivery=delivery)
