"""Three days without a link, in time-lapse: 64 cameras, a spool that holds two thirds of them, three shifts, and then the store is back.

Each camera is a filesystem of its own, as a card is, so that it tells its room. The spool's disk is watched from outside the whole time: footage
never takes of what is to stay free. Everything that the page says is asked at each stage; in the end every byte is in the store, in order.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sqlite3
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.agent import Running
from tests.oracle import Witness
from tests.program import StoreProcess, store_at

MB = 1 << 20
CAMERAS, CLIPS = 64, 4
SPOOL, KEEP_FREE = 200 * MB, 20 * MB
DAY = 86400
CONFIGURED = '[ready]\nmin_room = "1 MiB"\nusable_after = "1 s"'
_libc = ctypes.CDLL(None, use_errno=True)
_BIND, _DETACH = 4096, 2


def mount(what: str, size: int, place: Path) -> None:
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", what, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this environment does not mount: {done.stderr.strip()}")


def push_in(card: Path, bay: Path) -> None:
    """In one breath, as a hand does it: the agent hardly ever sees a folder without its card."""
    bay.mkdir()
    if _libc.mount(os.fsencode(card), os.fsencode(bay), None, _BIND, None) != 0:
        raise OSError(ctypes.get_errno(), f"{card} cannot be mounted on {bay}")


def take_out(bay: Path) -> None:
    if _libc.umount2(os.fsencode(bay), _DETACH) != 0:
        raise OSError(ctypes.get_errno(), f"{bay} cannot be unmounted")
    bay.rmdir()


@dataclass
class Station(Running):
    """An agent with a small spool on a disk of its own."""

    def configure(self, *, more: str | None = None) -> None:
        super().configure(more=more)
        text = self.config.read_text()
        self.config.write_text(text.replace('keep_free = "1 MB"', f'keep_free = "{KEEP_FREE} B"'))


@dataclass
class Floor:
    """Watches how much is free, from outside, as often as it can."""

    place: Path
    least: int = SPOOL
    looks: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Floor:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            seen = os.statvfs(self.place)
            self.least = min(self.least, seen.f_bavail * seen.f_frsize)
            self.looks += 1


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Nothing stays mounted below it."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root and mount")
    yield tmp_path
    mounted = [line.split(" ")[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for one in reversed(mounted):
        if one.startswith(f"{tmp_path}/"):
            subprocess.run(["umount", "--lazy", one], check=True)


@dataclass
class Rack:
    """The cameras of a station. Each one's card is in `cards`, wherever the camera is."""

    agent: Running
    cards: Path
    began: float = field(default_factory=time.time)

    def name(self, number: int) -> str:
        return f"CAM{number:02d}"

    def card(self, number: int) -> Path:
        return self.cards / self.name(number)

    def made(self, number: int, *, size: int = 8 * MB) -> Path:
        """A card of its own, not in the dock yet."""
        card = self.card(number)
        mount(f"card-{number}", size, card)
        return card

    def record(self, number: int, *, clips: int, day: int, size: int = MB) -> None:
        """So many clips on that day; `day` 0 is three days ago."""
        folder = self.card(number) / "DCIM"
        folder.mkdir(exist_ok=True)
        for clip in range(clips):
            file = folder / f"day{day}-{clip}.mp4"
            file.write_bytes(os.urandom(size))
            moment = self.began - (3 - day) * DAY + 60 * clip + number
            os.utime(file, (moment, moment))

    def dock(self, number: int) -> None:
        push_in(self.card(number), self.agent.docks / self.name(number))

    def take(self, number: int) -> None:
        take_out(self.agent.docks / self.name(number))


def states(agent: Running) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for camera, bay in agent.bays().items():
        found.setdefault(bay["state"], []).append(camera)
    return found


def problems(agent: Running) -> dict[str, dict[str, Any]]:
    return {one["problem"]: one for one in agent.api("/problems")["problems"]}


def order(agent: Running, action: str, *, since: float = 0.0) -> list[tuple[str, int]]:
    """Camera and day of each segment to which this happened, in that order, read from the record itself."""
    ledger = sqlite3.connect(f"file:{agent.folder}/state/ledger.db?mode=ro", uri=True)
    with contextlib.closing(ledger):
        rows = ledger.execute(
            "SELECT s.camera, s.path FROM custody c JOIN segments s ON s.id = c.segment"
            " WHERE c.action = ? AND julianday(c.at) >= julianday(?, 'unixepoch') ORDER BY c.seq",
            (action, since),
        ).fetchall()
    return [(str(camera), int(bytes(path)[len(b"DCIM/day")] - ord("0"))) for camera, path in rows]


def settled(agent: Running, *, stays: str) -> dict[str, list[str]]:
    """When nothing changes any more: every camera is usable, or waits for room, but the one that `stays` because its card is full."""
    before: dict[str, list[str]] = {}
    since = time.monotonic()

    def is_so() -> dict[str, list[str]]:
        nonlocal before, since
        now = states(agent)
        if now != before or now.get("unconfirmed") != [stays] or not set(now) <= {"usable", "unconfirmed", "queued"}:
            before, since = now, time.monotonic()
        return now if time.monotonic() - since > 2.0 else {}

    found: dict[str, list[str]] = agent.until(is_so, "nothing changes any more", timeout=60)
    return found


