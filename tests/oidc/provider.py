"""The real provider (oidc-provider, from npm) as a process on a free loopback port, installed once outside the repository by its lock file."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program import kill_group

HERE = Path(__file__).parent
SECRET = "hun+ter %2: a client's secret"


def installed() -> Path:
    """The folder with the provider and its packages, installed if this is the first time. Skips without npm, but never where CI is set."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        if os.environ.get("CI"):
            pytest.fail("node and npm are needed to run the provider")
        pytest.skip("there is no npm on this machine")
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "dockd-test-oidc"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, wanted = folder / "installed", hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
        if not done.exists() or done.read_text() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
            said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            assert said.returncode == 0, said.stdout + said.stderr
            done.write_text(wanted)
        script = folder / "provider.mjs"  # it finds its packages beside it
        aside = folder / f"provider.mjs.{os.getpid()}"
        aside.write_bytes((HERE / "provider.mjs").read_bytes())
        aside.rename(script)
    return folder


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One that runs."""

    issuer: str
    process: subprocess.Popen[str]

    def lies(self, lie: str | None) -> None:
        """From now on its ID tokens are wrong in this way; None: right again."""
        body = json.dumps({"lie": lie}).encode()
        with urllib.request.urlopen(urllib.request.Request(self.issuer + "/control", data=body), timeout=10) as answer:
            assert answer.status == 200


@contextlib.contextmanager
def provider(log: Path, *, pem: Path | None = None) -> Iterator[Provider]:
    """Running, and ended afterwards. `pem`: certificate and key, to be asked over TLS."""
    folder = installed()
    with log.open("w") as said:
        process = subprocess.Popen(
            ["node", "provider.mjs", SECRET, *([str(pem)] if pem else [])], cwd=folder, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
        )  # fmt: skip
    try:
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert re.fullmatch(r"https?://127\.0\.0\.1:[0-9]+", issuer), log.read_text()
        yield Provider(issuer=issuer, process=process)
    finally:
        kill_group(process)
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
