"""A reload: the whole configuration is read and judged first; then what can change while the agent works is followed, and the rest is named.

Rules kept here: with one mistake in the file nothing of it is followed. What belongs together changes between two awaits, so that nobody sees half of
it. Whether cameras are emptied: the stricter of before and now holds from the moment that the file is known to be right, then it is written into the
record, and only then what is less strict; so the record never says "emptied" too late, nor "not emptied" too early. While it cannot be written that
is tried again by itself, and the file is not read for it. What files of their own
hold (the page's certificate, the list of cameras, the profiles) stays as it was where it is wrong, each by itself. A wish to reload that
is cut off, or comes meanwhile, is another wish. What is wrong, and what wants a restart, is a problem until it is not so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dockd.app import Agent, follow, wish_of
from dockd.ops.ending import Wishes
from dockd.ops.happenings import Refused, Renewal, SettingsRefused, SettingsReloaded, listed
from dockd.ops.logs import Logs
from dockd.ops.metrics import Metrics
from dockd.ops.notify import Notify
from dockd.ops.reloading import Applied, Owed, changes, with_keys
from dockd.page.facts import Sources
from dockd.page.language import english, said
from dockd.page.opening import Certificate, CertificateUnusable, certificate, why_not
from dockd.page.registry import read_registry
from dockd.page.view import View
from dockd.settings import Settings, read_whole
from dockd.settings.live import LIVE
from dockd.settings.startable import startable
from dockd.store_kinds import wrong_certificates
from ingest.errors import LedgerUnusable
from ingest.leave import Wish
from ingest.ledger import wiping_word

Reloaded = Callable[[Settings], Awaitable[Sequence[str]]]

_SHOWN = 3
_WIPING = ("wipe.enabled", "wipe.grace")
_PROFILES = "cameras.profiles"


@dataclass(kw_only=True)
class Reloading:
    """Reads `config` again whenever `wishes` says so. `applied` is the run's, and outlives this; `reloaded(settings)` reads the camera profiles
    again and returns the mistakes in them.
    """

    agent: Agent
    applied: Applied
    config: Path | None
    wishes: Wishes
    sources: Sources
    view: View
    logs: Logs
    metrics: Metrics
    notify: Notify
    certified: Certificate | None = None
    reloaded: Reloaded | None = None
    again: float = 30.0  # seconds until what could not be put on record is tried once more

    async def run(self) -> None:
        """Until cancelled."""
        self._say_problems()  # of a reload before the ledger was opened anew
        while True:
            await self._next_wish()
            self.wishes.reloading.clear()  # before it is read: a wish from now on is another one
            try:
                await self._one()
            except BaseException:
                self.wishes.reload()  # it was not followed to its end: whoever goes on begins with it
                raise

    async def _next_wish(self) -> None:
        """Until there is one. Meanwhile what is owed to the record is tried again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self.applied.owed is None else self.again):
                    await self.wishes.reloading.wait()
                    return
            await self._pay()

    async def _pay(self) -> None:
        """What could not be put on record: once it is, it holds, and is a mistake no more."""
        owed = self.applied.owed
        if owed is None:
            return
        try:
            await self.agent.ledger.commit(lambda tx: wiping_word.say(tx, owed.wish.word()))
        except LedgerUnusable:
            return
        self.applied.owed = None
        self._wish(owed.wish)
        self.sources.troubles.version += 1
        if owed.why in self.applied.wrong:
            self.applied.wrong = [one for one in self.applied.wrong if one != owed.why]
            self.metrics.reloaded(well=not self.applied.wrong)
            self._say_problems()

    async def say_at_the_start(self) -> None:
        """What the site wants of emptying, where the record says otherwise. While that cannot be written nothing is emptied; a reload, which says so,
        is wished for, and then it is tried again."""
        owed = self.applied.owed  # by an agent of this run that was opened before
        wish = self.agent.intake.wish if owed is None else owed.wish
        try:
            await self.agent.ledger.commit(lambda tx: wiping_word.say(tx, wish.word()))
            self.applied.owed = None
            if owed is not None:
                self._wish(wish)
        except LedgerUnusable:
            self.applied.owed = Owed(wish=wish)
            if wish.wipe:
                self._wish(replace(wish, wipe=False))
                self.wishes.reload()

    async def judge_the_start(self) -> None:
        """What is wrong in what dockd was started with and does not keep it from its work is not followed: a problem, and said once in the log."""
        self.view.registry = await asyncio.to_thread(read_registry, self.sources.settings.registry.file)
        if self.config is None or self.applied.judged:
            return
        self.applied.judged = True
        reading = await asyncio.to_thread(read_whole, self.config, os.environ)
        found = (await asyncio.to_thread(startable, reading)).mistakes
        if wrong := [*map(str, found), *self.view.registry.mistakes]:
            self.applied.wrong = self._refused("start", wrong)

    async def _one(self) -> None:
        self.logs.reopen()
        self.notify.reloading()
        try:
            if self.config is not None:
                self.applied.wrong = await self._reload(self.config)
                self.metrics.reloaded(well=not self.applied.wrong)
                self._say_problems()
        finally:
            self.notify.ready(self.applied.in_a_line or "The configuration was read again, and all of it is followed")

    async def _reload(self, config: Path) -> list[str]:
        """Returns every mistake that was found."""
        reading = await asyncio.to_thread(read_whole, config, os.environ)
        if reading.mistakes:
            return self._refused("file", [str(one) for one in reading.mistakes])
        if (open_to_all := await asyncio.to_thread(why_not, reading.settings)) is not None:
            return self._refused("page", [f"{config}: {open_to_all}"])
        found = await asyncio.to_thread(startable, reading)
        if found.values:
            return self._refused("file", [str(one) for one in found.values])
        unusable = [str(one) for one in (*found.files, *await asyncio.to_thread(wrong_certificates, reading))]
        wrong = self._refused("credentials", unusable) if unusable else []
        return [*wrong, *await self._follow(reading.settings)]

    async def _follow(self, fresh: Settings) -> list[str]:
        before = self.sources.settings
        found = changes(before, fresh)
        wiping = [key for key in found if key in _WIPING]
        wrong = await self._wishes(fresh, wiping) if wiping or self.applied.owed is not None else []
        mine = [key for key in found if key in LIVE and key not in (*_WIPING, _PROFILES)]
        certificate, refused = await self._certificate(fresh)
        wrong += refused
        wrong += await self._list(fresh)
        self._take(with_keys(self.sources.settings, fresh, mine))
        profiles = await self._profiles(fresh)
        wrong += profiles
        if not profiles and _PROFILES in found:
            self._take(with_keys(self.sources.settings, fresh, [_PROFILES]))
        now = self.sources.settings
        left = changes(now, fresh)
        self.applied.restart = [key for key in left if key not in LIVE]
        event = SettingsReloaded(
            applied=changes(before, now), restart=list(self.applied.restart), certificate=certificate
        )
        self.agent.ledger.publish(event)
        return wrong

    def _take(self, settings: Settings) -> None:
        """Everything follows these from now on."""
        self.applied.settings = self.sources.settings = settings
        follow(self.agent, settings)
        self.logs.level = settings.log.level
        self.sources.troubles.version += 1  # what the page has worked out is out of date

    async def _wishes(self, fresh: Settings, changed: Sequence[str]) -> list[str]:
        """Whether cameras are emptied: the stricter word at once, the other one when it is on record. Returns why it cannot be."""
        wanted = wish_of(fresh)
        stricter = self.agent.intake.wish.stricter(wanted)
        self._wish(stricter)
        try:
            await self.agent.ledger.commit(lambda tx: wiping_word.say(tx, wanted.word()))
        except LedgerUnusable as error:
            self.applied.owed = Owed(wish=wanted)
            if wanted == stricter:
                return []
            why = f"{listed(changed)}: cannot be written into the record now ({error.message}), and is not followed before it is: that is tried again by itself"
            self.applied.owed = Owed(wish=wanted, why=why)
            return self._refused("file", [why])
        self.applied.owed = None
        self._wish(wanted)
        return []

    def _wish(self, wish: Wish) -> None:
        self.agent.intake.wishes(wish)
        settings = self.sources.settings
        wipe = replace(settings.wipe, enabled=wish.wipe, grace=wish.grace)
        self.applied.settings = self.sources.settings = replace(settings, wipe=wipe)

    async def _list(self, fresh: Settings) -> list[str]:
        """The site's list of its cameras: a wrong one is told, and the one of before stays, where there is one."""
        registry = await asyncio.to_thread(read_registry, fresh.registry.file)
        if not registry.mistakes:
            self.view.registry = registry
            return []
        if self.view.registry.mistakes:  # there was none that could be used: why, as it is now
            self.view.registry = registry
        return self._refused("list", list(registry.mistakes))

    async def _certificate(self, fresh: Settings) -> tuple[Renewal, list[str]]:
        """What became of the page's: a renewed one is used from now on; a wrong one is told, and the one of before stays."""
        page = self.sources.settings.page
        if (fresh.page.tls_cert_file, fresh.page.tls_key_file) != (page.tls_cert_file, page.tls_key_file):
            try:
                await asyncio.to_thread(certificate, fresh)  # it would keep the next start from serving
            except CertificateUnusable as error:
                return "refused", self._refused("certificate", [error.message])
            return "unchanged", []
        if self.certified is None or page.tls_cert_file is None or page.tls_key_file is None:
            return "unchanged", []
        try:
            renewed = await asyncio.to_thread(self.certified.again, cert=page.tls_cert_file, key=page.tls_key_file)
        except CertificateUnusable as error:
            return "refused", self._refused("certificate", [error.message])
        return "renewed" if renewed else "unchanged", []

    async def _profiles(self, fresh: Settings) -> list[str]:
        if self.reloaded is None:
            return []
        mistakes = await self.reloaded(with_keys(self.sources.settings, fresh, [_PROFILES]))
        return self._refused("profiles", list(mistakes)) if mistakes else []

    # -- what is said of it --------------------------------------------------------------------------------------------

    def _refused(self, what: Refused, mistakes: list[str]) -> list[str]:
        self.agent.ledger.publish(SettingsRefused.of(what, mistakes))
        return mistakes

    def _say_problems(self) -> None:
        """A list that cannot be used at all is a problem of its own, told by the page, and not twice."""
        troubles, restart = self.sources.troubles, self.applied.restart
        wrong = [one for one in self.applied.wrong if one not in self.view.registry.mistakes]
        if wrong:
            more = len(wrong) - _SHOWN
            shown = "; ".join(wrong[:_SHOWN]) + (f"; {more} more" if more > 0 else "")
            text = said("The configuration has mistakes, and what is wrong in it is not followed: {mistakes}", mistakes=english(shown))  # fmt: skip
            troubles.open("config_wrong", text)
        else:
            troubles.close("config_wrong")
        if restart:
            text = said("The configuration has changed in what is followed after a restart of dockd alone: {keys}.", keys=listed(restart))  # fmt: skip
            troubles.open("restart_needed", text)
        else:
            troubles.close("restart_needed")
