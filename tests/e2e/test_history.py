"""A ledger that goes back in time: put back from an older copy, it deletes nothing until it has said so in a new chain."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import Dock, StoreProcess, filled
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Shelf
from tests.simulators.stores.running import Running

WAIT = ("--wipe", "--wait", "30 s", "--json")


def footage(camera: Path, *names: str) -> Path:
    return filled(camera, {name: os.urandom(20_000) for name in names})


def chain(dock: Dock) -> list[dict[str, Any]]:
    """The custody record, as it is handed over."""
    out = dock.state.with_name("handed-over")
    shutil.rmtree(out, ignore_errors=True)
    done = dock.command("custody", "export", "--format", "jsonl", "--out", str(out))
    assert done.code == 0, done.said
    lines = [line for path in sorted(out.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["type"] == "entry"]


def actions(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["action"] for entry in entries]


@pytest.mark.parametrize("grown", [False, True], ids=["older", "grown-past-what-the-store-saw"])
def test_a_ledger_put_back_from_a_copy_opens_a_new_chain_before_it_deletes(
    store: StoreProcess, dock: Dock, tmp_path: Path, grown: bool
) -> None:
    camera = footage(tmp_path / "CAM01", "a.mp4", "b.mp4")
    assert dock.ingest(camera, options=WAIT).code == 0
    copy = tmp_path / "copy"
    shutil.copytree(dock.state, copy)
    assert dock.ingest(footage(camera, "c.mp4"), options=WAIT).code == 0

    shutil.rmtree(dock.state)
    shutil.copytree(copy, dock.state)
    if grown:  # it works for a while without the store, and writes more entries than the store has ever seen
        url, dock.url = dock.url, "http://127.0.0.1:9"
        more = footage(camera, *(f"offline{number}.mp4" for number in range(30)))
        assert dock.ingest(more, options=("--wipe", "--wait", "0.1 s", "--json")).code == 3
        dock.url = url
    found = dock.ingest(footage(camera, "d.mp4"), options=WAIT)
    assert found.code == 0, found.said
    assert "the ledger had gone back in time: a new chain begins after entry" in found.err
    assert list(camera.iterdir()) == []

    entries = chain(dock)
    said = actions(entries)
    assert said.count("custody.restored") == 1
    old = len(chain_of(copy, dock))
    first_permit = said.index("permit.issued", old)
    assert said.index("custody.restored") < first_permit
    assert dock.custody_faults() == ""
    again = dock.ingest(footage(camera, "e.mp4"), options=WAIT)
    assert again.code == 0
    assert "gone back in time" not in again.err


def chain_of(state: Path, dock: Dock) -> list[dict[str, Any]]:
    return chain(Dock(state=state, url=dock.url))


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(HonestStore()) as found:
        yield found


def test_an_answer_that_was_lost_is_no_step_back(running: Running, tmp_path: Path) -> None:
    """The store saw our newest head, and we were killed before we knew: that entry is in our own chain."""
    dock, shelf = Dock(state=tmp_path / "state", url=running.url), Shelf()
    camera = footage(tmp_path / "CAM01", "a.mp4")
    running.store = HonestStore(shelf)
    assert dock.ingest(camera, options=WAIT).code == 0
    entries = chain(dock)
    name = next(iter(shelf.docks))
    last = entries[-1]
    shelf.docks[name] = (last["seq"], last["hash"])
    found = dock.ingest(footage(camera, "b.mp4"), options=WAIT)
    assert found.code == 0, found.said
    assert "gone back in time" not in found.err
    assert "custody.restored" not in actions(chain(dock))


@pytest.mark.parametrize("seq", [10**30, 2**63, -1])
def test_a_409_that_names_an_impossible_entry_changes_nothing(running: Running, tmp_path: Path, seq: int) -> None:
    body = json.dumps({"seq": seq, "head": "a" * 64}).encode()
    running.store = lies.Answers(Shelf(), "receipt", 409, body=body)
    dock = Dock(state=tmp_path / "state", url=running.url)
    camera = footage(tmp_path / "CAM01", "a.mp4")
    found = dock.ingest(camera, options=("--wipe", "--wait", "1 s", "--json"))
    assert found.code == 3, found.said
    assert "the store knows a later custody history of this dock" in found.err
    assert [path.name for path in camera.iterdir()] == ["a.mp4"]
    assert "custody.restored" not in actions(chain(dock))
