"""What is written is on the disk before anything is built on it: the calls of one whole run, in the order in which they were made.

A kill finds bytes in the page cache that a power cut would take; so the order is looked at itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.program import StoreProcess
from tests.recovery.every_stop import Scene, needs_stopper, under_stopper

Calls = list[tuple[str, str]]  # role and name, and what it is about
_PART = re.compile(r"([0-9a-f]{32})\.\d+\.[0-9a-f]+(\.json)?\.part$")


def calls_in(log: Path) -> Calls:
    lines = (line.split(" ", 2) for line in log.read_text().splitlines())
    return [(f"{role} {call}", about) for role, call, about in lines]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calls, Calls]:
    """What a dock calls in a run, and what the store under it does."""
    needs_stopper()
    folder = tmp_path_factory.mktemp("run")
    store = StoreProcess(root=folder / "store", prefix=under_stopper(folder / "store.log"))
    store.start()
    try:
        scene = Scene(folder=folder, store=store, name="run")
        scene.ends_well(scene.ingest(*under_stopper(folder / "dock.log")))
    finally:
        store.stop()
    return calls_in(folder / "dock.log"), calls_in(folder / "store.log")


def places(calls: Calls, call: str, about: str) -> list[int]:
    """Where in the order this call is made about what the pattern names."""
    return [at for at, (what, name) in enumerate(calls) if what == call and re.search(about, name)]


def test_a_copy_is_durable_before_it_has_a_name_and_named_before_the_ledger_counts_it(run: tuple[Calls, Calls]) -> None:
    calls, _ = run
    named = [at for at, (what, name) in enumerate(calls) if what == "worker rename" and _PART.search(name)]
    copies = {match[1] for at in named if (match := _PART.search(calls[at][1]))}
    assert len(copies) == 7
    for one in copies:
        (description,) = places(calls, "worker fsync", rf"{one}\.\d+\.\w+\.json\.part$")
        (content,) = places(calls, "worker fdatasync", rf"{one}\.\d+\.\w+\.part$")
        (first,) = places(calls, "worker rename", rf"{one}\.\d+\.\w+\.json\.part$")
        (second,) = places(calls, "worker rename", rf"{one}\.\d+\.\w+\.part$")
        (gone,) = places(calls, "agent unlink", rf"spool/{one}$")
        assert max(description, content) < first < second
        folder = next(at for at in places(calls, "worker fsync", r"/spool$") if at > second)
        committed = [at for at in places(calls, "agent fdatasync", r"ledger\.db-wal$") if folder < at < gone]
        assert len(committed) >= 5  # copied, confirmed, attested, permitted, wiped or released


def test_what_was_deleted_from_a_camera_is_synced_at_once(run: tuple[Calls, Calls]) -> None:
    calls, _ = run
    deleted = places(calls, "worker unlink", r"/CAM\d/")
    assert len(deleted) == 7
    for at in deleted:
        path = Path(calls[at][1])
        camera = next(str(parent) for parent in path.parents if parent.name.startswith("CAM"))
        assert next(call for call in calls[at + 1 :] if call[1].startswith(camera)) == (
            "worker fsync",
            str(path.parent),
        )


def test_the_store_syncs_bytes_and_description_before_they_are_an_object(run: tuple[Calls, Calls]) -> None:
    _, calls = run
    moved = places(calls, "store rename", r"/uploads/[0-9a-f]{32}\.part$")
    assert len(moved) >= 7
    for at in moved:
        one = Path(calls[at][1]).name
        assert any(sync < at for sync in places(calls, "store fdatasync", rf"/uploads/{one}$"))


def test_a_ledger_has_no_rollback_journal_under_its_name(run: tuple[Calls, Calls]) -> None:
    """It is looked at by a connection that cannot write, which could not play one back: a first start that was ended there never went on."""
    calls, _ = run
    assert [about for _, about in calls if about.endswith("/ledger.db-journal")] == []
