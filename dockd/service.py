"""An agent at work: docks watched, footage delivered, the page served, its own pulse taken. What `dockd run` and the demo share.

Rules kept here: every task has a name and ends with the rest; a ledger that cannot be used for now (disk full, I/O error) stops nobody but
itself, is told, and is tried again every few seconds; a reload reads the whole new configuration first, applies what can be applied while
running, and says what needs a restart; the end is clean within ten seconds, or it is made: everything is resumable at any byte.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockd.app import Agent
from dockd.gauges import gauges
from dockd.new_book import answered_for
from dockd.ops.ending import Wishes
from dockd.ops.happenings import (
    Heartbeat,
    PageOpened,
    SpoolKeeps,
    SpoolPutRight,
    TroubleBegan,
    TroubleOver,
    UsbTrouble,
    UsbWell,
)
from dockd.ops.lag import sample_lag
from dockd.ops.logs import HEARTBEAT, Logs, take_over
from dockd.ops.mark import Mark
from dockd.ops.metrics import Metrics
from dockd.ops.notify import Notify
from dockd.ops.page_address import left, url_of
from dockd.ops.reloading import Applied
from dockd.ops.sinks import open_sink
from dockd.ops.watching import Watch, watched
from dockd.page.advice import sentence
from dockd.page.facts import Sources, Troubles
from dockd.page.opening import UNREADABLE, Certificate, certificate, in_clear, why_not
from dockd.page.server import address_of, page, take_address
from dockd.page.view import Snapshot, View
from dockd.reloading import Reloaded, Reloading
from dockd.renewing import Certificates
from dockd.settings import Settings
from dockd.store_kinds import Misconfigured
from ingest.errors import DockdError, LedgerUnusable
from ingest.events import (
    AccessReadable,
    AccessUnreadable,
    Event,
    LedgerFails,
    LedgerWorks,
    SpoolFails,
    SpoolWorks,
    StoreWentBack,
)  # fmt: skip
from ingest.ledger import store_memory

if TYPE_CHECKING:
    import socket

    from dockd.docks.base import Dock
    from ingest.ledger.core import Subscriber

_WAIT = 3.0
_CALM = 5.0
_PULSE = 5.0
_HEARTBEAT = float(HEARTBEAT)


@dataclass(kw_only=True)
class Ops:
    """Log and metrics of one run. Made before the agent, so that they hear its first event; `close()` comes last."""

    logs: Logs
    metrics: Metrics

    @classmethod
    def begin(cls, settings: Settings, *, version: str) -> Ops:
        """Open the log that the settings ask for, and take over what libraries say."""
        sink, warning = open_sink(form=settings.log.format, file=settings.log.file)
        mark = Mark(settings.ledger.path.with_name("log.mark"))
        logs = Logs(sink=sink, level=settings.log.level, version=version, mark=mark).start()
        take_over(logs)
        if warning:
            logs.hear(TroubleBegan(part="log", error=warning), 0)
        return cls(logs=logs, metrics=Metrics(version=version))

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """For `dockd.app.agent`."""
        return (self.logs.hear, self.metrics.hear)

    def close(self) -> None:
        """Write the last lines."""
        self.logs.close()


def refuse_an_open_page(settings: Settings) -> None:
    """Raises Misconfigured where the page would be open to other machines without users, or in clear without that being wished for. Blocks."""
    if (why := why_not(settings)) is not None:
        raise Misconfigured(why)


async def serve(
    agent: Agent, *, docks: Sequence[Dock], ops: Ops, version: str, announce: Callable[[str], None], config: Path | None = None,
    wishes: Wishes | None = None, reloaded: Reloaded | None = None, applied: Applied | None = None, pulse: float = _PULSE, notify: Notify | None = None,
) -> None:  # fmt: skip
    """Run until cancelled. `announce(url)` is called when the page can be asked; `config` is the file that a reload reads; `pulse`: seconds between
    two samples of how fast it goes; `notify`: who starts and watches this process, and is told how it gets on.

    `reloaded(settings)` reads the camera profiles again, and returns the mistakes in them; `applied` is how the configuration stands, over all agents of a run.

    Raises Misconfigured, PageUnusable, CertificateUnusable, and what is no failure of a disk, a camera or a store.
    """
    await asyncio.to_thread(refuse_an_open_page, agent.settings)
    wishes, notify = wishes or Wishes(), notify or Notify(None)
    certified = await asyncio.to_thread(certificate, agent.settings)
    sock = take_address(agent.settings.page.listen)
    sources = Sources(
        settings=agent.settings, version=version, clock=agent.clock, ledger=agent.ledger, spool=agent.spool, activity=agent.activity,
        rack=agent.rack, store_state=lambda: agent.delivery.state, troubles=Troubles(), bandwidth=agent.bandwidth, beside=agent.delivery.beside,
    )  # fmt: skip
    certificates = Certificates(
        settings=lambda: sources.settings,
        tls=agent.tls,
        clock=agent.clock,
        troubles=sources.troubles,
        publish=agent.ledger.publish,
    )
    view, applied = View(sources), applied or Applied(settings=agent.settings)
    reloading = Reloading(
        agent=agent, applied=applied, config=config, wishes=wishes, sources=sources, view=view, logs=ops.logs, metrics=ops.metrics, notify=notify,
        certified=certified, reloaded=reloaded,
    )  # fmt: skip
    running = _Running(
        agent=agent, ops=ops, sources=sources, view=view, certified=certified, certificates=certificates, notify=notify, applied=applied, config=config,
    )  # fmt: skip
    agent.ledger.subscribe(running.hear)
    await reloading.judge_the_start()
    running.say_what_was_found()
    await running.say_what_nobody_has_seen()
    with contextlib.suppress(LedgerUnusable):
        await reloading.say_at_the_start()
        await agent.rack.recall()
    async with asyncio.TaskGroup() as group:
        group.create_task(running.ledger_stays_whole(), name="ledger")
        group.create_task(answered_for(sources, every=_HEARTBEAT), name="ledger-rebuilt")
        group.create_task(running.page(sock, announce), name="page")
        group.create_task(watched(Watch(agent.steps), notify), name="watchdog")
        group.create_task(sample_lag(ops.metrics.lag), name="event-loop-lag")
        group.create_task(running.pulse(pulse), name="heartbeat")
        group.create_task(agent.bandwidth.run(), name="bandwidth")
        group.create_task(reloading.run(), name="reload")
        group.create_task(running.kept("certificates", certificates.run), name="certificates")
        group.create_task(running.kept("delivery", agent.delivery.run), name="delivery")
        for number, dock in enumerate(docks, 1):
            group.create_task(running.kept(f"dock-{number}", _watching(agent, dock)), name=f"dock-{number}")


def _watching(agent: Agent, dock: Dock) -> Callable[[], Awaitable[None]]:
    return lambda: agent.rack.watch(dock)


@dataclass(kw_only=True)
class _Running:
    """The tasks of one run."""

    agent: Agent
    ops: Ops
    sources: Sources
    view: View
    certified: Certificate | None = None
    certificates: Certificates
    notify: Notify
    applied: Applied
    config: Path | None = None
    usb: dict[tuple[str, str], str] = field(default_factory=dict)
    opened: set[tuple[str, str]] = field(default_factory=set)
    said_kept: bool = False

    # -- a part that is kept running -----------------------------------------------------------------------------------

    async def kept(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` again whenever the ledger or a disk ends it; everything else that it raises is a defect, and goes up."""
        loop = asyncio.get_running_loop()
        while True:
            calm = loop.call_later(_CALM, self._over, part)
            try:
                await work()
                return
            except (DockdError, OSError, ExceptionGroup) as error:
                known = known_cause(error)
                if known is None:
                    raise
                self._trouble(part, known)
            finally:
                calm.cancel()
            await asyncio.sleep(_WAIT)

    def _trouble(self, part: str, error: DockdError | OSError) -> None:
        if isinstance(error, LedgerUnusable):
            name, text = "ledger_unusable", error.message
        else:
            name, text = "dock_unwatched", f"{part}: {plainly(error)}; it is tried again"
        self.opened.add((part, name))
        if self.sources.troubles.open(name, text):
            self.agent.ledger.publish(TroubleBegan(part=part, error=text))

    def hear(self, event: Event, _seq: int) -> None:
        """What the USB dock, the dock's own disks and its list of users say of themselves is a problem until they say that it is over."""
        troubles = self.sources.troubles
        begun = {SpoolFails: "spool_failed", LedgerFails: "ledger_unusable"}
        over = {SpoolWorks: "spool_failed", LedgerWorks: "ledger_unusable", AccessReadable: "access_unreadable"}
        if type(event) in over:
            troubles.close(over[type(event)])
        elif isinstance(event, AccessUnreadable):
            troubles.open("access_unreadable", UNREADABLE)
        elif isinstance(event, SpoolFails | LedgerFails):
            troubles.open(begun[type(event)], sentence(event.error))
        elif isinstance(event, StoreWentBack):
            troubles.open("store_went_back", sentence(event.message()))
        elif isinstance(event, UsbTrouble | UsbWell):
            self._hear_usb(event)

    def _hear_usb(self, event: UsbTrouble | UsbWell) -> None:
        if isinstance(event, UsbTrouble):
            self.usb[event.about, event.error] = event.error
        else:
            self.usb = {key: text for key, text in self.usb.items() if key[0] != event.about}
        if self.usb:
            self.sources.troubles.open("usb_trouble", "; ".join(self.usb.values()))
        else:
            self.sources.troubles.close("usb_trouble")

    def _over(self, part: str) -> None:
        """This part works again. What another has found stays."""
        mine = {(of, name) for of, name in self.opened if of == part}
        self.opened -= mine
        for _part, name in mine:
            if all(name != other for _of, other in self.opened):
                self.sources.troubles.close(name)  # another may have found out before that it is over
        if mine:
            self.agent.ledger.publish(TroubleOver(part=part))

    def say_what_was_found(self) -> None:
        """What the start had to put right."""
        found = self.agent.found
        if found.recovered or found.rotted or found.unexplained:
            self.agent.ledger.publish(
                SpoolPutRight(recovered=found.recovered, rotted=found.rotted, unexplained=found.unexplained)
            )

    # -- the ledger ----------------------------------------------------------------------------------------------------

    async def ledger_stays_whole(self) -> None:
        """Raises LedgerDamaged when it is found damaged while it is used: whoever runs the agent opens it anew."""
        raise await self.agent.ledger.damage()

    async def say_what_nobody_has_seen(self) -> None:
        """A store that went back in time, or is to be confirmed, is a problem until a person has pinned a store since, however often dockd is started."""
        if why := self.agent.ledger.unconfirmed:
            self.sources.troubles.open("store_unconfirmed", sentence(why))
        with contextlib.suppress(LedgerUnusable):
            found = await self.agent.ledger.read(lambda db: store_memory.unseen(db.execute))
            if found is not None:
                event = StoreWentBack(
                    store=found.store, number=found.number, known=found.known, last_receipt=found.last
                )
                self.sources.troubles.open("store_went_back", sentence(event.message()))

    # -- the page ------------------------------------------------------------------------------------------------------

    async def page(self, sock: socket.socket, announce: Callable[[str], None]) -> None:
        """Serve the page until cancelled."""
        if (said := in_clear(self.sources.settings)) is not None:
            self.sources.troubles.open("page_in_clear", said)
        certified = self.certified
        tls = (lambda: certified.context) if certified is not None else None
        async with page(sources=self.sources, view=self.view, sock=sock, metrics=self._metrics, tls=tls):
            url = address_of(sock, tls=tls is not None)
            self.agent.ledger.publish(PageOpened(url=url))
            asked = url_of(self.agent.settings.page, port=sock.getsockname()[1])
            async with left(self.agent.settings.ledger.path.parent, config=self.config, url=asked):
                announce(url)
                self.notify.ready(f"Serving {url}")
                await asyncio.Event().wait()

    async def _metrics(self) -> tuple[bytes, str]:
        snapshot = await self.view.look()
        return self.ops.metrics.render(
            gauges(snapshot, self.agent, logs=self.ops.logs, certificates=self.certificates.ends)
        )

    # -- its own pulse -------------------------------------------------------------------------------------------------

    async def pulse(self, every: float) -> None:
        """Feed the estimate every few seconds, and say every minute how things are."""
        loop = asyncio.get_running_loop()
        say_at = loop.time() + _HEARTBEAT
        while True:
            self.view.sample()
            if loop.time() >= say_at:
                say_at += _HEARTBEAT
                self._say_how_things_are(await self.view.look())
            await asyncio.sleep(every)

    def _say_how_things_are(self, snapshot: Snapshot) -> None:
        status = snapshot.status
        if (news := keeps(status, said=self.said_kept)) is not None:
            self.agent.ledger.publish(news)
        self.said_kept = status["spool"]["kept"] is not None
        self.notify.status("; ".join(filter(None, (self.applied.in_a_line, in_a_line(status)))))
        self.agent.ledger.publish(
            Heartbeat(
                docked=sum(doc["camera"] is not None for doc in snapshot.bays.values()), ready=status["ready"],
                needs_action=status["needs_action"], waiting=status["backlog"]["segments"],
                waiting_bytes=status["backlog"]["bytes"], store=status["store"]["state"], log_lines_lost=self.ops.logs.lost,
                boot=self.ops.logs.boot,
            )
        )  # fmt: skip


def keeps(status: Mapping[str, Any], *, said: bool) -> SpoolKeeps | None:
    """Why no room comes though the store has what is on the dock, where that is so and has not been `said`."""
    kept = status["spool"]["kept"]
    return SpoolKeeps(error=kept["text"]) if kept is not None and not said else None


def in_a_line(status: Mapping[str, Any]) -> str:
    """How things are, for `systemctl status`."""
    waiting = status["backlog"]["segments"] if status["backlog"] else 0
    return f"{status['ready']} of {status['bays_total']} bays ready, {status['needs_action']} need somebody, {waiting} segments wait, store {status['store']['state']}"


def known_cause(error: BaseException) -> DockdError | OSError | None:
    """The first known error in what a group of tasks raised; None where there is another kind in it."""
    if isinstance(error, BaseExceptionGroup):
        found = [known_cause(one) for one in error.exceptions]
        return found[0] if found and all(one is not None for one in found) else None
    return error if isinstance(error, (DockdError, OSError)) else None


def plainly(error: DockdError | OSError) -> str:
    """For a person."""
    if isinstance(error, DockdError):
        return error.message
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
