"""What `dockd reconcile` says of dockings, shifts, gaps and absent cameras, on ledgers made by the ledger's own functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dockd.cli.reconcile import reconcile
from ingest.events import AgentStarted
from ingest.ledger import Transaction, cameras, segments
from ingest.model import Listed, folder_camera
from ingest.rules import FileRules, Grouping
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

RULES = FileRules(grouping=Grouping(pattern=r"(?P<recording>\d{8})_(?P<part>\d{3})"))
EVENING = 1_795_197_600.0  # 2026-11-20 18:00 UTC
ZONE = ("--zone", "Europe/Berlin")


def asked(state: Path, *words: str) -> Result:
    return CliRunner().invoke(reconcile, [*words, "--state", str(state)])


def document(state: Path, *words: str) -> Any:
    return json.loads(asked(state, "--json", *words).stdout)


def ledger_of(folder: Path, work: Callable[[Dock], Awaitable[None]]) -> Path:
    async def write() -> None:
        async with dock_at(folder) as dock:
            await work(dock)

    asyncio.run(write())
    return folder


async def two_shifts(dock: Dock) -> None:
    """One docking in the evening, which went all the way, and one at night, of which one file of two is left."""
    dock.clock.time = EVENING
    dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=3, source="x"))
    await dock.confirmed(b"a")
    dock.clock.time = EVENING + 6 * 3600
    dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=4, source="x"))
    await dock.confirmed(b"b")
    await dock.copied(b"c")


def test_a_docking_and_a_shift_balance_for_themselves(tmp_path: Path) -> None:
    found = document(ledger_of(tmp_path, two_shifts), *ZONE)
    shifts = {
        one["shift"]: (one["dockings"], one["segments"]["listed"], one["segments"]["left"], one["complete"])
        for one in found["shifts"]
    }
    assert shifts["2026-11-20 15:00-23:00"] == (1, 1, 0, True)
    assert shifts["2026-11-20 23:00-07:00"] == (1, 2, 1, False)
    (evening, night) = found["dockings"][-2:]
    assert (evening["bay"], evening["docked_at"], evening["complete"]) == (3, "2026-11-20T18:00:00.000Z", True)
    assert night["bytes"] == {"listed": 20, "copied": 20, "confirmed": 10, "wiped": 0, "held": 0, "left": 10, "lost": 0}
    said = asked(tmp_path, *ZONE).output
    assert "docking 2026-11-21 01:00, bay 4, CAM: 2 listed = 1 confirmed + 0 held + 1 left\n" in said
    assert "2026-11-20 23:00-07:00 (1 dockings)  files" in said


def test_only_some_dockings(tmp_path: Path) -> None:
    ledger_of(tmp_path, two_shifts)
    evening = asked(tmp_path, *ZONE, "--since", "2026-11-20", "--until", "2026-11-20")
    assert (evening.exit_code, evening.output.splitlines()[-1][:40]) == (0, "balances: 1 listed = 1 confirmed + 0 hel")
    assert document(tmp_path, *ZONE, "--since", "2026-11-21T00:30")["total"]["segments"]["listed"] == 2
    assert document(tmp_path, *ZONE, "--until", "2026-11-21T01:00")["total"]["segments"]["listed"] == 1
    nothing = document(tmp_path, "--since", "2028-01-01")
    assert (nothing["cameras"], nothing["total"]["segments"]["listed"], nothing["complete"]) == ([], 0, True)


def test_tables_by_choice(tmp_path: Path) -> None:
    ledger_of(tmp_path, two_shifts)
    said = asked(tmp_path, *ZONE, "--by", "docking").output
    assert "2026-11-20 19:00, bay 3, CAM  files" in said
    assert "camera " not in said.splitlines()[0]
    assert len(asked(tmp_path, "--by", "station").output.splitlines()) < len(said.splitlines())


def test_a_missing_part_is_a_failure_and_is_named(tmp_path: Path) -> None:
    async def work(dock: Dock) -> None:
        for path in (b"20261120_001.MP4", b"20261120_003.MP4"):
            await dock.confirmed(path)
        await dock.write(lambda tx: segments.classified(tx, docking=dock.docking, rules=RULES, clock_offset=None))

    told = asked(ledger_of(tmp_path, work), "--by", "camera")
    assert told.exit_code == 1
    assert (
        "MISSING: recording 20261120 of camera CAM: part 2 was never seen here; between 20261120_001.MP4 and 20261120_003.MP4"
    ) in told.output
    assert told.output.splitlines()[-1].startswith(
        "PARTS ARE MISSING: 1 parts of recordings were never seen here; 2 listed = 2"
    )
    found = document(tmp_path)
    assert (found["gaps"]["missing"], found["complete"], found["well"]) == (1, True, False)


def test_a_camera_that_is_docked_and_could_not_be_listed_is_a_failure_and_is_named(tmp_path: Path) -> None:
    async def faulty(dock: Dock) -> None:
        await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))
        dock.clock.time = EVENING
        await dock.write(lambda tx: cameras.docked(tx, folder_camera(b"OLD"), bay=9, source="x"))

    told = asked(ledger_of(tmp_path, faulty), "--zone", "UTC")
    assert told.exit_code == 1
    assert (
        "docked and not listed: camera OLD in bay 9 since 2026-11-20 18:00: what is on it is in no sum here"
        in told.output
    )
    assert told.output.splitlines()[-1].startswith("balances, but 1 camera is docked and not listed: 0 ")
    assert "everything is proven" not in told.output
    found = document(tmp_path)
    assert (found["balances"], found["complete"], found["well"]) == (True, False, False)
    assert found["docked_not_listed"] == [
        {"camera": "OLD", "docking": 2, "bay": 9, "docked_at": "2026-11-20T18:00:00.000Z"}
    ]


@pytest.mark.parametrize("ending", ["taken", "agent started anew", "listed, and empty"])
def test_a_camera_that_is_not_there_any_more_or_is_empty_is_no_failure(tmp_path: Path, ending: str) -> None:
    async def over(dock: Dock) -> None:
        dock.clock.time += 60.0
        match ending:
            case "taken":
                await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))
            case "agent started anew":
                await dock.write(lambda tx: tx.record(AgentStarted(version="x")))
            case _:
                await dock.write(
                    lambda tx: cameras.listing(tx, camera=CAMERA.id, docking=dock.docking, files=(), skipped=())
                )

    assert asked(ledger_of(tmp_path, over)).exit_code == 0
    assert document(tmp_path)["docked_not_listed"] == []


async def left(dock: Dock) -> None:
    await dock.confirmed(b"a")
    await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))


def test_a_camera_that_nobody_saw_is_told_and_is_a_failure_where_that_was_asked_for(tmp_path: Path) -> None:
    told = asked(ledger_of(tmp_path, left), "--by", "station")  # the clock of the ledger stands in 2027: seen just now
    assert (told.exit_code, "not seen" in told.output) == (0, False)
    folder = tmp_path / "before"
    folder.mkdir()

    async def long_ago(dock: Dock) -> None:
        await left(dock)
        dock.clock.time = 1_700_000_000.0
        dock.docking = await dock.write(lambda tx: cameras.docked(tx, folder_camera(b"OLD"), bay=9, source="x"))
        await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))

    told = asked(ledger_of(folder, long_ago), "--zone", "UTC")
    assert (told.exit_code, "not seen: camera OLD: last 2023-11-14 22:13, in bay 9" in told.output) == (0, True)
    assert asked(folder, "--not-seen", "24 h").exit_code == 1
    assert document(folder)["not_seen"]["cameras"] == [
        {"camera": "OLD", "serial": "OLD", "last_seen": "2023-11-14T22:13:20.000Z", "bay": 9}
    ]


def test_the_station_and_its_registry(tmp_path: Path) -> None:
    ledger_of(tmp_path, left)
    (tmp_path / "cameras.csv").write_text("camera,assigned_to\nCAM,\nNEVER7,Jones\n")
    config = tmp_path / "dockd.toml"
    config.write_text(
        f'[station]\nname = "Test Street"\nrack = "7"\n[docks]\nusb = false\nfolders = "{tmp_path}/docks"\n[spool]\npath = "{tmp_path}/spool"\n'
        f'[ledger]\npath = "{tmp_path}/ledger.db"\n[store]\nurl = "http://127.0.0.1:1"\n[registry]\nfile = "{tmp_path}/cameras.csv"\n'
    )
    told = CliRunner().invoke(reconcile, ["--config", str(config), "--not-seen", "24h"])
    assert told.exit_code == 1
    assert told.output.startswith("Test Street, rack 7\n")
    assert "not seen: camera NEVER7: never docked here\n" in told.output
    found = json.loads(CliRunner().invoke(reconcile, ["--config", str(config), "--json"]).stdout)
    assert (found["station"]["name"], found["station"]["segments"]["confirmed"]) == ("Test Street", 1)
    (tmp_path / "cameras.csv").write_text("number\n")
    told = CliRunner().invoke(reconcile, ["--config", str(config)])
    assert (told.exit_code, "has no column named camera" in told.output) == (1, True)


def test_the_text_stays_readable_with_many_cameras_and_shifts(tmp_path: Path) -> None:
    async def work(dock: Dock) -> None:
        def month(tx: Transaction) -> None:
            for number in range(64):
                camera = folder_camera(f"CAM{number:02d}".encode())
                for day in range(5):
                    tx.now = EVENING + day * 86_400
                    docking = cameras.docked(tx, camera, bay=number, source="x")
                    file = Listed(path=b"%d" % day, size=10, mtime_ns=1, ctime_ns=1, dev=1, ino=1)
                    cameras.listing(tx, camera=camera.id, docking=docking, files=[file], skipped=[])
                    segments.listed(tx, camera=camera.id, docking=docking, file=file)

        await dock.write(month)

    told = asked(ledger_of(tmp_path, work))
    lines = told.output.splitlines()
    assert told.exit_code == 1
    assert len(lines) < 64 * 2 + 80
    assert max(map(len, lines)) < 140
    assert "docking: and 300 more with something left (--by docking names them)" in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shifts", "7"), "'7' is no list of times of day"),
        (("--zone", "Mars/Olympus"), "is no time zone of this machine"),
        (("--since", "soon"), "'soon' is no time"),
        (("--not-seen", "soon"), "--not-seen: "),
        (("--by", "moon"), "'moon' is not one of"),
    ],
)
def test_what_it_does_not_understand(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    told = asked(tmp_path, *words)
    assert told.exit_code == 2
    assert said in told.output
