"""What `dockd plan` reckons against what `dockd run` does: two shifts over a limited line, and a store that is away in between."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockd.planning.outcome import Outcome
from dockd.planning.question import Line, Question, Station
from dockd.planning.simulation import simulate
from dockd.planning.steps import Steps
from tests.agent import Running, running
from tests.bench import machine
from tests.bench.harness import Options
from tests.bench.report import Goal, Report, Table
from tests.program import StoreProcess, store_at

MB = 1_000_000
_EVERY = 0.25

TEXT = """
`dockd run` with folder docks and `[bandwidth] limit`, against the embedded store, all on one machine. Cameras of two shifts are docked, the second
while the first is still on the way; then the store is killed, and comes back. Beside it what `dockd plan` reckons for the same figures: the limit as
written, no headers taken off (the limit counts them, and they are next to nothing here), the store away for the time that it was away. Nothing is
fitted to the run. A camera's files are 1 MB each, and only what is confirmed counts, so that the measured line is up to a few megabytes above the reckoned one.

![Reckoned and measured](plan.svg)
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is docked and when: `cameras` a shift, `files` of 1 MB each; `second`, `away`, `back`: seconds; `limit`: bytes/s."""

    cameras: int = 4
    files: int = 16
    second: float = 40.0
    away: float = 60.0
    back: float = 80.0
    limit: float = 1e6

    @property
    def shift(self) -> int:
        """Bytes of one shift."""
        return self.cameras * self.files * MB


@dataclass(kw_only=True)
class Measured:
    """Of a run: bytes not in the store by seconds since the first docking, and when each shift was clear and empty."""

    curve: list[tuple[float, float]] = field(default_factory=list)
    clear: dict[str, float] = field(default_factory=dict)
    emptied: dict[str, float] = field(default_factory=dict)
    happened: dict[str, float] = field(default_factory=dict)


def run(options: Options) -> Report:
    """One run, and what was reckoned of it."""
    scene = Scene(cameras=2, files=4, second=2.0, away=4.0, back=7.0) if options.quick else Scene()
    print(f"plan: {2 * scene.shift // MB} MB at {scene.limit * 8 / 1e6:.0f} Mbit/s", file=sys.stderr)
    measured = _run(scene, options.scratch)
    reckoned = simulate(_question(scene, measured.happened))
    return PlanReport(
        name="plan",
        title="dockd plan, against a run",
        machine=machine.description(options.scratch),
        text=TEXT,
        goals=[
            Goal(name="time to clear, of the reckoned (worst shift)", wanted=1.1, reached=max(_ratios(reckoned, measured)), at_least=False),
            Goal(name="backlog, average difference, % of the most", wanted=5, reached=_apart(reckoned, measured.curve), at_least=False),
        ],
        tables=[_table(scene, reckoned, measured)],
        reckoned=reckoned,
        measured=measured.curve,
    )  # fmt: skip


def _question(scene: Scene, happened: Mapping[str, float]) -> Question:
    """As the run was, with the moments at which its cameras really were docked and its store was away."""
    away = [(happened["away"], 0.0), (happened["back"], scene.limit)]
    up = Steps.made([(-1.0, scene.limit), *away])
    station = Station(
        bays=99, cameras=scene.cameras, footage=scene.files * MB, camera_rate=400e6, together=400e6, reads_to_wipe=1
    )
    second = happened["second"]
    return Question(
        station=station, line=Line(up=up, down=up, limit=Steps.constant(scene.limit)), ends=(0.0, second, 2 * second)
    )


def _run(scene: Scene, scratch: Path) -> Measured:
    found = Measured()
    more = f'[bandwidth]\nlimit = "{scene.limit / 1e6:g} MB/s"\n'
    scratch = scratch.absolute()
    content = [os.urandom(MB) for _ in range(scene.files)]
    with store_at(scratch / "store") as store, running(scratch / "dock", store.url, more=more) as agent:
        watch = _Watch(agent, scene, found)
        for name, at, act in _script(scene, agent, store, content):
            watch.until_moment(at)
            act()
            watch.begin()
            found.happened[name] = watch.now
        watch.until(lambda: len(found.emptied) == 2, timeout=120 + 6 * scene.shift / scene.limit)
        agent.stop()
    return found


def _script(
    scene: Scene, agent: Running, store: StoreProcess, content: Sequence[bytes]
) -> list[tuple[str, float, Callable[[], None]]]:
    def shift(name: str) -> Callable[[], None]:
        files = {f"DCIM/{number:03}.mp4": block for number, block in enumerate(content)}

        def dock() -> None:
            for number in range(scene.cameras):
                agent.dock(f"{name}-{number}", files)

        return dock

    return [
        ("first", 0.0, shift("A")), ("second", scene.second, shift("B")), ("away", scene.away, store.kill), ("back", scene.back, store.start),
    ]  # fmt: skip


class _Watch:
    """Asks the page four times a second."""

    def __init__(self, agent: Running, scene: Scene, found: Measured) -> None:
        self._agent, self._scene, self._found = agent, scene, found
        self._began: float | None = None

    @property
    def now(self) -> float:
        """Seconds since the first cameras were docked."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self) -> None:
        """Time counts from the first call."""
        self._began = self._began or time.monotonic()

    def until_moment(self, at: float) -> None:
        """Look on until `at`."""
        self.until(lambda: self.now >= at)

    def until(self, is_so: Callable[[], bool], *, timeout: float = 300.0) -> None:
        """Look on until it is so. Raises RuntimeError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not is_so():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not over within {timeout:.0f} s:\n{self._agent.said[-2000:]}")
            self._look()
            time.sleep(_EVERY)

    def _look(self) -> None:
        if self._began is None:
            return
        now, bays, scene = self.now, self._agent.bays(), self._scene
        docked = scene.shift * (2 if "second" in self._found.happened else 1)
        confirmed = sum(bay["bytes"]["confirmed"] for bay in bays.values())
        self._found.curve.append((now, docked - confirmed))
        for shift in "AB":
            mine = [bay["bytes"] for camera, bay in bays.items() if camera.startswith(shift)]
            for what, into in (("confirmed", self._found.clear), ("wiped", self._found.emptied)):
                if sum(one[what] for one in mine) == scene.shift:
                    into.setdefault(shift, now)


# -- what is told ----------------------------------------------------------------------------------------------------------


def _ratios(reckoned: Outcome, measured: Measured) -> list[float]:
    """Each shift's measured time to clear, of the reckoned."""
    begins = (0.0, measured.happened["second"])
    return [
        (measured.clear[name] - begin) / ((shift.clear or 0.0) - begin)
        for name, begin, shift in zip("AB", begins, reckoned.shifts, strict=True)
    ]


