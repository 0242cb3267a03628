"""The rig's fixtures: one guest image and snapshot for the run, a fresh guest and a fresh camera for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.agent_guest import Station, station
from tests.hil.rig.guest_build import guest_image
from tests.hil.rig.machine import Machine
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.places import scratch_folder
from tests.hil.rig.prerequisites import missing
from tests.hil.rig.product import compile_sources, copy_sources, packages
from tests.hil.rig.scene import Scene, camera_after_a_shift
from tests.hil.rig.vm import Snapshot, Vm, restored, snapshot_of

Stations = Callable[..., Station]


@pytest.fixture(scope="session", autouse=True)
def _rig_can_run() -> None:
    """Skip with what is missing; where CI says that the rig must run, fail with it."""
    reason = missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def snapshot(_rig_can_run: None) -> Snapshot:
    """The booted guest. The first run on a machine builds it (a minute) and boots it (twenty seconds)."""
    return snapshot_of(guest_image(), Machine(), packages=packages())


@pytest.fixture(scope="session")
def shares(_rig_can_run: None) -> Iterator[Mapping[str, Path]]:
    """dockd as it is in the checkout, for the guest."""
    with scratch_folder("product") as folder:
        source = copy_sources(folder / "source")
        compile_sources(source)
        yield {"source": source}


@pytest.fixture
def vm(snapshot: Snapshot, shares: Mapping[str, Path]) -> Iterator[Vm]:
    """A fresh guest."""
    with restored(snapshot, shares=shares) as guest:
        yield guest


@pytest.fixture
def folder(_rig_can_run: None) -> Iterator[Path]:
    """A folder for images, gone after the test."""
    with scratch_folder("test") as path:
        yield path


@pytest.fixture
def scene(folder: Path) -> Scene:
    """A camera that comes back from a shift, and a dock's disks."""
    return camera_after_a_shift(folder)


@pytest.fixture(scope="session")
def stations(_rig_can_run: None, shares: Mapping[str, Path]) -> Stations:
    """Stations by what is added to their configuration and by their machine, each frozen on first use."""

    @cache
    def get(settings: str = "", machine: Machine | None = None) -> Station:
        booted = snapshot_of(guest_image(), machine or Machine(), packages=packages())
        return station(booted, sources=shares["source"], settings=settings)

    return get


@pytest.fixture
def agent(stations: Stations, folder: Path) -> Iterator[Agent]:
    """A fresh rack of two controllers with eight bays each, the agent running."""
    with stations().running(folder) as agent:
        yield agent


@pytest.fixture(scope="session")
def big_rack(stations: Stations) -> Station:
    """A rack of 64 bays: eight controllers with eight ports each."""
    return stations(machine=Machine(controllers=8, memory_mib=2048))


@pytest.fixture
def oracle(folder: Path) -> Oracle:
    """What was handed in, and judges what became of it; the dock's disks are in `folder`."""
    return Oracle(folder)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Every test with its time, and what it measured."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    spent: dict[str, float] = {}
    for report in [*reports, *terminalreporter.stats.get("", ())]:
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith("tests/hil/"):
            spent[report.nodeid] = spent.get(report.nodeid, 0.0) + report.duration
    if not spent:
        return
    terminalreporter.section("seconds of each test, with its guest")
    measured = {report.nodeid: report.user_properties for report in reports if isinstance(report, pytest.TestReport)}
    for test, seconds in sorted(spent.items()):
        said = "".join(f", {name} {value}" for name, value in measured.get(test, ()))
        terminalreporter.write_line(f"{seconds:7.1f}  {test.removeprefix('tests/hil/')}{said}")
    terminalreporter.write_line(f"{sum(spent.values()):7.1f}  in all, {len(spent)} tests")