@pytest.mark.soak
@pytest.mark.soak_short
@pytest.mark.timeout(300)
def test_three_days_without_a_link(place: Path) -> None:
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(store_at(place / "central"))
        store.stop()
        agent = Station(folder=place / "dock", store=store.url, more=CONFIGURED)
        spool = place / "dock" / "state" / "spool"
        mount("spool", SPOOL, spool)
        floor = stack.enter_context(Floor(spool))
        rack = Rack(agent=agent, cards=place / "cards")
        witness = Witness(spool=spool, store=place / "central")
        for number in range(CAMERAS):
            rack.made(number, size=4 * MB + MB // 2 if number == 0 else 8 * MB)
            rack.record(number, clips=CLIPS, day=0)
            witness.remember(rack.card(number))
        agent.start()
        stack.callback(agent.kill)
        story(agent, rack, store=store, floor=floor, witness=witness)
        assert floor.looks > 1000


def story(agent: Running, rack: Rack, *, store: StoreProcess, floor: Floor, witness: Witness) -> None:
    # the first evening: all are docked; two thirds fit, and may go out but for the one whose card is full
    for number in range(CAMERAS):
        rack.dock(number)
    first = settled(agent, stays=rack.name(0))
    usable, full = first["usable"], first["queued"]
    assert len(usable) + len(full) == CAMERAS - 1
    copied = sum(bay["bytes"]["copied"] for bay in agent.bays().values())
    assert copied > (SPOOL - KEEP_FREE) * 0.95, "what fits was taken in"
    for bay in agent.bays().values():
        if bay["state"] == "queued":
            assert bay["why"].startswith("Leave in. Dock room is full")
        if bay["state"] == "usable":
            assert (bay["word"], bay["verb"]) == ("May go out", "take")
    said = problems(agent)
    assert f"{len(full)} cameras wait with" in said["spool_full"]["text"]
    assert set(said) == {"spool_full", "store_down"}

    # the first night: twenty go out; one that was not copied is taken along by mistake
    shift = [int(name[3:]) for name in usable[:20]]
    mistake = int(full[-1][3:])
    for number in (*shift, mistake):
        rack.take(number)
    agent.until(lambda: agent.api("/status")["out"]["cameras"] == len(shift), "they are out")
    assert "removed_early" in problems(agent)
    early = [one for one in agent.api("/problems")["problems"] if one["problem"] == "removed_early"]
    assert [one["camera"] for one in early] == [rack.name(mistake)], "one is missed: its footage is on it alone"
    agent.stop()  # somebody starts the machine anew
    agent.start()
    settled(agent, stays=rack.name(0))
    assert agent.api("/status")["out"]["cameras"] == len(shift)
    assert problems(agent)["removed_early"]["camera"] == rack.name(mistake)

    # the second day: they come back with more, which has no room; the others go out
    for number in shift:
        rack.record(number, clips=1, day=1, size=MB // 2)
        witness.remember(rack.card(number))
    for number in (*shift, mistake):
        rack.dock(number)
    second = settled(agent, stays=rack.name(0))
    assert set(second["queued"]) >= {rack.name(number) for number in shift}, "what they brought does not fit"
    assert "removed_early" not in problems(agent)
    assert agent.api("/status")["out"]["cameras"] == 0
    late = [int(name[3:]) for name in second["usable"]]
    for number in late:
        rack.take(number)
        rack.record(number, clips=1, day=2, size=MB // 2)
        witness.remember(rack.card(number))
        rack.dock(number)
    third = settled(agent, stays=rack.name(0))
    assert floor.least >= KEEP_FREE, "footage took of what was to stay free"
    assert witness.faults() == []
    assert agent.api("/status")["lost_segments"] == 0
    assert sum(map(len, third.values())) == CAMERAS

    # the line is back
    spooled, back = len(order(agent, "segment.copied")), time.time()
    store.start()
    agent.until(
        lambda: set(states(agent)) == {"ready"}, "all of it is in the store, and every camera is empty", timeout=120
    )
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert problems(agent) == {}
    proven, pulled = order(agent, "segment.confirmed"), order(agent, "segment.copied", since=back)
    assert {day for _camera, day in proven[: spooled - 16]} == {0}, "the oldest day first, but for what is under way"
    places = {day: statistics.mean(place for place, one in enumerate(pulled) if one[1] == day) for day in (0, 1, 2)}
    assert places[0] < min(places[1], places[2]), "room goes to the oldest first"
    assert floor.least >= KEEP_FREE
    print(places, len(pulled), spooled)
    print(
        f"least free {floor.least / MB:.1f} MiB of {KEEP_FREE / MB:.0f}, {floor.looks} looks; "
        f"{len(usable)} usable, {len(full)} left full on the first evening"
    )
