"""Everything that befalls a dock in the soak: each fault is one small class, named after the damage."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from tests.soak.hour.samples import workers

if TYPE_CHECKING:
    from tests.soak.hour.station import Station


class Fault(ABC):
    """`lasts`: seconds from and to; 0: it is over at once. `ends_agent`, `ends_store`: whether that process is another one afterwards."""

    lasts: tuple[float, float] = (0.0, 0.0)
    ends_agent = False
    ends_store = False

    @abstractmethod
    def begin(self, station: Station) -> bool:
        """False: it was not possible just now."""

    def end(self, station: Station) -> None:
        """The cause goes away; most are over at once."""
        return


class AgentKilled(Fault):
    ends_agent = True

    def begin(self, station: Station) -> bool:
        if station.ledger_is_full:
            return False
        station.restart_agent(signal.SIGKILL)
        return True


class AgentStopped(Fault):
    ends_agent = True

    def begin(self, station: Station) -> bool:
        if station.ledger_is_full:
            return False
        station.restart_agent(signal.SIGTERM)
        return True


class AgentReloads(Fault):
    def begin(self, station: Station) -> bool:
        station.agent.send(signal.SIGHUP)
        return True


class WorkerKilled(Fault):
    def begin(self, station: Station) -> bool:
        found = workers(station.agent_pid)
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(station.chance.choice(found), signal.SIGKILL)
        return bool(found)


class WorkerHangs(Fault):
    lasts = (2.0, 20.0)
    pid = 0

    def begin(self, station: Station) -> bool:
        found = workers(station.agent_pid)
        if found:
            self.pid = station.chance.choice(found)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGSTOP)
        return bool(found)

    def end(self, station: Station) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)


class WorkerHangsForGood(WorkerHangs):
    """Longer than the agent waits for a word from it."""

    lasts = (125.0, 140.0)


class StoreKilled(Fault):
    lasts = (0.0, 8.0)
    ends_store = True

    def begin(self, station: Station) -> bool:
        if not station.store.alive:
            return False
        station.store.kill()
        return True

    def end(self, station: Station) -> None:
        station.store.start()


class StoreRotatesKey(Fault):
    ends_store = True

    def begin(self, station: Station) -> bool:
        if not station.store.alive:
            return False
        os.kill(station.store_pid, signal.SIGCONT)
        station.store.stop()
        station.command("store", "rotate-key", "--root", str(station.store.root))
        station.store.start()
        return True


class StoreHangs(Fault):
    lasts = (2.0, 20.0)
    pid = 0

    def begin(self, station: Station) -> bool:
        self.pid = station.store_pid
        if self.pid:
            os.kill(self.pid, signal.SIGSTOP)
        return bool(self.pid)

    def end(self, station: Station) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)


class _Line(Fault):
    lasts = (2.0, 15.0)
    mode = "pass"

    def begin(self, station: Station) -> bool:
        if station.line.mode != "pass":
            return False
        station.line.mode = self.mode
        return True

    def end(self, station: Station) -> None:
        station.line.mode = "pass"


class LineRefused(_Line):
    mode = "refuse"

    def begin(self, station: Station) -> bool:
        began = super().begin(station)
        if began:
            station.line.end_all()
        return began


class LineSlow(_Line):
    mode = "slow"


class LineLate(_Line):
    mode = "delay"


class LineDeaf(_Line):
    mode = "deaf"


class LineFlipsBits(_Line):
    mode = "flip"
    lasts = (5.0, 15.0)


class LineCut(Fault):
    def begin(self, station: Station) -> bool:
        station.line.end_all()
        return True


class LineReset(Fault):
    def begin(self, station: Station) -> bool:
        station.line.end_all(reset=True)
        return True


class CameraTaken(Fault):
    """In the middle of whatever is going on, for a moment, and back."""

    def begin(self, station: Station) -> bool:
        docked = sorted(station.rack.docked)
        if not docked:
            return False
        camera = station.chance.choice(docked)
        card = station.rack.docked[camera]
        station.rack.undock(camera)
        time.sleep(station.chance.uniform(0.0, 0.5))
        station.rack.dock(camera, card=card, footage=False)
        return True


class _Change(Fault):
    what = ""

    def begin(self, station: Station) -> bool:
        docked = sorted(station.rack.docked)
        station.chance.shuffle(docked)
        kind = {"grow": "grown", "replace": "replaced", "appear": "appeared"}[self.what]
        before = station.rack.changes[kind]
        for camera in docked:
            getattr(station.rack, self.what)(camera)
            if station.rack.changes[kind] > before:
                return True
        return False


class FileGrows(_Change):
    what = "grow"


class FileReplaced(_Change):
    what = "replace"


class FileAppears(_Change):
    what = "appear"


class SpoolFull(Fault):
    lasts = (3.0, 15.0)

    def begin(self, station: Station) -> bool:
        if station.spool_disk is None:
            return False
        station.spool_disk.fill()
        return True

    def end(self, station: Station) -> None:
        if station.spool_disk is not None:
            station.spool_disk.free()


class LedgerDiskFull(Fault):
    lasts = (1.0, 6.0)

    def begin(self, station: Station) -> bool:
        if station.ledger_disk is None or station.ledger_is_full:
            return False
        station.ledger_is_full = True
        station.ledger_disk.fill()
        return True

    def end(self, station: Station) -> None:
        if station.ledger_disk is not None:
            station.ledger_disk.free()
        station.ledger_is_full = False


class SpoolBitTurned(Fault):
    def begin(self, station: Station) -> bool:
        return station.rack.spoil()


class LedgerLost(Fault):
    """While the agent is down, its ledger goes."""

    ends_agent = True

    def begin(self, station: Station) -> bool:
        if station.ledger_is_full:
            return False

        def lose() -> None:
            for part in _ledger(station):
                part.unlink()

        station.restart_agent(signal.SIGKILL, between=lose)
        return True


class LedgerGoesBack(Fault):
    """While the agent is down, its ledger is as it was some minutes ago."""

    ends_agent = True

    def begin(self, station: Station) -> bool:
        if station.ledger_is_full:
            return False
        old = station.folder / "ledger.old"

        def exchange() -> None:
            now = station.folder / "ledger.now"
            shutil.rmtree(now, ignore_errors=True)
            now.mkdir()
            for part in _ledger(station):
                shutil.copyfile(part, now / part.name)
                if old.exists():
                    part.unlink()
            for part in old.iterdir() if old.exists() else ():
                shutil.copyfile(part, station.agent_state / part.name)
            shutil.rmtree(old, ignore_errors=True)
            now.rename(old)

        had = old.exists()
        station.restart_agent(signal.SIGKILL, between=exchange)
        return had


def _ledger(station: Station) -> list[Path]:
    return [
        path
        for path in station.agent_state.glob("ledger.db*")
        if path.name in ("ledger.db", "ledger.db-wal", "ledger.db-shm")
    ]


ALL: tuple[type[Fault], ...] = (
    AgentKilled, AgentStopped, AgentReloads, WorkerKilled, WorkerHangs, StoreKilled, StoreRotatesKey, StoreHangs, LineRefused, LineSlow,
    LineLate, LineDeaf, LineFlipsBits, LineCut, LineReset, CameraTaken, FileGrows, FileReplaced, FileAppears, SpoolFull, LedgerDiskFull,
    SpoolBitTurned, LedgerLost, LedgerGoesBack,
)  # fmt: skip
LONG: tuple[type[Fault], ...] = (WorkerHangsForGood,)
"""Those that take more than a minute."""
