"""The composition root: the only place that builds objects, and that says who works with whom.

`Agent` is the pipeline with its ledger, for `dockd run`, `dockd ingest` and `dockd demo` alike. One agent a state folder: the lock says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dockd.docking import Rack, Turns
from dockd.state_places import refuse_anothers, refuse_what_is_not_whole
from dockd.store_kinds import Needs, client_tls, store_of
from ingest.activity import Activity
from ingest.bandwidth import Bandwidth, Rules
from ingest.clock import Clock
from ingest.delivery import Delivery, DeliverySettings
from ingest.errors import DockdError, LedgerUnusable
from ingest.events import AgentStarted, AgentStopped, Event, StoreUnconfirmed
from ingest.intake import Intake, IntakeSettings
from ingest.leave import Wish
from ingest.ledger import Ledger, Transaction, leaving, stores, views
from ingest.ledger.pin_file import Pinned, kept
from ingest.recovery import Found, bring_together
from ingest.spool import Spool
from ingest.steps import Steps
from ingest.store.throttle import Bucket

if TYPE_CHECKING:
    from dockd.settings import Settings
    from ingest.ledger.core import Subscriber
    from ingest.model import ProofMethod
    from ingest.store.base import Store
    from ingest.store.patience import Patience
    from ingest.store.tls import ClientTls


class StateInUse(DockdError):
    """Another dockd works with this state folder."""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Everything that works together, built and ready; `rack` for those that watch docks."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    spool: Spool
    pool: Turns
    store: Store
    bandwidth: Bandwidth
    activity: Activity
    delivery: Delivery
    intake: Intake
    rack: Rack
    found: Found
    tls: ClientTls | None = None

    @property
    def steps(self) -> tuple[Steps, ...]:
        """The parts that have to get on."""
        return (
            self.ledger.committing, self.ledger.reading, self.delivery.handing_out, self.delivery.sending, self.pool.reading,
        )  # fmt: skip

    @property
    def wipes(self) -> bool:
        """Whether cameras are emptied."""
        return self.settings.wipe.enabled


@contextlib.asynccontextmanager
async def agent(
    settings: Settings, *, version: str, rest: float = 5.0, subscribers: tuple[Subscriber, ...] = (), clock: Clock | None = None,
    ask_every: float = 15.0, observe: Callable[[str, float], None] = lambda _what, _seconds: None, patience: Patience | None = None,
    founding: bool = False, overridden: bool = True,
) -> AsyncIterator[Agent]:  # fmt: skip
    """Build an agent on its state, put right what the last run left, and take it down in order.

    `rest` seconds between two looks at a camera that waits; `ask_every` seconds its battery and clock are asked;
    `observe(method, seconds)` is told of every request to the store; `patience`: when its silence counts as a cut line;
    `founding`: a bucket or folder that is no store yet is made one, whatever was pinned before (a person asked for it);
    `overridden`: a bandwidth that was set for a time, and is not over, goes before the settings'.

    Raises StateInUse, Misconfigured, LedgerUnusable, OSError (the spool).
    """
    clock = clock or Clock()
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(refuse_anothers, settings.ledger.path)  # before anything is made there
        stack.enter_context(locked(settings.ledger.path.with_name("lock")))
        await asyncio.to_thread(refuse_what_is_not_whole, settings.ledger.path.parent)
        spool = Spool(settings.spool.path, keep_free=settings.spool.keep_free)
        ledger = await Ledger.open(
            settings.ledger.path, keys=settings.keys_path, clock=clock, lived=await asyncio.to_thread(_holds_footage, spool)
        )  # fmt: skip
        stack.push_async_callback(ledger.close)
        # One that is old may have been put back, one that was made anew has lost what came before: the store will say.
        ledger.settled = ledger.is_new and ledger.rebuilt is None and ledger.went_back is None
        for subscriber in subscribers:
            ledger.subscribe(subscriber)
        if ledger.rebuilt is not None:  # it was committed before anybody could listen
            _tell(subscribers, ledger.rebuilt.event())
        if ledger.went_back is not None:
            _tell(subscribers, ledger.went_back)
        pinned = await asyncio.to_thread(kept, settings.keys_path)
        await ledger.commit(lambda tx: _begin(tx, pinned, version=version))
        stack.push_async_callback(_say_stopped, ledger)
        stack.enter_context(locked(settings.spool.path.with_name(f"{settings.spool.path.name}.lock")))
        found = await bring_together(ledger, spool)
        bucket = Bucket(None)
        bandwidth = Bandwidth(ledger=ledger, bucket=bucket, rules=rules_of(settings), clock=clock)
        if overridden:
            await bandwidth.recall()
        tls = await asyncio.to_thread(client_tls, settings.store)
        store = store_of(
            settings.store,
            needs=Needs(
                founds=_always if founding else _unpinned(ledger),
                pinned=_none if founding else _pinned_method(ledger),
                keys=_no_keys if founding else _pinned_keys(ledger),
                observe=observe,
                patience=patience,
                bucket=bucket,
                tls=tls,
            ),
        )
        stack.push_async_callback(store.close)
        activity = Activity()
        pool = Turns(
            parallel=settings.pull.parallel, per_controller=settings.pull.per_controller, spool=spool.folder, activity=activity,
        )  # fmt: skip
        stack.push_async_callback(pool.close)
        delivery = Delivery(
            ledger=ledger,
            spool=spool,
            store=store,
            bucket=bucket,
            settings=_delivery(settings),
            activity=activity,
        )
        intake = Intake(
            ledger=ledger, spool=spool, pool=pool, activity=activity, attest=delivery.attest,
            settings=IntakeSettings(
                wipe=settings.wipe.enabled, grace=settings.wipe.grace, rest=rest, max_clock_offset=settings.ready.max_clock_offset,
                min_room=settings.ready.min_room,
            ),
        )  # fmt: skip
        rack = Rack(
            intake=intake, ledger=ledger, turns=pool, clock=clock, fixed={bay.usb_path: bay.number for bay in settings.bays},
            max_clock_offset=settings.ready.max_clock_offset, ask_every=ask_every,
        )  # fmt: skip
        yield Agent(
            settings=settings, clock=clock, ledger=ledger, spool=spool, pool=pool, store=store, bandwidth=bandwidth, activity=activity,
            delivery=delivery, intake=intake, rack=rack, found=found, tls=tls,
        )  # fmt: skip


async def _always() -> bool:
    return True


async def _none() -> None:
    return None


def _pinned_method(ledger: Ledger) -> Callable[[], Awaitable[ProofMethod | None]]:
    """By what the pinned store proves what it has."""

    async def method() -> ProofMethod | None:
        found = await ledger.read(lambda db: stores.pinned(db.execute))
        return None if found is None else found.method

    return method


async def _no_keys() -> tuple[str, ...]:
    return ()


def _pinned_keys(ledger: Ledger) -> Callable[[], Awaitable[tuple[str, ...]]]:
    """By which keys the pinned store is known."""

    async def keys() -> tuple[str, ...]:
        found = await ledger.read(lambda db: stores.pinned(db.execute))
        return () if found is None else found.keys

    return keys


def _unpinned(ledger: Ledger) -> Callable[[], Awaitable[bool]]:
    """Whether no store is pinned yet: then what is found may become the store. A share that is not mounted must not."""

    async def unpinned() -> bool:
        return await ledger.read(lambda db: stores.pinned(db.execute)) is None

    return unpinned


def _holds_footage(spool: Spool) -> bool:
    """Whether copies wait in the spool: then a dock has lived here, whatever became of its ledger."""
    with contextlib.suppress(OSError):
        return bool(spool.segments())
    return False


def _tell(subscribers: tuple[Subscriber, ...], event: Event) -> None:
    for subscriber in subscribers:
        subscriber(event, 0)


def _begin(tx: Transaction, pinned: Pinned | None, *, version: str) -> None:
    """A run begins: with the store that was believed last, whatever the ledger knows of that."""
    stores.agree(tx, pinned)
    leaving.take_back(tx, reason="dockd was started")
    tx.record(AgentStarted(version=version))
    if tx.unconfirmed:
        tx.record(StoreUnconfirmed(error=tx.unconfirmed))


async def _say_stopped(ledger: Ledger) -> None:
    with contextlib.suppress(LedgerUnusable):
        await ledger.commit(lambda tx: tx.record(AgentStopped()))


def follow(agent: Agent, settings: Settings) -> None:
    """Have all parts work by these settings from now on, as far as those are live (`dockd.settings.live`). Nothing that is under way ends by it.

    Whether cameras are emptied is not among them: that is on record first, or holds first (`dockd.reloading`).
    """
    agent.spool.keep_free = settings.spool.keep_free
    agent.pool.follow(parallel=settings.pull.parallel, per_controller=settings.pull.per_controller)
    agent.delivery.follow(
        parallel=settings.upload.parallel, chunk=settings.upload.chunk, keep_confirmed=settings.spool.keep_confirmed
    )
    agent.intake.follow(max_clock_offset=settings.ready.max_clock_offset, min_room=settings.ready.min_room)
    agent.rack.follow(max_clock_offset=settings.ready.max_clock_offset)
    agent.bandwidth.rules = rules_of(settings)


def wish_of(settings: Settings) -> Wish:
    """What the configuration says of emptying cameras."""
    return Wish(wipe=settings.wipe.enabled, grace=settings.wipe.grace)


def rules_of(settings: Settings) -> Rules:
    """What the configuration says of bandwidth."""
    said = settings.bandwidth
    return Rules(limit=said.limit, lines=said.timetable, bypass=said.evidential == "unlimited")


def _delivery(settings: Settings) -> DeliverySettings:
    return DeliverySettings(
        station=settings.station.name, parallel=settings.upload.parallel, chunk=settings.upload.chunk,
        retry_max=settings.upload.retry_max, keep_confirmed=settings.spool.keep_confirmed, pin=settings.store.pin,
    )  # fmt: skip


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One agent a state, and one a spool. The lock is flock's: it ends with the process, and no worker inherits it. Raises StateInUse, LedgerUnusable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LedgerUnusable(
            f"the state folder {path.parent} cannot be written: {error.strerror}. Check its owner and its disk"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StateInUse(
                f"another dockd (process {holder}) works with {path.parent}: end it first, or use another --state"
            ) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


async def until_clear(ledger: Ledger) -> None:
    """Wait until nothing that may be sent waits in the spool."""
    changed = asyncio.Event()
    ledger.subscribe(lambda _event, _seq: changed.set())
    while True:
        changed.clear()
        if not await ledger.read(lambda db: views.waits_in_spool(db.execute)):
            return
        await changed.wait()
