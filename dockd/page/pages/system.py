"""`/system`: what ops look at: versions, the store, the record and its keys, room, time, the settings in force; and what dockd may send, for a time."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from dockd.page.asked import asked_by_form
from dockd.page.documents import Document, bandwidth_document
from dockd.page.doorkeeper import Problem
from dockd.page.language import english, said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import add_form, address, ask, plain
from dockd.page.rights import needs
from dockd.page.settings_words import rate_words, told
from dockd.page.words import age_words, moment_words
from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_rate
from ingest.clock import rfc3339
from ingest.errors import LedgerUnusable
from ingest.ledger import database, stores
from ingest.ledger.pin_file import Pinned
from ingest.ledger.timekeeping import ClockEntry, last_word

_METHODS = {
    "receipt": said("by receipts that the store signs"), "digest": said("by digests that the store works out"), "read-back": said("by reading back what it stores"),
}  # fmt: skip
_STATES: Mapping[str, str] = {
    "connected": said("Connected"), "slow": said("Slow"), "down": said("Not reachable"), "wrong-store": said("Wrong store"),
    "dishonest": said("Not to be believed"), "unknown": said("Not yet asked"),
}  # fmt: skip
_SOURCES = {
    "override": said("set by hand"), "timetable": said("by the timetable"), "limit": said("by the configuration"), "none": said("nothing limits it"),
}  # fmt: skip
_HOURS = (("1", said("1 hour")), ("2", said("2 hours")), ("4", said("4 hours")), ("8", said("8 hours")), ("24", said("24 hours")), ("168", said("7 days")))  # fmt: skip
_DONE = {"set": said("It is set."), "lifted": said("What was set by hand holds no longer.")}
_MACHINE = frozenset(
    {"ledger_unusable", "ledger_rebuilt", "ledger_went_back", "store_dishonest", "store_went_back", "store_unconfirmed", "wrong_store", "store_down", "spool_spoils", "spool_failed",
     "spool_full", "dock_unwatched", "usb_trouble", "registry_unread", "access_unreadable"}
)  # fmt: skip


class SystemPage:
    """`/system`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._began = parts.sources.clock.boottime_ns()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/system", self.system)
        add_form(router, "/system/bandwidth", self.bandwidth)
        add_form(router, "/system/bandwidth/lift", self.lift)

    @needs("read")
    async def system(self, request: web.Request) -> web.Response:
        """The page."""
        return await self._page(request)

    async def _page(
        self, request: web.Request, *, fields: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None, status: int = 200
    ) -> web.Response:  # fmt: skip
        sources = self._sources
        snapshot = await self._view.look()
        pinned, clock = await self._asked()
        done = _DONE.get(request.query.get("done", ""), "")
        return await self._rendering.page(
            request, "system.html", status=status, snapshot=snapshot, versions=self._versions(), store=self._store(pinned), record=self._record(), time=self._time(clock),
            others=sum(one["problem"] not in _MACHINE for one in snapshot.problems), room=snapshot.room, spool=plain(str(sources.spool.folder)), settings=told(sources.settings, environ=os.environ), bays=len(sources.settings.bays),
            troubles=troubles(snapshot.problems, synchronised=sources.clock.synchronised()), bandwidth=self._bandwidth(), hours=_HOURS, fields=fields or {}, wrong=wrong or {}, done=done,
        )  # fmt: skip

    async def _asked(self) -> tuple[Pinned | None, ClockEntry | None]:
        """What the ledger says of the store and of the clock; nothing where it cannot be asked: this page is for finding out why."""
        try:
            return await ask(
                self._sources, lambda execute: (stores.pinned(execute), last_word(execute, before=1 << 62))
            )
        except Problem:
            return None, None

    def _versions(self) -> list[tuple[str, str]]:
        return [
            ("dockd", self._sources.version), ("Python", platform.python_version()), ("SQLite", database.version()),
            (said("Kernel"), plain(platform.release())), (said("Machine"), plain(platform.node())),
        ]  # fmt: skip

    def _store(self, pinned: Pinned | None) -> list[tuple[str, str]]:
        state = self._sources.store_state()
        rows: list[tuple[str, str]] = [(said("State"), _STATES.get(state.word, english(state.word)))]
        if state.message:
            rows.append((said("What it says"), english(plain(state.message))))
        if state.last_success is not None:
            rows.append((said("Last answered well"), moment_words(state.last_success)))
        if pinned is None:
            return [*rows, (said("Pinned"), said("none yet: the first honest store that answers"))]
        rows += [
            (said("Pinned"), plain(pinned.id)), (said("Where"), plain(pinned.url)), (said("Proves what it has"), _METHODS.get(pinned.method, english(pinned.method))),
            (said("Its keys"), ", ".join(map(plain, pinned.keys)) or said("none: it signs nothing")),
            (said("Promises to keep it"), said("yes") if pinned.durable else said("no: it is looked at again a day later")),
        ]  # fmt: skip
        if pinned.honest_at is not None:
            rows.append((said("Last found honest"), moment_words(pinned.honest_at)))
        return rows

    def _record(self) -> list[tuple[str, str]]:
        ledger = self._sources.ledger
        return [
            (said("Last entry"), str(ledger.head.seq)), (said("Its hash (the head)"), ledger.head.hash), (said("This dock's name"), ledger.dock),
            (said("Signs with the key"), ledger.key.thumbprint), (said("Record book"), plain(str(ledger.path))),
        ]  # fmt: skip

    def _time(self, entry: ClockEntry | None) -> list[tuple[str, str]]:
        clock = self._sources.clock
        now = clock.synchronised()
        words = {
            True: said("The operating system says that it is synchronised: times in the record are to be trusted."),
            False: said("The operating system says that it is NOT synchronised: times in the record are not to be trusted until it is."),
            None: said("The operating system does not say whether it is synchronised."),
        }  # fmt: skip
        rows: list[tuple[str, str]] = [
            (said("The station's clock"), moment_words(clock.now())), (said("The same in UTC"), rfc3339(clock.now())), (said("Trusted"), words[now]),
            (said("dockd has run for"), age_words((clock.boottime_ns() - self._began) / 1e9)),
            (said("This machine has run for"), age_words(clock.boottime_ns() / 1e9)),
        ]  # fmt: skip
        if entry is not None and entry.synchronised is not now:
            rows.append(
                (
                    said("In the record"),
                    said("The last entry about the clock says otherwise: it is written with the next one."),
                )
            )
        return rows

    # -- what may be sent ----------------------------------------------------------------------------------------------

    def _bandwidth(self) -> dict[str, Any]:
        holding = self._sources.bandwidth.now
        document = bandwidth_document(self._sources.bandwidth)
        return {
            "rate": rate_words(holding.rate), "source": _SOURCES[holding.source], "by_hand": holding.source == "override",
            "until": moment_words(holding.until) if holding.until is not None else "", "next": document["next"][:3],
            "rates": [rate_words(one["limit_bytes_per_second"]) for one in document["next"][:3]],
        }  # fmt: skip

    @needs("operate")
    async def bandwidth(self, request: web.Request) -> web.Response:
        """What dockd may send, for a time."""
        me, fields = await asked_by_form(request, known={"rate", "hours"})
        wrong: dict[str, str] = {}
        rate = None
        try:
            rate = _rate(fields.get("rate", ""))
        except WrongValue:
            wrong["rate"] = said('Write a rate such as "20 Mbit/s", or "unlimited".')
        if fields.get("hours", "") not in dict(_HOURS):
            wrong["hours"] = said("Choose for how long.")
        if wrong:
            return await self._page(request, fields=fields, wrong=wrong, status=400)
        try:
            await self._sources.bandwidth.set(rate, lasts=float(fields["hours"]) * 3600, by=me.by)
        except LedgerUnusable as error:
            return await self._page(request, fields=fields, wrong={"": error.message}, status=503)
        return web.Response(status=303, headers={"Location": address("system", done="set")})

    @needs("operate")
    async def lift(self, request: web.Request) -> web.Response:
        """What was set by hand holds no longer."""
        me, _fields = await asked_by_form(request, known=())
        try:
            await self._sources.bandwidth.lift(by=me.by)
        except LedgerUnusable as error:
            return await self._page(request, wrong={"": error.message}, status=503)
        return web.Response(status=303, headers={"Location": address("system", done="lifted")})


def troubles(problems: Iterable[Document], *, synchronised: bool | None) -> list[Document]:
    """What is wrong with the dock itself, each with `text`, `advice` and `detail`. A clock that is not `synchronised` is told here alone, and at once: it may
    be one at every start, and is nobody's to act on at the rack; where nobody can say (None), nothing is wrong with it.
    """
    found = [one for one in problems if one["problem"] in _MACHINE]
    if synchronised is False:
        text = said("The dock's clock is not synchronised: times in the record are not to be trusted until it is.")
        found.append(
            {"text": text, "advice": said("Ops: give this machine a time server that it can reach."), "detail": ""}
        )
    return found


def _rate(text: str) -> float | None:
    return None if text.strip().lower() == "unlimited" else parse_rate(text.strip())
