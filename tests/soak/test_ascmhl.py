"""The ASC MHL history that dockd hands over, judged by the reference implementation, over footage that was fetched from the store.

The tool lives in an environment of its own, installed once a session; it is called with no network to call home to.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from dockd.demo.footage import build_tree
from ingest.central.app import CentralStore

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(900)]
REQUIREMENTS = Path(__file__).with_name("ascmhl-requirements.txt")
ODD = (
    b'DCIM/a<b>&"c".MP4',
    b"DCIM/\xff\xfe.MP4",
    b"DCIM/line\nbreak.MP4",
    b"DCIM/ascmhl/x.MP4",
    b".DS_Store",
    b"DCIM/\xe4\xb8\xad %41.MP4",
    b"empty",
)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`ascmhl-debug` with arguments."""
    folder = tmp_path_factory.mktemp("ascmhl")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    command: list[str | Path] = [
        folder / "bin" / "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        REQUIREMENTS,
    ]
    subprocess.run(command, check=True, timeout=600)
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        tool = [folder / "bin" / "ascmhl-debug", *words]
        return subprocess.run(tool, capture_output=True, text=True, check=False, timeout=120, env=os.environ | nowhere)

    return run


def dockd(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dockd", *words], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an auditor has it: the history, and each segment fetched from the store by the list that lies beside it."""
    folder = tmp_path_factory.mktemp("footage")
    camera = folder / "CAM:01"
    build_tree(camera, files=3, total_bytes=3 << 20, seed=1)
    for number, name in enumerate(ODD):
        file = os.path.join(os.fsencode(camera), name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as out:
            out.write(b"" if name == b"empty" else b"%d" % number * 1000)
    return fetched(folder, camera)


def fetched(folder: Path, camera: Path) -> Path:
    import asyncio

    async def whole() -> Path:
        async with CentralStore(folder / "store") as store:
            words: list[str | Path] = [
                "ingest",
                camera,
                "--store",
                store.url,
                "--state",
                folder / "state",
                "--wipe",
                "--keep-free",
                "1 B",
            ]
            done = await asyncio.to_thread(dockd, *words)
            assert done.returncode == 0, done.stderr
            root = folder / "hand-over"
            done = await asyncio.to_thread(
                dockd, "custody", "export", "--format", "mhl", "--state", folder / "state", "--out", root
            )
            assert done.returncode == 0, done.stderr
            await asyncio.to_thread(lay_out, root)
            return root

    return asyncio.run(whole())


def lay_out(root: Path) -> None:
    """What docs/verify.md says: fetch each object into its place."""
    with (root / "ascmhl" / "footage.csv").open(encoding="utf-8-sig", newline="") as table:
        for row in csv.DictReader(table):
            target = root / row["place"].removeprefix("'")
            target.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(row["object"]) as answer, target.open("wb") as file:
                shutil.copyfileobj(answer, file)


@pytest.fixture
def root(footage: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(footage, tmp_path / "copy"))


def a_file(root: Path) -> Path:
    return max(
        (path for path in root.rglob("*") if path.is_file() and "ascmhl" not in path.parts),
        key=lambda path: path.stat().st_size,
    )


Reference = Callable[..., subprocess.CompletedProcess[str]]


def test_a_true_tree_is_accepted_and_every_file_was_looked_at(root: Path, reference: Reference) -> None:
    told = reference("verify", "-v", root)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count(": OK") == 3 + len(ODD)


def test_the_sums_beside_it_hold_by_coreutils(root: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "ascmhl/SHA256SUMS"], cwd=root, check=False)
    assert done.returncode == 0


def test_a_changed_byte(root: Path, reference: Reference) -> None:
    file = a_file(root)
    with file.open("r+b") as out:
        out.seek(1000)
        byte = out.read(1)
        out.seek(1000)
        out.write(bytes([byte[0] ^ 1]))
    told = reference("verify", root)
    assert told.returncode == 11
    assert "hash mismatch" in told.stdout + told.stderr


def test_a_missing_file(root: Path, reference: Reference) -> None:
    a_file(root).unlink()
    assert reference("verify", root).returncode == 10


def test_a_file_too_many(root: Path, reference: Reference) -> None:
    (root / "more.MP4").write_bytes(b"more")
    assert reference("verify", root).returncode == 21


def test_a_changed_manifest_and_a_missing_chain(root: Path, reference: Reference) -> None:
    (manifest,) = (root / "ascmhl").glob("0001_*.mhl")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole.replace(b"dockd", b"dockx", 1))
    assert reference("verify", root).returncode == 31
    manifest.write_bytes(whole)
    assert reference("verify", root).returncode == 0
    (root / "ascmhl" / "ascmhl_chain.xml").unlink()
    assert reference("verify", root).returncode == 32


def test_the_table_and_the_sums_agree(root: Path) -> None:
    with (root / "ascmhl" / "footage.csv").open(encoding="utf-8-sig", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 3 + len(ODD)
    for row in rows:
        assert hashlib.sha256((root / row["place"].removeprefix("'")).read_bytes()).hexdigest() == row["sha256"]
