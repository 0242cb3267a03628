"""The bill of materials is held against the lock before it is believed. (Making one: `make sbom`, which fetches its tool.)"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LOCK = f"""# made
aiohttp==3.14.5 ; python_version > '3' \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
xxhash==4.0.0 \\
    --hash=sha256:{"c" * 64}
"""


@pytest.fixture(scope="module")
def make_sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sbom", ROOT / "packaging" / "make_sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def component(name: str, version: str, *hashes: str) -> dict[str, Any]:
    places = [{"url": "u", "hashes": [{"alg": "SHA-256", "content": one * 64} for one in hashes]}]
    return {"name": name, "version": version, "externalReferences": places}


def document() -> dict[str, Any]:
    return {
        "metadata": {"component": {"name": "dockd", "version": "0.1.0"}},
        "components": [component("aiohttp", "3.14.5", "a", "b"), component("xxhash", "4.0.0", "c")],
    }


def test_what_fits(make_sbom: ModuleType) -> None:
    assert make_sbom.wrong_with(document(), LOCK, version="0.1.0") == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda one: one["components"].pop(), ["xxhash 4.0.0 is not in it"]),
        (lambda one: one["components"].append(component("left-pad", "1", "d")), ["left-pad 1 is not in the lock"]),
        (lambda one: one["components"].__setitem__(1, component("xxhash", "4.0.0", "d")), ["xxhash has other hashes"]),
        (lambda one: one["metadata"].clear(), ["it is not of dockd 0.1.0"]),
    ],
)
def test_what_does_not(make_sbom: ModuleType, damage: Callable[[dict[str, Any]], object], said: list[str]) -> None:
    found = json.loads(json.dumps(document()))
    damage(found)
    assert make_sbom.wrong_with(found, LOCK, version="0.1.0") == said


def test_the_locks_are_read_whole(make_sbom: ModuleType) -> None:
    for name in ("requirements-cameras.lock", "requirements-sbom.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        found = make_sbom.locked(text)
        assert len(found) == len(re.findall(r"(?m)^[a-z0-9]", text)) > 20
        assert all(found.values())
