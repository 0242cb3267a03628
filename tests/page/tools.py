"""What these tests need and Python does not have: Debian's Chromium, and axe-core from npm, installed once outside the repository.

A machine that has none of them skips what needs it, but never where CI is set.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Nothing of Chromium's own goes out, and nothing of a graphics card is needed.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--font-render-hinting=none", "--hide-scrollbars",
)  # fmt: skip


def missing(what: str) -> None:
    """Skip what needs it; on CI it has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is needed for the tests of the page")
    pytest.skip(f"there is no {what} on this machine")


def chromium() -> str:
    """Its path."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("Chromium")
    return found or ""


def axe() -> str:
    """axe-core as one script."""
    if shutil.which("npm") is None:
        missing("npm")
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "dockd-test-page"
    folder.mkdir(parents=True, exist_ok=True)
    names = ("package.json", "package-lock.json")
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in names)).hexdigest()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists() or done.read_text() != wanted:
            for name in names:
                shutil.copy(HERE / name, folder / name)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
            ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
            done.write_text(wanted)
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
