"""What the test of the appliance is given: the package of the commit, a bare Debian, a folder, and a way to tell how far it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.appliance.bare_appliance import BareAppliance, bare_appliance
from tests.appliance.stages import Stages
from tests.hil.rig import prerequisites as rig
from tests.hil.rig.places import scratch_folder
from tests.package import prerequisites as package
from tests.program import REPOSITORY
from tests.shippers.packages import missing as missing_for_shippers

# Beyond what rig, package and shippers need.
TOOLS = {"prometheus": "prometheus", "curl": "curl", "dpkg-scanpackages": "dpkg-dev"}
STAGES = pytest.StashKey[Stages]()


def lacking() -> str | None:
    """Say what is missing and how to get it, or None where the appliance can be tried."""
    absent = sorted({name for tool, name in TOOLS.items() if shutil.which(tool) is None})
    own = f"packages are missing: apt-get install --no-install-recommends {' '.join(absent)}" if absent else None
    line = None if Path("/dev/net/tun").exists() else "there is no /dev/net/tun: modprobe tun"
    return next((why for why in (rig.missing(), package.missing(), missing_for_shippers(), own, line) if why), None)


@pytest.fixture(scope="session", autouse=True)
def machine() -> None:
    """Skip with the reason where this machine cannot; with CI=true that is a failure."""
    if (reason := lacking()) is not None:
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.fixture(scope="session")
def folder(machine: None) -> Iterator[Path]:
    with scratch_folder("rack") as path:
        yield path


@pytest.fixture(scope="session")
def deb(folder: Path) -> Path:
    """The Debian package of HEAD: from dist/ where `make package` has just made it, else made here; DOCKD_PACKAGES=DIR: the one in there."""
    if named := os.environ.get("DOCKD_PACKAGES"):
        (found,) = Path(named).glob("dockd_*_amd64.deb")
        return found
    ready = REPOSITORY / "dist" / f"dockd_{built('--say-version')}_amd64.deb"
    return ready if ready.is_file() else Path(built("--out", str(folder)))


def built(*words: str) -> str:
    """What packaging/build_deb.py prints. Raises AssertionError with what it says instead."""
    command = [sys.executable, str(REPOSITORY / "packaging/build_deb.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip()


@pytest.fixture(scope="session")
def bare(deb: Path) -> BareAppliance:
    """Built on first use, and again when what the package asks for has changed: three minutes and the network."""
    return bare_appliance(deb)


@pytest.fixture(scope="session")
def stages(request: pytest.FixtureRequest) -> Stages:
    """Told line by line, also while output is captured."""
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            if reporter is not None:
                reporter.write_line(line)
                reporter.flush()

    request.config.stash[STAGES] = Stages(tell=tell)
    return request.config.stash[STAGES]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table."""
    stages = terminalreporter.config.stash.get(STAGES, None)
    if stages is None:
        return
    terminalreporter.section("from a bare appliance to a rack in service")
    for line in stages.table():
        terminalreporter.write_line(line)