def _apart(reckoned: Outcome, curve: Sequence[tuple[float, float]]) -> float:
    """How far the measured backlog is from the reckoned one on average, in per cent of the most there was."""
    most = max(size for _, size in curve)
    return 100 * sum(abs(size - reckoned.backlog_at(at)) for at, size in curve) / len(curve) / most


def _table(scene: Scene, reckoned: Outcome, measured: Measured) -> Table:
    rows = []
    for name, shift in zip("AB", reckoned.shifts, strict=True):
        begin = shift.at
        rows.append(
            [
                f"{scene.cameras} cameras of {scene.files} MB, docked at {begin:.1f} s",
                f"{(shift.clear or 0.0) - begin:.1f}", f"{measured.clear[name] - begin:.1f}",
                f"{(shift.emptied or 0.0) - begin:.1f}", f"{measured.emptied[name] - begin:.1f}",
            ]
        )  # fmt: skip
    columns = [
        "", "in the store after, reckoned, s", "measured, s", "empty after, reckoned, s", "measured, s",
    ]  # fmt: skip
    note = (
        f"The limit is {scene.limit * 8 / 1e6:.0f} Mbit/s; the store was away from {measured.happened['away']:.1f} to "
        f"{measured.happened['back']:.1f} s (until it listened again). Looked at four times a second."
    )
    return Table(title=f"Two shifts, {2 * scene.shift // MB} MB, one outage", columns=columns, rows=rows, note=note)


@dataclass(frozen=True, kw_only=True)
class PlanReport(Report):
    """With both curves in a picture."""

    reckoned: Outcome
    measured: Sequence[tuple[float, float]]

    def write(self, folder: Path) -> Path:
        """Write plan.md and plan.svg."""
        page = super().write(folder)
        self._draw(folder / "plan.svg")
        return page

    def _draw(self, path: Path) -> None:
        import matplotlib as mpl  # here and not above: only a whole run draws, and only it needs the extra

        mpl.use("svg")
        mpl.rcParams["svg.hashsalt"] = path.name
        from matplotlib import pyplot as plt

        figure, axis = plt.subplots(figsize=(9, 3.6))
        points = [point for point in self.reckoned.curve if point.at <= self.measured[-1][0]]
        axis.plot(
            [point.at for point in points], [point.backlog / MB for point in points], color="#d98c1f", label="reckoned"
        )
        axis.plot(
            [at for at, _ in self.measured], [size / MB for _, size in self.measured], color="#1f6f5c", label="measured"
        )
        axis.set_xlabel("seconds since the first cameras were docked")
        axis.set_ylabel("not in the store, MB")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
