"""How the Debian package is called, and what its changelog says."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
import sys
import textwrap
from types import ModuleType

import pytest

from tests.program import REPOSITORY

CHANGELOG = """\
# Changelog

## Unreleased

### Added

* A thing that is told in a line so long that it has to go on in another one, which
  begins with two spaces.

## [1.2.0] - 2026-03-01

- Another
"""


@pytest.fixture(scope="module")
def build_deb() -> ModuleType:
    found = importlib.util.spec_from_file_location("build_deb", REPOSITORY / "packaging/build_deb.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["build_deb"] = module
    found.loader.exec_module(module)
    return module


def test_the_changelog_is_that_of_the_project(build_deb: ModuleType) -> None:
    commit = build_deb.Commit(name="0" * 40, time=1_772_409_600, version="1.3.0~git20260302000000.0000000")
    assert build_deb.debian_changelog(CHANGELOG, commit) == textwrap.dedent(
        """\
        dockd (1.3.0~git20260302000000.0000000) bookworm; urgency=medium

          * A thing that is told in a line so long that it has to go on in another
            one, which begins with two spaces.

         -- The dockd developers <maintainers@dockd.invalid>  Mon, 02 Mar 2026 00:00:00 +0000

        dockd (1.2.0) bookworm; urgency=medium

          * Another

         -- The dockd developers <maintainers@dockd.invalid>  Sun, 01 Mar 2026 00:00:00 +0000
        """
    )


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="there is no dpkg")
def test_what_was_built_between_two_releases_is_between_them(build_deb: ModuleType) -> None:
    unreleased, released, older = "## Unreleased\n* A\n", "## 1.3.0 - 2026-03-01\n* A\n", "## 1.2.0 - 2026-01-01\n* B\n"
    versions = [
        build_deb.version_of("1.2.0", build_deb.sections(older), build="20260101000000.0000000"),
        build_deb.version_of("1.2.0", build_deb.sections(unreleased + older), build="20260102000000.0000000"),
        build_deb.version_of("1.3.0", build_deb.sections(unreleased + older), build="20260201000000.fffffff"),
        build_deb.version_of("1.3.0", build_deb.sections(unreleased + older), build="20260201000001.0000000"),
        build_deb.version_of("1.3.0", build_deb.sections(released + older), build="20260301000000.0000000"),
    ]
    assert (versions[0], versions[-1]) == ("1.2.0", "1.3.0")
    for lower, higher in itertools.pairwise(versions):
        assert subprocess.run(["dpkg", "--compare-versions", lower, "lt", higher], check=False).returncode == 0


def test_one_maintainer_is_named(build_deb: ModuleType) -> None:
    control = (REPOSITORY / "packaging/debian/control").read_text()
    assert f"\nMaintainer: {build_deb.MAINTAINER}\n" in control
