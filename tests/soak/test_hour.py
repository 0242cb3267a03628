"""Eight cameras come and go for an hour, while everything that can fail does, by chance, again and again.

A real agent and a real store with a line between them that lies, hangs and breaks; the oracle looks at cards, spool and store all the time;
somebody asks the page all the time; and every process is looked at for memory, descriptors, threads and dead children. At the end the
faults stop: then everything has to be in the store, the cards empty, the record whole, the books closed, and nothing may have grown.

DOCKD_SOAK_SECONDS (3600) says how long, DOCKD_SOAK_SEED which hour.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.soak.hour.faults import ALL, LONG, Fault
from tests.soak.hour.rack import Rack
from tests.soak.hour.samples import Life, Sample, Sampler, Visitor
from tests.soak.hour.station import Station, station_at

_CALM = (0.25, 0.75)
"""The part of the time in which agent and store are not ended, so that one process of each lives long enough to be judged."""
_A_LIFE = 10.0
"""Seconds after which a process of the short soak is judged."""


class Hour:
    """Who makes it all happen, one thing after the other."""

    def __init__(
        self,
        station: Station,
        *,
        seconds: float,
        pause: tuple[float, float],
        calm: tuple[float, float],
        kinds: tuple[type[Fault], ...],
    ) -> None:
        self.station, self.chance = station, station.chance
        self._calm, self._kinds = calm, kinds
        self._seconds, self._pause = seconds, pause
        self.done: Counter[str] = Counter()
        self._ends: list[tuple[float, Fault]] = []
        self._visits = dict.fromkeys(station.rack.names, 0.0)
        self._began = time.monotonic()
        self._waiting: list[type[Fault]] = []

    def run(self) -> None:
        """Until the time is over, and everything has happened at least once (as long as that takes no four times the time); then what lasts is ended."""
        next_fault = self._began
        while self._goes_on(now := time.monotonic()):
            for at, fault in [one for one in self._ends if one[0] <= now]:
                self._ends.remove((at, fault))
                fault.end(self.station)
            self._come_and_go(now)
            if now >= next_fault:
                self._one_fault(now)
                next_fault = time.monotonic() + self.chance.uniform(*self._pause)
            self.station.must_live()
            time.sleep(0.05)
        for _at, fault in self._ends:
            fault.end(self.station)

    def _goes_on(self, now: float) -> bool:
        passed = (now - self._began) / self._seconds
        return passed < 1 or (passed < 4 and len(self.done) < len(self._kinds))

    def _come_and_go(self, now: float) -> None:
        rack = self.station.rack
        for camera, at in self._visits.items():
            if now < at:
                continue
            if camera in rack.docked:
                rack.undock(camera)
                self._visits[camera] = now + self.chance.uniform(0.5, 12.0)
            else:
                rack.dock(camera)
                self._visits[camera] = now + self.chance.choice(
                    (self.chance.uniform(0.2, 5.0), self.chance.uniform(5.0, 60.0))
                )

    def _one_fault(self, now: float) -> None:
        calm = self._calm[0] < (now - self._began) / self._seconds < self._calm[1]
        possible = [kind for kind in self._waiting if not (calm and (kind.ends_agent or kind.ends_store))]
        if not possible:
            more = [kind for kind in self._kinds if kind not in self._waiting]
            possible = self.chance.sample(more, len(more))
            self._waiting += possible
        for kind in possible:
            if any(type(one) is kind for _at, one in self._ends):
                continue
            fault = kind()
            if not fault.begin(self.station):
                continue
            self._waiting.remove(kind)
            self.done[kind.__name__] += 1
            if kind.lasts != (0.0, 0.0):
                self._ends.append((time.monotonic() + self.chance.uniform(*kind.lasts), fault))
            return

    def finish(self, *, within: float) -> None:
        """No more faults: every card has to become empty, and then every camera ready."""
        rack = self.station.rack
        for camera in sorted(rack.docked):
            self._empty(camera, within)
        for card, ready in (("a", False), ("b", False), ("a", True)):
            for camera in rack.names:
                rack.dock(camera, card=card, footage=False)
            for camera in rack.names:
                self._empty(camera, within, ready=ready)

    def _empty(self, camera: str, within: float, *, ready: bool = False) -> None:
        """What is still on its other card keeps a camera from being ready, so that is asked for once all are empty."""
        rack, agent = self.station.rack, self.station.agent
        end = time.monotonic() + within
        while not rack.is_empty(camera) or (ready and agent.bays().get(camera, {}).get("state") != "ready"):
            self.station.must_live()
            if time.monotonic() > end:
                bays = json.dumps(agent.api("/bays"), indent=1)[:6000]
                problems = json.dumps(agent.api("/problems"), indent=1)[:6000]
                raise AssertionError(
                    f"{camera} is not empty and ready within {within} s:\n{bays}\n{problems}\n{agent.said[-3000:]}"
                )
            time.sleep(0.2)
        rack.undock(camera)

    def told(self) -> str:
        """The figures."""
        station, rack = self.station, self.station.rack
        lives = [station.sampler.longest(name).told() for name in ("agent", "store", "worker")]
        visitor = station.visitor
        return "\n".join(
            [
                f"dockings {rack.dockings}, files {rack.files}, bytes {rack.bytes:,}, changes {rack.changes}, bits flipped {station.line.flipped}",
                f"faults {sum(self.done.values())}: {dict(sorted(self.done.items()))}",
                f"looks of the oracle {station.watcher.looks}; answers of the page {visitor.answers}, longest {visitor.longest:.2f} s, codes {visitor.codes}",
                f"processes looked at {len(station.sampler.lives)}, dead children left {len(station.sampler.zombies)}",
                *lives,
            ]
        )  # fmt: skip


def lived_through(
    folder: Path,
    *,
    seconds: float,
    pause: tuple[float, float],
    every: float,
    seed: int,
    calm: tuple[float, float] = (1, 1),
    kinds: tuple[type[Fault], ...],
) -> Hour:
    """The whole of it, and everything that has to be so afterwards."""
    with station_at(folder, seed=seed, every=every) as station:
        hour = Hour(station, seconds=seconds, pause=pause, calm=calm, kinds=kinds)
        try:
            hour.run()
            hour.finish(within=180.0)
            station.watchers_end()
        finally:
            print(f"seed {seed}\n{hour.told()}", flush=True)
        assert station.watcher.faults == []
        assert station.rack.witness.faults() == []
        assert (station.rack.witness.emptied(), station.rack.witness.delivered()) == ([], [])
        assert station.visitor.faults == []
        assert station.sampler.zombies == set()
        config = str(station.agent.config)
        print(station.command("custody", "verify", "--config", config).strip()[-300:])
        print(station.command("reconcile", "--config", config).strip()[-300:])
        ended = station.agent.stop(within=30.0)
        assert ended.code == 0, ended.said[-3000:]
        station.collect_surprises()
        assert station.surprises == Counter()
        return hour


@pytest.mark.soak_short
@pytest.mark.timeout(600)
def test_a_minute_with_every_fault(tmp_path: Path) -> None:
    seconds = float(os.environ.get("DOCKD_SOAK_SECONDS", "60"))
    seed = int(os.environ.get("DOCKD_SOAK_SEED", "4"))
    kinds = tuple(kind for kind in ALL if os.geteuid() == 0 or "Full" not in kind.__name__)
    hour = lived_through(tmp_path, seconds=seconds, pause=(0.2, 1.5), every=1.0, seed=seed, kinds=kinds)
    assert set(hour.done) == {kind.__name__ for kind in kinds}
    grown = [
        said
        for life in hour.station.sampler.lives.values()
        if life.name in ("agent", "store") and life.seconds >= _A_LIFE
        for said in life.grown(
            rss=80_000_000, fds=24, threads=12
        )  # a young process grows: only a leak at every fault does so
    ]
    assert grown == []


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_an_hour(tmp_path: Path) -> None:
    seconds = float(os.environ.get("DOCKD_SOAK_SECONDS", "3600"))
    seed = int(os.environ.get("DOCKD_SOAK_SEED", str(int(time.time()))))
    hour = lived_through(
        tmp_path, seconds=seconds, pause=(1.0, 8.0), every=5.0, seed=seed, calm=_CALM, kinds=ALL + LONG
    )
    agent, store = (hour.station.sampler.longest(name) for name in ("agent", "store"))
    assert agent.seconds > seconds / 3
    assert agent.grown(rss=20_000_000, fds=8, threads=4) + store.grown(rss=20_000_000, fds=8, threads=4) == []


# -- those who look can see ----------------------------------------------------------------------------------------------


def _life(fds: int, rss: int) -> Life:
    """A hundred looks at a process that takes so many descriptors and bytes more each time."""
    looks = [Sample(at=float(n), rss=10**7 + n * rss, fds=20 + n * fds, threads=5) for n in range(100)]
    return Life(name="agent", pid=1, samples=looks)


@pytest.mark.soak
@pytest.mark.soak_short
def test_what_grows_is_seen() -> None:
    assert _life(0, 0).grown(rss=20_000_000, fds=8, threads=4) == []
    assert _life(1, 0).grown(rss=20_000_000, fds=8, threads=4) == [
        "agent 1 after 99 s: descriptors grew from 57 to 107"
    ]
    assert "resident bytes" in _life(0, 10**6).grown(rss=20_000_000, fds=8, threads=4)[0]


@pytest.mark.soak
@pytest.mark.soak_short
def test_what_is_taken_from_a_card_is_missed_wherever_the_card_is(tmp_path: Path) -> None:
    rack = Rack(folder=tmp_path, spool=tmp_path / "spool", store=tmp_path / "store", chance=random.Random(1), cameras=1)
    rack.dock("CAM0", card="a")
    assert rack.witness.faults() == []
    rack.undock("CAM0")
    assert rack.witness.faults() == []
    next(iter((tmp_path / "away" / "CAM0-a").glob("DCIM/*"))).unlink()
    assert [fault[:3] for fault in rack.witness.faults()] == ["P1:", "P2:"]


@pytest.mark.soak
@pytest.mark.soak_short
def test_a_page_that_does_not_answer_and_a_child_that_nobody_fetches_are_seen() -> None:
    with subprocess.Popen(["true"]) as dead:
        visitor = Visitor(lambda: (1, "http://127.0.0.1:9"), every=0.01, patience=1.0)
        sampler = Sampler(lambda: [("agent", os.getpid())], every=0.05)
        for thread in (visitor, sampler):
            thread.start()
        end = time.monotonic() + 20
        while not (visitor.faults and dead.pid in sampler.zombies):
            assert time.monotonic() < end, (visitor.faults, sampler.zombies)
            time.sleep(0.02)
        for thread in (visitor, sampler):
            thread.end()
    assert "refused" in visitor.faults[0]
