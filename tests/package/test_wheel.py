"""Without the Debian package: `pipx install` of the wheel, and `pip install .` of the source package; both with the package index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.program import REPOSITORY

PIPX = "pipx>=1.7,<2"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source package of the committed tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run("git", "-C", str(REPOSITORY), "archive", f"--output={folder}/tree.tar", "HEAD")
    with tarfile.open(folder / "tree.tar") as archive:
        archive.extractall(folder / "tree", filter="data")
    run(sys.executable, "-m", "hatchling", "build", "--directory", str(folder / "dist"), cwd=folder / "tree")
    return folder / "dist"


def run(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKD__", "XDG_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env={**kept, **(environment or {})}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


def works(dockd: Path, folder: Path) -> None:
    """Its version, and footage into a folder as the store."""
    assert run(str(dockd), "--version").startswith("dockd, version")
    camera = folder / "CAM01"
    camera.mkdir()
    (camera / "clip.mp4").write_bytes(os.urandom(100_000))
    (folder / "store").mkdir()
    words = ("--store", str(folder / "store"), "--state", str(folder / "state"), "--json")
    said = json.loads(run(str(dockd), "ingest", str(camera), *words))
    assert said["segments"]["confirmed"] == 1
    assert (dockd.parent / "dockd-mount").exists()


def test_pipx_installs_the_wheel(built: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "tool"))
    run(str(tmp_path / "tool/bin/pip"), "install", "--quiet", PIPX)
    places = {
        "PIPX_HOME": str(tmp_path / "home"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    (wheel,) = built.glob("*.whl")
    run(
        str(tmp_path / "tool/bin/pipx"),
        "install",
        f"{wheel}[mtp,unlock]",
        "--python",
        sys.executable,
        environment=places,
    )
    works(tmp_path / "bin/dockd", tmp_path)


def test_pip_installs_the_source(built: Path, tmp_path: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.glob("dockd-*")
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    run(str(tmp_path / "venv/bin/pip"), "install", "--quiet", ".", cwd=tree)
    works(tmp_path / "venv/bin/dockd", tmp_path)
