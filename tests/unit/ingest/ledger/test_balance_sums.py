"""Whatever happened, the sums by docking, shift, camera and station are the same, to the file and the byte."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockd.cli.reconcile_books import Asked, books
from ingest.copies import NotInTable
from ingest.ledger import Transaction, cameras, permits, segments
from ingest.ledger.audit import moment
from ingest.ledger.balance import KINDS, Accounts, Count, Span, accounts
from ingest.ledger.segments import Segment
from ingest.model import Digest, Listed, folder_camera
from tests.unit.ingest.ledger.dock import Dock, dock_at

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # hundreds of commits: no disk is asked to keep any
CAMERAS = [folder_camera(name) for name in (b"A", b"B", b"C")]


@dataclass(frozen=True)
class Visit:
    """One docking: of which camera, how long after the one before, sizes of its new files, and what befalls which segment."""

    camera: int
    after: int
    new: list[int]
    seen_again: bool
    steps: list[tuple[int, str]]


STEPS = ("copied", "copied", "confirmed", "confirmed", "wiped", "held", "unheld", "vanished", "rotted", "store_lost", "released", "grown")  # fmt: skip
VISITS = st.lists(
    st.builds(
        Visit, st.integers(0, 2), st.integers(0, 100_000), st.lists(st.integers(0, 10**10), max_size=4), st.booleans(),
        st.lists(st.tuples(st.integers(0, 20), st.sampled_from(STEPS)), max_size=10),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


async def live(dock: Dock, visits: list[Visit]) -> None:
    there: list[str] = []
    for number, visit in enumerate(visits):
        dock.clock.time += visit.after

        def seen(tx: Transaction, number: int = number, visit: Visit = visit) -> list[str]:
            docking = cameras.docked(tx, CAMERAS[visit.camera], bay=visit.camera + 1, source="x")
            files = [
                Listed(path=f"{number}-{n}".encode(), size=size, mtime_ns=n, ctime_ns=1, dev=1, ino=1)
                for n, size in enumerate(visit.new)
            ]
            old = cameras.on_camera(tx.execute, CAMERAS[visit.camera].id) if visit.seen_again else []
            cameras.listing(
                tx,
                camera=CAMERAS[visit.camera].id,
                docking=docking,
                files=[*files, *(one.listed for one in old)],
                skipped=[],
            )
            for one in old:
                segments.seen_again(tx, one.id, docking=docking, file=one.listed)
            return [segments.listed(tx, camera=CAMERAS[visit.camera].id, docking=docking, file=file) for file in files]

        there += await dock.write(seen)
        for which, step in visit.steps:
            if there:
                await befall(dock, there[which % len(there)], step)


async def befall(dock: Dock, segment: str, step: str) -> None:
    row = await dock.segment(segment)
    if not possible(row, step):
        return
    with contextlib.suppress(NotInTable):  # refused, and nothing was changed
        if step == "confirmed":
            receipt = await dock.receipt(segment)
            await dock.write(lambda tx: segments.confirmed(tx, receipt))
        elif step == "wiped":
            await dock.attest(segment)
            permit = await dock.write(lambda tx: permits.issue(tx, camera=row.camera, device="1:2", segments=[segment]))
            await dock.write(lambda tx: segments.wiped(tx, segment, permit=permit.id, seen="x"))
        else:
            await dock.write(lambda tx: SIMPLE[step](tx, row))


def possible(row: Segment, step: str) -> bool:
    needed = {
        "confirmed": row.in_spool,
        "wiped": row.in_store and row.on_camera,
        "grown": row.sha256 is None and row.on_camera,
    }
    return bool(needed.get(step, True))


def bigger(row: Segment) -> Listed:
    return Listed(path=row.path, size=row.size + 7, mtime_ns=9, ctime_ns=1, dev=1, ino=1)


def digest(row: Segment) -> Digest:
    return Digest(size=row.size, sha256=row.id * 2, xxh3_128=row.id)


SIMPLE: dict[str, Callable[[Transaction, Segment], object]] = {
    "copied": lambda tx, row: segments.copied(tx, row.id, digest=digest(row), second_read="direct"),
    "held": lambda tx, row: segments.hold(tx, row.id, reason="x", error="y"),
    "unheld": lambda tx, row: segments.unhold(tx, row.id),
    "vanished": lambda tx, row: segments.vanished(tx, row.id, error="x"),
    "rotted": lambda tx, row: segments.rotted(tx, row.id, error="x"),
    "store_lost": lambda tx, row: segments.store_lost(tx, row.id, error="x"),
    "released": lambda tx, row: segments.released(tx, row.id),
    "grown": lambda tx, row: segments.grown(tx, row.id, docking=row.docking or 0, file=bigger(row)),
}


async def lived(folder: Path, visits: list[Visit]) -> None:
    async with dock_at(folder) as dock:
        await live(dock, visits)


def summed(counts: Iterable[Count]) -> dict[str, int]:
    total = Count()
    for one in counts:
        total.take(one)
    return total.as_dict()


def by_hand(reader: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """The same sums, straight from the rows."""
    rows = reader.execute(
        "SELECT count(*), sum(size), coalesce(sum(in_store), 0), coalesce(sum(size * in_store), 0) FROM segments"
    ).fetchone()
    return {"listed": rows[0], "confirmed": rows[2]}, {"listed": rows[1] or 0, "confirmed": rows[3]}


def sums(found: Accounts) -> list[tuple[dict[str, int], dict[str, int]]]:
    dockings, by_camera = found.dockings.values(), found.cameras.values()
    return [
        (summed(one.segments for one in dockings), summed(one.bytes for one in dockings)),
        (summed(one.segments for one in by_camera), summed(one.bytes for one in by_camera)),
        (found.total()[0].as_dict(), found.total()[1].as_dict()),
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(visits=VISITS, cut=st.integers(0, 400_000))
def test_the_sums_agree_whatever_happened(visits: list[Visit], cut: int) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        asyncio.run(lived(folder, visits))
        middle = 1_800_000_000.0 + cut
        with moment(folder / "ledger.db") as reader:
            whole = accounts(reader)
            halves = [accounts(reader, span=span) for span in (Span(until=middle), Span(since=middle))]
            alone = [accounts(reader, camera=camera) for camera in whole.cameras]
            files, size = by_hand(reader)
        asked = Asked.parse(
            camera=None,
            since=None,
            until=None,
            shifts="07:00,15:00",
            zone="UTC",
            not_seen="24h",
            must_be_seen=False,
            now=0.0,
        )
        shifts = books(folder / "ledger.db", asked, settings=None).shifts
    # a camera that changes after its last listing is another matter: the pipeline would list it again
    assert not [fault for one in whole.cameras.values() for fault in one.faults if fault.startswith("segment ")]
    (by_docking, by_camera, total) = sums(whole)
    assert by_docking == by_camera == total
    assert total == (summed(one.segments for one in shifts), summed(one.bytes for one in shifts))
    assert total == (
        summed(one.total()[0] for one in alone), summed(one.total()[1] for one in alone)
    )  # fmt: skip
    assert {kind: total[0][kind] for kind in files} == files
    assert {kind: total[1][kind] for kind in size} == size
    for one in (0, 1):
        assert {kind: sums(halves[0])[0][one][kind] + sums(halves[1])[0][one][kind] for kind in KINDS} == total[one]
    for docking in whole.dockings.values():
        for count in (docking.segments, docking.bytes):
            assert count.listed == count.confirmed + count.held + count.left + count.lost


async def test_what_a_rebuilt_ledger_took_in_from_the_spool_is_in_no_docking_and_counts_all_the_same(
    tmp_path: Path,
) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.copied(b"a")
        found = Digest(size=70, sha256="f" * 64, xxh3_128="e" * 32)
        await dock.write(
            lambda tx: segments.recovered(
                tx, camera="CAM", segment="d" * 32, path=b"b", digest=found, captured_at=0.0, mtime_ns=0
            )
        )
        began = dock.clock.time
    with moment(tmp_path / "ledger.db") as reader:
        whole, before, since = (
            accounts(reader),
            accounts(reader, span=Span(until=began)),
            accounts(reader, span=Span(since=began)),
        )
    assert {number: one.bytes.listed for (_camera, number), one in whole.dockings.items()} == {1: 10, 0: 70}
    assert whole.total()[1].listed == since.total()[1].listed == 80
    assert (before.dockings, before.cameras) == ({}, {})
