"""Write the lock files anew from pyproject.toml: exact versions with the SHA-256 of every file.

A developer's tool (`make lock`). The locks hold for every CPython >= 3.11, whatever the processor. Each is
held to the versions of the one before, so that the environment to run in is a part of the environment to test in.
The locks name no package index: whoever installs says where from.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".venv-lock"
RESOLVER = "uv==0.13.8"
LOCKS = (
    ("requirements.lock", ["pyproject.toml"]),
    ("requirements-cameras.lock", ["pyproject.toml", "--extra", "mtp", "--extra", "unlock", "-c", "requirements.lock"]),
    (
        "requirements-dev.lock",
        [
            "pyproject.toml",
            *("--extra", "dev", "--extra", "mtp", "--extra", "unlock"),
            "-c",
            "requirements-cameras.lock",
        ],
    ),
    ("requirements-build.lock", ["--group", "build", "-c", "requirements-dev.lock"]),
    ("requirements-sbom.lock", ["packaging/sbom.in"]),
    ("requirements-bench.lock", ["pyproject.toml", "--extra", "bench", "-c", "requirements-dev.lock"]),
)


def main() -> int:
    """Resolve and write all locks; 1 when one would say where it came from."""
    if not (TOOLS / "bin/uv").exists():
        venv.create(TOOLS, with_pip=True)
        subprocess.run([str(TOOLS / "bin/python"), "-m", "pip", "install", "--quiet", RESOLVER], check=True)
    # The resolver's own settings of this machine and user stay out of the locks.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    for name, sources in LOCKS:
        (ROOT / name).unlink(missing_ok=True)
        command = [str(TOOLS / "bin/uv"), "pip", "compile", "--no-config", "--quiet", "--universal"]
        command += [
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
        ]
        command += ["--custom-compile-command", "make lock", *sources, "--output-file", name]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        if "://" in (ROOT / name).read_text():
            print(f"error: {name} names an address", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
