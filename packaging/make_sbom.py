"""Write the bill of materials of what is shipped: dist/dockd-VERSION.cdx.json, CycloneDX, by CycloneDX's own tool, from the lock file.

Why it exists: whoever watches for advisories wants to be told what is in a package by a machine. Rules kept here: it is made of the lock that the package is
made of, and of nothing that lies about; the tool is locked by hash as well, and lives in an environment of its own; what it wrote is held against the lock,
library by library and hash by hash, before it is believed. The same commit gives the same file.

    .venv/bin/python packaging/make_sbom.py [--out dist]

The package index is reached as pip does, once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OF = ROOT / "requirements-cameras.lock"
TOOL = ROOT / "requirements-sbom.lock"
ENVIRONMENT = ROOT / "build" / "sbom-env"
SPECIFICATION = "1.6"
_ENTRY = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;]+)[^\n]*\n((?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n?)+)", re.M)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")


def locked(text: str) -> dict[tuple[str, str], frozenset[str]]:
    """The SHA-256s of each library (name, version) of a lock."""
    return {(name, version): frozenset(_HASH.findall(hashes)) for name, version, hashes in _ENTRY.findall(text)}


def wrong_with(document: dict[str, Any], lock: str, *, version: str) -> list[str]:
    """What a bill of materials says otherwise than the lock."""
    wanted = locked(lock)
    found = {(str(one["name"]).lower(), str(one["version"])): _hashes(one) for one in document.get("components", ())}
    wrong = [f"{name} {number} is not in it" for name, number in sorted(wanted.keys() - found.keys())]
    wrong += [f"{name} {number} is not in the lock" for name, number in sorted(found.keys() - wanted.keys())]
    wrong += [f"{one[0]} has other hashes" for one in sorted(wanted.keys() & found.keys()) if wanted[one] != found[one]]
    main = document.get("metadata", {}).get("component", {})
    if (main.get("name"), main.get("version")) != ("dockd", version):
        wrong.append(f"it is not of dockd {version}")
    return wrong


def _hashes(component: dict[str, Any]) -> frozenset[str]:
    places = component.get("externalReferences", ())
    return frozenset(one["content"] for place in places for one in place.get("hashes", ()) if one["alg"] == "SHA-256")


def tool() -> Path:
    """The tool, installed from its lock where that has changed."""
    mark, digest = ENVIRONMENT / "made-from", hashlib.sha256(TOOL.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        venv.create(ENVIRONMENT, with_pip=False, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(ENVIRONMENT / "bin/python"), "install", "--quiet"]
        subprocess.run([*pip, "--require-hashes", "--only-binary=:all:", "--requirement", str(TOOL)], check=True)
        mark.write_text(digest)
    return ENVIRONMENT / "bin/cyclonedx-py"


def main() -> int:
    """1: what was written does not fit the lock."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out: Path = parser.parse_args().out
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"dockd-{version}.cdx.json"
    made = [
        str(tool()),
        "requirements",
        str(OF),
        "--pyproject",
        str(ROOT / "pyproject.toml"),
        "--mc-type",
        "application",
    ]
    made += ["--output-reproducible", "--spec-version", SPECIFICATION, "--output-format", "JSON", "--output-file", "-"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    said = subprocess.run(made, check=True, capture_output=True, text=True, env=environment).stdout
    if wrong := wrong_with(json.loads(said), OF.read_text(encoding="utf-8"), version=version):
        print("error: the bill of materials does not fit the lock:\n  " + "\n  ".join(wrong), file=sys.stderr)
        return 1
    file.write_text(said, encoding="utf-8")
    print(f"{file}: {len(locked(OF.read_text(encoding='utf-8')))} libraries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
