"""The scene of one example: a dock's state, its cards, its store, and what may be done to the dock's own files.

What a spool loses for good has to be told: that, and nothing else, is read from dockd's own records.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dockd.oneshot import Outcome
from ingest.events import Event
from ingest.ledger.segments import IN_DOUBT
from tests.recovery.any_order import dock
from tests.recovery.any_order.dock import Docked, Run
from tests.recovery.any_order.far_ends import Embedded, FarEnd, Simulated
from tests.recovery.any_order.watching import Watching
from tests.recovery.any_order.world import Cards

T = TypeVar("T")
_TOLD = """
SELECT EXISTS (SELECT 1 FROM custody WHERE segment = :segment AND action = 'segment.lost')
    OR EXISTS (SELECT 1 FROM custody WHERE segment = :segment AND action = 'segment.held' AND body ->> '$.reason' = :doubt)
    OR EXISTS (SELECT 1 FROM custody WHERE segment = :segment AND action = 'segment.rotted')
       AND EXISTS (SELECT 1 FROM segments WHERE id = :segment AND (on_camera OR in_spool OR in_store))
"""
_UNEXPLAINED = "files in the spool are none of this ledger's"


@dataclass(frozen=True, kw_only=True)
class Meddling:
    """What happens in the middle of a run, right after the `after`th event of it."""

    after: int
    act: Callable[[], Any]


class Scene:
    """Everything that the rules act on. `known`: the ledger as it is has pinned this store."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.loop = asyncio.new_event_loop()
        self.state = self.folder / "state"
        self.clock = dock.Jumping()
        self.watching = Watching(spool=self.state / "spool", store=self.folder / "store", shelves=self._shelves)
        self.cards = Cards(folder=self.folder, watching=self.watching)
        self.far: FarEnd = Embedded(root=self.folder / "store")
        self.other = Embedded(root=self.folder / "other")
        self.pin: str | None = None
        self.keep_confirmed = 0.0
        self.latest = 0.0
        self.boots = 0
        self.known = False
        self.lied = False
        self.aside: list[Path] = []
        self.copies: list[tuple[Path, bool]] = []
        self.to_be_told: set[str] = set()
        self.notes: list[str] = []

    def _shelves(self) -> list[Any]:
        return self.far.objects()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def begin(self, *, simulated: str | None, site_pins: bool, keep_confirmed: float) -> None:
        """`simulated`: by what the store proves, None for the embedded one."""
        dock.ready()
        if simulated is not None:
            self.far = Simulated(kind=simulated)  # type: ignore[arg-type]
        self.do(self.far.start())
        self.pin = self.far.pin if site_pins else None
        self.keep_confirmed = keep_confirmed
        self.far.back_up()

    # -- runs ----------------------------------------------------------------------------------------------------------------

    def work(self, cards: Sequence[int], **more: Any) -> Run:
        """A run of these cards, by the site's settings."""
        own: dict[str, Any] = {
            "state": self.state, "url": self.far.url, "pin": self.pin, "keep_confirmed": self.keep_confirmed, "clock": self.clock.offset, "passed": self.clock.passed,
        }  # fmt: skip
        return Run(cameras=tuple(self.cards.docked[card] for card in cards), **(own | more))

    def run(self, work: Run, *meddling: Meddling) -> Outcome | None:
        """In this process, with all that is meddled with."""
        return self.do(self._run(work, meddling))

    async def _run(self, work: Run, meddling: Sequence[Meddling]) -> Outcome | None:
        clock = None if work.boot else self.clock
        heard, failed, under_way = [0], list[BaseException](), list[asyncio.Future[Any]]()
        task = asyncio.current_task()
        assert task is not None

        def hear(_event: Event) -> None:
            heard[0] += 1
            for one in meddling:
                if one.after == heard[0]:
                    try:
                        found = one.act()
                    except Exception as error:  # noqa: BLE001 - raised below: a subscriber must not
                        failed.append(error)
                        continue
                    if found == "cut":
                        task.cancel()
                    elif asyncio.iscoroutine(found):
                        under_way.append(asyncio.ensure_future(found))

        outcome = await dock.run(work, hear=hear, clock=clock)
        await asyncio.gather(*under_way)
        for error in failed:
            raise error
        self.notes += outcome.notes if outcome is not None else []
        return outcome

    def whole_run(self, cards: Sequence[int], *, wipe: bool) -> None:
        """The store is there, honest and believed, there is room, and nobody meddles: everything is delivered, and with `wipe` emptied."""
        outcome = self.run(self.work(cards, wipe=wipe))
        assert outcome is not None
        assert outcome.unreachable is None, outcome
        assert outcome.failures == [], outcome
        left = [str(path) for card in cards for path in self.cards.files(card)]
        assert not wipe or not left, (left, outcome)
        self.known = True

    def honest_again(self) -> None:
        """It is up, it does not lie, and whoever was put off by its lies has looked at it."""
        self.do(self.far.start())
        if self.lied:
            self.do(dock.pinned_anew(self.work(())))
            self.lied = False

    def hours_pass(self) -> None:
        """Later than every moment that any clock has shown, and than the second look (a day) at a store that promises nothing."""
        self.clock.offset = max(self.clock.offset, self.latest)
        self.clock.passed += 26 * 3600.0

    def the_clock_jumps(self, seconds: float) -> None:
        self.clock.offset = max(self.clock.offset + seconds, -time.time() - self.clock.passed)  # not before 1970
        self.latest = max(self.latest, self.clock.offset)

    def boot_without_the_time(self) -> dict[str, Any]:
        """What a run is made with after a boot without network: another boot, and the clock says 1970."""
        self.boots += 1
        return {"boot": f"boot-{self.boots}", "clock": -time.time() - self.clock.passed}

    def the_store_has_lost(self) -> None:
        """Something, and longer ago than a proof is good for: what is deleted on its word within ten minutes is promised nothing."""
        self.watching.forgive_the_world()
        self.clock.passed += 660.0

    # -- the dock's own files --------------------------------------------------------------------------------------------------

    def ledger_files(self) -> list[Path]:
        return sorted(self.state.glob("ledger.db*"))

    def put_ledger_aside(self) -> None:
        """It is not there any more. Where a spool file was taken away too, nobody can know that now."""
        aside = self.folder / f"aside-{len(self.aside)}"
        aside.mkdir()
        for path in self.ledger_files():
            path.rename(aside / path.name)
        self.aside.append(aside / "ledger.db")
        self.known = False
        self.to_be_told = {one for one in self.to_be_told if (self.watching.spool / one).exists() or self._is_told(one)}

    def copy_ledger(self) -> None:
        copy = self.folder / f"copy-{len(self.copies)}"
        copy.mkdir()
        for path in self.ledger_files():
            shutil.copy2(path, copy / path.name)
        self.copies.append((copy, self.known))

    def put_ledger_back(self, which: int) -> None:
        copy, known = self.copies[which % len(self.copies)]
        self.put_ledger_aside()
        for path in copy.iterdir():
            shutil.copy2(path, self.state / path.name)
        self.known = known

    def damage_ledger(self, *, cut: bool) -> None:
        """Half of it is cut off, or a page in the middle is garbage; what SQLite keeps beside it is gone."""
        aside = self.folder / f"aside-{len(self.aside)}"
        aside.mkdir()
        for path in self.ledger_files():
            shutil.copy2(path, aside / path.name)
        self.aside.append(aside / "ledger.db")
        ledger = self.state / "ledger.db"
        for path in self.ledger_files():
            if path != ledger and path.name.endswith(("-wal", "-shm")):
                path.unlink()
        if not ledger.exists():
            return
        size = ledger.stat().st_size
        with ledger.open("r+b") as file:
            if cut:
                file.truncate(size // 2 + 100)
            else:
                file.seek(size // 2 // 4096 * 4096)
                file.write(os.urandom(8192))
        self.known = False
        self.to_be_told = {one for one in self.to_be_told if (self.watching.spool / one).exists() or self._is_told(one)}

    def spooled(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(path for path in self.watching.spool.iterdir() if len(path.name) == 32)
        return []

    def damage_spool(self, which: int, *, remove: bool) -> None:
        """One byte of one file is another, or the file is gone. If those were the only bytes, dockd has to tell."""
        there = self.spooled()
        if not there:
            return
        path = there[which % len(there)]
        before, only = self.watching.in_spool(), path.stat().st_size > 0 or remove
        if remove:
            path.unlink()
        elif path.stat().st_size:
            with path.open("r+b") as file:
                file.seek(which % path.stat().st_size)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
        lost = {content for content in before - self.watching.in_spool() if self.watching.only_in_spool(content)}
        if only and lost:
            self.to_be_told.add(path.name)
        self.watching.forgive_the_world()

    # -- what was told -----------------------------------------------------------------------------------------------------------

    def _is_told(self, segment: str) -> bool:
        return any(_custody_tells(ledger, segment) for ledger in (self.state / "ledger.db", *self.aside))

    def untold(self) -> list[str]:
        """Segments whose last copy the spool has lost, without a word of that."""
        if any(_UNEXPLAINED in note for note in self.notes):
            return [
                one for one in self.to_be_told if not (self.watching.spool / one).exists() and not self._is_told(one)
            ]
        return [one for one in self.to_be_told if not self._is_told(one)]

    def close(self) -> None:
        self.do(self.far.close())
        self.do(self.other.close())
        self.do(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)


def _custody_tells(ledger: Path, segment: str) -> bool:
    """Whether it was called lost, or in doubt; where the ledger cannot know that no other copy is left, whether it was called rotted."""
    if not ledger.exists():
        return False
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db,
    ):
        return bool(db.execute(_TOLD, {"segment": segment, "doubt": IN_DOUBT}).fetchone()[0])
    return False


__all__ = ["Docked", "Meddling", "Scene"]
