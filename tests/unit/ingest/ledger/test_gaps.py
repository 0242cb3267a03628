"""Parts that are missing are told, and nothing is told to be missing of which nobody can know."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ingest.ledger import Transaction, cameras, segments
from ingest.ledger.audit import moment
from ingest.ledger.gaps import Gaps, gaps, last_seen
from ingest.model import Digest, Listed
from ingest.rules import FileRules, Grouping
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

RULES = FileRules(
    segments=("**/*.MP4",), sidecars=("**/*.XML",),
    grouping=Grouping(pattern=r"(?P<recording>\d{8}_\d{6})_(?P<part>\d{3,4})\.[a-z0-9]{2,4}$"),
)  # fmt: skip
NIGHT = 1_700_000_000


async def listed(dock: Dock, names: Iterable[str], *, every: int = 300) -> None:
    def work(tx: Transaction) -> None:
        for name in names:
            number = int("".join(c for c in name.rpartition("_")[2] if c.isdigit())[:3] or 0)
            file = Listed(
                path=f"REC/{name}".encode(),
                size=10,
                mtime_ns=(NIGHT + number * every) * 10**9,
                ctime_ns=1,
                dev=1,
                ino=1,
            )
            segments.listed(tx, camera=CAMERA.id, docking=dock.docking, file=file)
        segments.classified(tx, docking=dock.docking, rules=RULES, clock_offset=None)

    await dock.write(work)


def of(folder: Path, **options: float) -> Gaps:
    with moment(folder / "ledger.db") as reader:
        return gaps(reader, **options)  # type: ignore[arg-type]


def parts(*numbers: int, recording: str = "20250301_201500", ending: str = "MP4") -> list[str]:
    return [f"{recording}_{number:03d}.{ending}" for number in numbers]


async def test_a_number_between_two_is_missing_and_what_lies_before_and_behind_is_not_known(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await listed(dock, [*parts(2, 3, 6), *parts(9, recording="20250301_230000"), "ODD.MP4"])
    found = of(tmp_path)
    (gap,) = found.found
    assert (gap.kind, gap.recording, gap.parts) == ("missing", "20250301_201500", (4, 5))
    assert (gap.before, gap.after, gap.seconds) == (
        b"REC/20250301_201500_003.MP4",
        b"REC/20250301_201500_006.MP4",
        900.0,
    )
    assert (found.missing, found.odd, found.recordings, found.unnumbered) == (2, 0, 2, 1)


async def test_files_without_a_profiles_naming_have_no_gaps(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.listed(b"DCIM/DOC_0001.MP4")
        await dock.listed(b"DCIM/DOC_0009.MP4")
    found = of(tmp_path)
    assert (found.found, found.recordings, found.unnumbered) == ([], 0, 2)


async def test_a_sidecar_tells_of_a_part_before_the_first_and_behind_the_last(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await listed(dock, [*parts(2, 3), *parts(1, 2, 3, 4, ending="XML")])
    assert [gap.parts for gap in of(tmp_path).found] == [(1, 1), (4, 4)]


async def test_times_are_odd_and_never_missing(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await listed(dock, parts(1, 2, 3, 4, 5))
        await listed(dock, parts(6), every=500)
        await listed(dock, parts(7), every=200)
    assert [(gap.kind, gap.parts) for gap in of(tmp_path).found] == [("pause", (5, 6)), ("order", (6, 7))]
    assert (of(tmp_path).missing, of(tmp_path).odd) == (0, 2)


async def test_parts_that_a_rebuilt_ledger_has_not_numbered_yet_are_not_missing(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await listed(dock, parts(1, 6))
        for number in (3, 4):

            def recovered(tx: Transaction, number: int = number) -> None:
                digest = Digest(size=10, sha256="a" * 64, xxh3_128="b" * 32)
                path = f"REC/{parts(number)[0]}".encode()
                name = f"{number:032x}"
                segments.recovered(
                    tx, camera=CAMERA.id, segment=name, path=path, digest=digest, captured_at=0.0, mtime_ns=0
                )

            await dock.write(recovered)
    assert [gap.parts for gap in of(tmp_path).found] == [(2, 2), (5, 5)]


async def test_recordings_of_other_days_are_not_looked_at(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await listed(dock, parts(1, 3))
        first = dock.clock.time
        dock.clock.time += 86_400
        dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="x"))
        await listed(dock, parts(1, 4, recording="20250302_070000"))
    assert [gap.parts for gap in of(tmp_path, since=first + 1).found] == [(2, 3)]
    assert [gap.parts for gap in of(tmp_path, until=first + 1).found] == [(2, 2)]


async def test_when_a_camera_was_last_seen(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        began = dock.clock.time
        with moment(tmp_path / "ledger.db") as reader:
            (seen,) = last_seen(reader)
        assert (seen.at, seen.docked, seen.bay) == (began, True, 1)
        dock.clock.time += 500
        await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))
        await dock.write(lambda tx: cameras.know(tx, CAMERA, bay=None))  # a rebuilt ledger knows it: nobody saw it
    with moment(tmp_path / "ledger.db") as reader:
        (seen,) = last_seen(reader)
    assert (seen.at, seen.docked) == (began + 500, False)
