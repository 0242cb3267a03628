"""The packages of the commit: taken from dist/ where `make package` and `make bundle` have just made them, and else made here.

DOCKD_PACKAGES=DIR: those in that folder, whatever the commit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.shell import host
from tests.program import REPOSITORY

DIST = REPOSITORY / "dist"
OLDER = "0.0.9"
# In the older package, and not in the newer one.
GONE = "usr/lib/dockd/lib/python3.11/site-packages/dockd/gone.py"


@dataclass(frozen=True, kw_only=True)
class Packages:
    """What there is to install."""

    version: str
    deb: Path
    changes: Path
    older: Path


def made(folder: Path) -> Packages:
    """The packages of HEAD. Raises AssertionError with what the build said."""
    if named := os.environ.get("DOCKD_PACKAGES"):
        (deb,) = Path(named).glob("dockd_*_amd64.deb")
    else:
        deb = DIST / f"dockd_{_script('build_deb.py', '--say-version').strip()}_amd64.deb"
        if not deb.is_file():
            deb = Path(_script("build_deb.py", "--out", str(folder)).strip())
    version = host("dpkg-deb", "--field", deb, "Version").strip()
    return Packages(version=version, deb=deb, changes=deb.with_suffix(".changes"), older=older(deb, folder))


def bundle_of(packages: Packages, folder: Path) -> Path:
    """The bundle with that package. Raises AssertionError with what was said instead."""
    name = f"dockd-{packages.version}-bookworm-amd64.tar"
    for there in (packages.deb.parent / name, folder / name):
        if there.is_file():
            return there
    mirror = ["--mirror", os.environ["DOCKD_HIL_MIRROR"]] if "DOCKD_HIL_MIRROR" in os.environ else []
    return Path(_script("make_bundle.py", str(packages.deb), "--out", str(folder), *mirror).strip())


def older(deb: Path, folder: Path) -> Path:
    """The same package under a lower version, with a module that the newer one does not have."""
    tree = folder / "older"
    host("dpkg-deb", "--raw-extract", deb, tree)
    control = tree / "DEBIAN/control"
    lines = [f"Version: {OLDER}" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    (tree / GONE).write_text("IT = 'is in the older package alone'\n")
    packed = folder / f"dockd_{OLDER}_amd64.deb"
    host("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, packed)
    shutil.rmtree(tree)
    return packed


def _script(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "packaging" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout
