"""docs/reference.md is what the code says, and what it says beyond the code (whose a file is, where an embedded store answers) is so."""

from __future__ import annotations

import importlib.util
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dockd.access.file import AccessFile
from dockd.app import locked
from ingest.ledger.core import Ledger
from ingest.spool import Spool
from tests.program import REPOSITORY

WORDS = tomllib.loads((REPOSITORY / "packaging" / "reference.toml").read_text(encoding="utf-8"))
LIES = {path: one for one in WORDS["file"] for path in one["path"].split(", ")}


def generator() -> Any:
    """packaging/reference.py, in this process: what it reads of the code is imported already."""
    spec = importlib.util.spec_from_file_location("reference", REPOSITORY / "packaging" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_what_the_code_says() -> None:
    assert generator().document() == (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8"), (
        "run `make reference`"
    )


def test_words_for_what_is_gone_are_named() -> None:
    made = generator()
    wrong = {**WORDS, "store": [*WORDS["store"], {"key": "colour", "expected": "", "what": ""}]}
    with pytest.raises(made.Unexplained, match="colour"):
        list(made._store(wrong))


def _calls(pattern: str, *folders: str) -> set[str]:
    found = set()
    for folder in folders:
        for file in (REPOSITORY / folder).glob("*.py"):
            found |= {" ".join(one.groups()) for one in re.finditer(pattern, file.read_text(encoding="utf-8"))}
    return found


def test_the_embedded_store_answers_where_it_says() -> None:
    said = set()
    for one in WORDS["address"]:
        method = ""
        for call in one["call"].split(", "):
            method, path = call.split(" ") if " " in call else (method, call)
            said.add(f"{method.lower()} {path}")
    routes = _calls(r'router\.add_(get|post)\("([^"]+)"', "ingest/central")
    routes |= {one.lower() for one in _calls(r'router\.add_route\("([A-Z]+)", "([^"]+)"', "ingest/central")}
    assert routes - said == set()
    assert {one for one in said - routes if not one.endswith(" /files/")} == set()


def test_each_page_is_named() -> None:
    """What pages fetch by themselves is none."""
    said = {one["path"] for one in WORDS["page"]}
    routes = {
        re.sub(r"\{(\w+):.*\}", r"{\1}", one)
        for one in _calls(r'router\.add_get\("([^"]+)"', "dockd/page/pages")
    }  # fmt: skip
    assert routes - {"/parts", "/static/{name}", "/favicon.ico"} <= said
    assert said - routes == {"/footage/{id}", "/login"}  # their paths are made of constants


def test_the_package_makes_what_is_said() -> None:
    made = (REPOSITORY / "packaging" / "debian" / "dockd.tmpfiles").read_text(encoding="utf-8")
    lines = [line.split() for line in made.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 2
    for kind, path, mode, owner, group, *_age in lines:
        said = LIES[f"{path}/" if kind == "d" else path]
        assert (said["mode"], said["owner"]) == (mode, f"{owner}:{group}")


async def test_the_state_has_the_modes_that_are_said(tmp_path: Path) -> None:
    state = tmp_path / "dockd"
    with locked(state / "lock"), locked(state / "spool.lock"):
        ledger = await Ledger.open(state / "ledger.db", keys=state / "keys")
        await ledger.close()
    AccessFile(state / "access.db").make()
    spool = Spool(state / "spool", keep_free=0)
    spool.prepare()
    with spool.part("1" * 32):
        found = {one: stat.S_IMODE(one.stat().st_mode) for one in [state, *state.rglob("*")]}
    assert len(found) > 8
    for one, mode in found.items():
        place = Path("/var/lib/dockd") / one.relative_to(state)
        place = place.with_name(place.name.removesuffix("-wal").removesuffix("-shm"))
        said = LIES.get(f"{place}/") or LIES.get(str(place)) or LIES.get(place.name) or LIES[f"{place.parent}/*"]
        assert (said["mode"], said["owner"]) == (f"{mode:04o}", "dockd:dockd"), place
