"""A dock in the middle of its work, whose ledger something happens to: what is there before, what is done to it, and what has to come of it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracle import Witness, always
from tests.program import Dock, Ended, StoreProcess, filled, kill_group

AWAY = "http://127.0.0.1:9"
PAGE = 4096
FILES = ("", "-wal", "-shm")


@dataclass(kw_only=True)
class Scene:
    """One camera, one dock, one store. `work()` leaves one batch in the store and one in the spool, and a killed agent's write-ahead log."""

    folder: Path
    seed: int = 1
    store: StoreProcess = field(init=False)
    dock: Dock = field(init=False)
    witness: Witness = field(init=False)
    made: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.camera = filled(self.folder / "CAM", {})
        self.store = StoreProcess(root=self.folder / "store")
        self.store.start()
        self.dock = Dock(state=self.folder / "state", url=self.store.url)
        self.witness = Witness(spool=self.dock.spool, store=self.store.root)

    @property
    def ledger(self) -> Path:
        return self.dock.state / "ledger.db"

    def fill(self, count: int = 3) -> None:
        """New files on the camera."""
        filled(self.camera, {f"{self.made}-{n}.mp4": self.chance.randbytes(20_000 + 1000 * n) for n in range(count)})
        self.made += 1
        self.witness.remember(self.camera)

    def work(self) -> None:
        """One batch goes all the way; another comes as far as the spool; then the agent is killed."""
        self.fill()
        self.goes_on()
        self.fill()
        self.spools_and_is_killed()

    def spools_and_is_killed(self) -> None:
        """What is on the camera is copied while the store is away, and then the agent is killed."""
        there = len(list(self.camera.iterdir()))
        self.dock.url = AWAY
        process = self.dock.start(self.camera, options=("--wipe", "--wait", "60 s"))
        try:
            self._until(lambda: self._in_spool() >= there)
        finally:
            kill_group(process)
            process.communicate()
            self.dock.url = self.store.url

    def _in_spool(self) -> int:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM segments WHERE in_spool = 1").fetchone()[0])

    def _until(self, is_so: Callable[[], bool], *, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if is_so():
                    return
            except sqlite3.OperationalError:
                pass  # it is not there yet
            assert time.monotonic() < deadline, "it did not come that far"
            time.sleep(0.01)

    def goes_on(self) -> Ended:
        """A run to the end: everything in the store, nothing left behind."""
        run = self.dock.ingest(self.camera)
        assert run.code == 0, run.said
        self.ended_well()
        return run

    def ended_well(self) -> None:
        always(self.witness.faults)
        assert (self.witness.emptied(), self.witness.delivered()) == ([], [])
        assert os.listdir(self.dock.spool) == []
        assert self.dock.custody_faults() == ""

    def away(self) -> Ended:
        """A run while the store is away: nothing leaves the camera."""
        before = sorted(path.name for path in self.camera.iterdir())
        self.dock.url = AWAY
        run = self.dock.ingest(self.camera, options=("--wipe", "--wait", "0.1 s"))
        self.dock.url = self.store.url
        assert run.code == 3, run.said
        assert sorted(path.name for path in self.camera.iterdir()) == before
        always(self.witness.faults)
        return run

    # -- what the record says ------------------------------------------------------------------------------------------

    def actions(self) -> list[str]:
        """The chain of the ledger that is there now."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            return [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")]

    def objects(self) -> int:
        """How many objects the store has."""
        return len(list((self.store.root / "objects").glob("??/*.json")))

    def asides(self) -> list[Path]:
        """What was put aside, without logs."""
        return sorted(
            path
            for path in self.dock.state.glob("ledger.db.damaged-*")
            if "wal" not in path.name and "shm" not in path.name
        )

    # -- what is done to it --------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Play the log into the ledger, so that its pages are all in the one file."""
        with closing(sqlite3.connect(self.ledger)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def remove(self) -> None:
        for suffix in FILES:
            Path(f"{self.ledger}{suffix}").unlink(missing_ok=True)

    def cut(self, share: float) -> None:
        self.settle()
        os.truncate(self.ledger, int(self.ledger.stat().st_size * share))

    def noise(self, *, at: int, length: int) -> None:
        """Random bytes over what is there."""
        with self.ledger.open("r+b") as file:
            file.seek(at)
            file.write(self.chance.randbytes(length))

    def noise_in(self, name: str) -> None:
        """Random bytes over the first page of a table or an index."""
        self.settle()
        with closing(sqlite3.connect(self.ledger)) as db:
            (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        self.noise(at=(page - 1) * PAGE, length=PAGE)

    def copy(self, name: str) -> Path:
        """The ledger as it is now, for later."""
        folder = self.folder / name
        folder.mkdir()
        for suffix in FILES[:2]:
            if Path(f"{self.ledger}{suffix}").exists():
                shutil.copyfile(f"{self.ledger}{suffix}", folder / f"ledger.db{suffix}")
        return folder

    def put_back(self, folder: Path, *, log: bool = True) -> None:
        """An older copy takes the ledger's place, as a restore does."""
        self.remove()
        for suffix in FILES[: 2 if log else 1]:
            if (folder / f"ledger.db{suffix}").exists():
                shutil.copyfile(folder / f"ledger.db{suffix}", f"{self.ledger}{suffix}")


def another_dock(scene: Scene) -> Path:
    """The state of another dock of the same force, killed in the middle of its work."""
    mine, camera = scene.dock, scene.camera
    scene.dock = Dock(state=scene.folder / "another", url=scene.store.url)
    scene.camera = filled(scene.folder / "OTHER", {f"{n}.mp4": scene.chance.randbytes(15_000) for n in range(3)})
    try:
        scene.spools_and_is_killed()
        return scene.dock.state
    finally:
        scene.dock, scene.camera = mine, camera


Damage = Callable[[Scene], None]


def _log_is_garbage(scene: Scene) -> None:
    log = Path(f"{scene.ledger}-wal")
    assert log.stat().st_size > 0
    log.write_bytes(scene.chance.randbytes(log.stat().st_size))


def _log_of_another(scene: Scene) -> None:
    shutil.copyfile(another_dock(scene) / "ledger.db-wal", f"{scene.ledger}-wal")
    Path(f"{scene.ledger}-shm").unlink(missing_ok=True)


def _of_another(scene: Scene) -> None:
    other = another_dock(scene)
    scene.remove()
    for suffix in FILES[:2]:
        shutil.copyfile(other / f"ledger.db{suffix}", f"{scene.ledger}{suffix}")


def _settled_noise(at: int, length: int) -> Damage:
    def damage(scene: Scene) -> None:
        scene.settle()
        scene.noise(at=at, length=length)

    return damage


def _table_gone(scene: Scene) -> None:
    with closing(sqlite3.connect(scene.ledger)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DROP TABLE receipts")


def _key_too(scene: Scene) -> None:
    scene.remove()
    (scene.dock.state / "keys" / "dock.key").unlink()


GONE: dict[str, Damage] = {"deleted": Scene.remove, "deleted with its key": _key_too}
DAMAGED: dict[str, Damage] = {
    "cut to nothing": lambda scene: scene.cut(0),
    "cut in the middle": lambda scene: scene.cut(0.5),
    "noise in the header": _settled_noise(0, 100),
    "noise in the first page": _settled_noise(100, PAGE - 100),
    "the first page": _settled_noise(0, PAGE),
    "a page of custody": lambda scene: scene.noise_in("custody"),
    "a page of segments": lambda scene: scene.noise_in("segments"),
    "a page of an index": lambda scene: scene.noise_in("segments_place"),
    "a table that is not there": _table_gone,
    "a log of garbage": _log_is_garbage,
    "the log of another ledger": _log_of_another,
    "the ledger of another dock": _of_another,
}
