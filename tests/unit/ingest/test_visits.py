"""What a session does with a camera's rules, its mounted volume, its clock, and what of it nobody can read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from dockd.app import Agent, agent
from dockd.settings import defaults
from ingest.central import CentralStore
from ingest.central.settings import StoreSettings
from ingest.errors import CameraGone, LedgerUnusable, Unreadable
from ingest.events import Event
from ingest.intake import Intake, IntakeSettings
from ingest.ledger import views
from ingest.model import CameraId, Skipped, Vitals
from ingest.rules import FileRules, Grouping
from ingest.visit import Visit
from ingest.worker.pool import Worker, WorkerPool

CAMERA = CameraId(profile="dcim", serial="C3441", card="1234-ABCD")
RULES = FileRules(
    segments=("DCIM/**/*.MP4",), sidecars=("DCIM/**/*.JSON",), ignorable=("System Volume Information/**",),
    grouping=Grouping(pattern=r"(?P<recording>REC\d+)_(?P<part>\d+)\.MP4"),
)  # fmt: skip


@dataclass
class Card:
    """A card behind the production interface: what was unlinked comes off it only when it is written out, and its cable may be pulled before."""

    root: Path
    kept: Path
    calls: list[str] = field(default_factory=list)
    locked: bool = False
    loses_writes: bool = False
    gone_at_fresh: bool = False
    remounts: bool = False
    readers: Callable[[], int] = lambda: 0

    async def fresh(self) -> None:
        self.calls.append("fresh")
        if self.gone_at_fresh:
            raise CameraGone("the cable was pulled before its deletions were seen")
        if self.loses_writes:
            shutil.copytree(self.kept, self.root, dirs_exist_ok=True)

    async def writable(self) -> None:
        self.calls.append("writable")
        if self.remounts and self.readers():
            raise Unreadable("it is in use")
        if self.locked:
            raise Unreadable("the card's lock is on")


@dataclass
class Place:
    """An agent over a real store, and a camera with five files."""

    built: Agent
    root: Path
    card: Card

    def visit(self, **changes: Any) -> Visit:
        fields: dict[str, Any] = {
            "camera": CAMERA,
            "root": os.fsencode(self.root),
            "bay": 3,
            "rules": RULES,
            "volume": self.card,
        } | changes
        return Visit(**fields)

    async def session(self, visit: Visit) -> None:
        async with asyncio.timeout(30):
            await self.built.intake.session(visit, once=True)

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    async def rows(self, columns: str) -> dict[str, tuple[Any, ...]]:
        found = await self.built.ledger.read(
            lambda db: db.execute(f"SELECT path, {columns} FROM segments ORDER BY path").fetchall()
        )
        return {path.decode(): tuple(rest) for path, *rest in found}

    async def actions(self) -> list[str]:
        return await self.built.ledger.read(
            lambda db: [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")]
        )


FOOTAGE = {"DCIM/100MEDIA/REC7_1.MP4", "DCIM/100MEDIA/REC7_2.MP4"}
SIDECAR, OTHER, IGNORED = (
    "DCIM/100MEDIA/REC7_1.JSON",
    "MISC/settings.cfg",
    "System Volume Information/IndexerVolumeGuid",
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    root = tmp_path / "card"
    for number, name in enumerate(sorted({*FOOTAGE, SIDECAR, OTHER, IGNORED})):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.urandom(1000 + number))
    shutil.copytree(root, tmp_path / "kept")
    async with CentralStore(tmp_path / "store", settings=StoreSettings(keep_free=0)) as store:
        plain = defaults()
        settings = replace(
            plain, store=replace(plain.store, url=store.url), ledger=replace(plain.ledger, path=tmp_path / "state/ledger.db"),
            spool=replace(plain.spool, path=tmp_path / "state/spool", keep_free=0),
        )  # fmt: skip
        async with agent(settings, version="test", rest=0.05) as built:
            delivering = asyncio.create_task(built.delivery.run())
            try:
                yield Place(built=built, root=root, card=Card(root=root, kept=tmp_path / "kept"))
            finally:
                delivering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await delivering


async def test_only_segments_and_sidecars_are_wiped_and_all_but_the_ignorable_is_confirmed(place: Place) -> None:
    visit = place.visit()
    await place.session(visit)
    assert place.files() == {OTHER, IGNORED}
    rows = await place.rows("in_store, on_camera, kind, recording, part")
    assert rows == {
        "DCIM/100MEDIA/REC7_1.JSON": (1, 0, "sidecar", None, None),
        "DCIM/100MEDIA/REC7_1.MP4": (1, 0, "segment", "REC7", 1),
        "DCIM/100MEDIA/REC7_2.MP4": (1, 0, "segment", "REC7", 2),
        "MISC/settings.cfg": (1, 1, "other", None, None),
    }
    assert [(item.path, item.hides) for item in visit.skipped] == [(IGNORED.encode(), False)]
    sums = (await place.built.ledger.read(lambda db: views.of_dockings(db.execute, [visit.docking])))[visit.docking]
    assert (sums.balance.segments.listed, sums.balance.segments.wiped, sums.on_camera) == (4, 3, 0)


async def test_a_volume_is_writable_from_the_permit_on_and_gone_is_what_it_lists_mounted_anew(place: Place) -> None:
    told: list[str] = []
    place.built.ledger.subscribe(lambda event, _seq: told.append(event.action))
    writable, fresh = place.card.writable, place.card.fresh

    class Told(Card):
        async def writable(self) -> None:
            told.append("writable")
            await writable()

        async def fresh(self) -> None:
            told.append("fresh")
            await fresh()

    await place.session(place.visit(volume=Told(root=place.root, kept=place.card.kept)))
    of_wiping = [one for one in told if one in ("permit.issued", "writable", "fresh", "segment.wiped", "permit.closed")]
    assert of_wiping == ["permit.issued", "writable", "fresh", *["segment.wiped"] * 3, "permit.closed"]


async def test_what_comes_back_on_a_fresh_mount_was_not_wiped(place: Place) -> None:
    place.card.loses_writes = True
    closed = asyncio.Event()
    place.built.ledger.subscribe(lambda event, _seq: closed.set() if event.action == "permit.closed" else None)
    session = asyncio.create_task(place.built.intake.session(place.visit(), once=False))
    async with asyncio.timeout(20):
        await closed.wait()
    session.cancel()
    await asyncio.wait({session})
    assert session.cancelled(), "it goes on as long as the camera is there"
    assert place.files() >= FOOTAGE
    assert "segment.wiped" not in await place.actions()
    assert all(on_camera for (on_camera,) in (await place.rows("on_camera")).values())


async def test_a_cable_pulled_before_it_is_seen_is_told_at_the_next_docking_elsewhere(place: Place) -> None:
    """Everything was unlinked and written out, and nobody saw it: the same card, listed empty by another device, was wiped by dockd."""
    (place.root / OTHER).unlink()
    place.card.gone_at_fresh = True
    with pytest.raises(CameraGone):
        await place.session(place.visit())
    assert "segment.wiped" not in await place.actions()
    again = place.root.with_name("again")
    shutil.copytree(place.root, again)
    await place.session(place.visit(root=os.fsencode(again), bay=4, volume=Card(root=again, kept=again)))
    assert (await place.actions()).count("segment.wiped") == 3
    assert "camera.other_card" not in await place.actions()


async def test_nothing_is_believed_of_a_mount_after_a_failure(place: Place) -> None:
    visit = place.visit(wipe=False, suspect=True)
    await place.session(visit)
    assert place.card.calls == ["fresh"]
    assert not visit.suspect


async def test_a_locked_card_is_said_once_and_keeps_its_footage(place: Place) -> None:
    place.card.locked = True
    visit = place.visit()
    await place.session(visit)
    assert place.files() >= FOOTAGE
    doing = place.built.activity.cameras
    assert visit.locked == "the card's lock is on"
    assert doing == {}  # the session is over
    actions = await place.actions()
    assert (actions.count("permit.issued"), actions.count("permit.closed"), actions.count("segment.wiped")) == (1, 1, 0)
    assert {one for (one,) in (await place.rows("held")).values()} == {None}


async def test_a_partition_that_nobody_can_read_keeps_the_whole_card_from_being_written(place: Place) -> None:
    hidden = Skipped(path=b"partition 2", kind="other", message="it is encrypted: nobody here can read it", hides=True)
    visit = place.visit(part_hidden=(hidden,))
    await place.session(visit)
    assert "writable" not in place.card.calls
    assert place.files() >= FOOTAGE
    assert "partition 2" in visit.unsafe


async def test_what_has_to_be_unmounted_to_be_written_is_let_go_of_and_read_again_under_the_permit(
    place: Place,
) -> None:
    """The real files that worker processes hold open below the card decide whether it could be unmounted."""
    place.card.remounts = True
    place.card.readers = lambda: held_open_below(place.root)
    visit = place.visit()
    await place.session(visit)
    assert not visit.locked
    assert place.files() == {OTHER, IGNORED}
    assert (await place.actions()).count("segment.wiped") == 3


def held_open_below(root: Path) -> int:
    """How many descriptors of any process lead below `root`."""
    found = 0
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            found += os.readlink(link).startswith(str(root))
    return found


async def test_a_cameras_wall_time_is_told_in_the_zone_that_it_writes(place: Place) -> None:
    written = 1_752_000_000  # a day in July, as the card has it
    for path in place.root.rglob("*.MP4"):
        os.utime(path, (written, written))
    await place.session(place.visit(rules=replace(RULES, time_zone="Europe/London"), wipe=False))
    assert {at for path, (at,) in (await place.rows("captured_at")).items() if path.endswith(".MP4")} == {
        written - 3600.0
    }


async def test_our_own_deletions_are_told_as_ours_though_one_file_cannot_be_deleted(place: Place) -> None:
    """Thirty clips; one of the first twenty cannot be unlinked, which ends the permit when half of them are gone."""
    folder = place.root / "DCIM/100MEDIA"
    for number in range(30):
        path = folder / f"C{number:03}.MP4"
        path.write_bytes(os.urandom(1000 + number))
        os.utime(path, (1_700_000_000 + number,) * 2)
    subprocess.run(["chattr", "+i", folder / "C005.MP4"], check=True)
    try:
        await place.session(place.visit())
    finally:
        subprocess.run(["chattr", "-i", folder / "C005.MP4"], check=True)
    actions = await place.actions()
    assert (actions.count("segment.wiped"), actions.count("segment.vanished")) == (32, 0)
    assert actions.count("permit.closed") == actions.count("permit.issued")
    assert place.files() == {OTHER, IGNORED, "DCIM/100MEDIA/C005.MP4"}


async def test_no_card_is_made_writable_beside_footage_that_appeared_while_the_rest_was_proven(place: Place) -> None:
    """The look before each batch: what is new on the card comes first."""
    late = place.root / "DCIM/100MEDIA/LATE.MP4"
    only: list[list[bytes]] = []

    def appear(event: Event, _seq: int) -> None:
        if event.action == "segment.confirmed" and not late.exists():
            late.write_bytes(os.urandom(5000))

    class Looking(Card):
        async def writable(self) -> None:
            await super().writable()
            on_it = set(place.root.rglob("*.MP4"))
            safe = await place.rows("in_spool OR in_store")
            only.append([os.fsencode(one) for one in on_it if safe.get(str(one.relative_to(place.root))) != (1,)])

    place.built.ledger.subscribe(appear)
    await place.session(place.visit(volume=Looking(root=place.root, kept=place.card.kept)))
    assert late.name not in {Path(name).name for name in place.files()}
    assert only
    assert not any(only), "the card was made writable while it held an only copy"


async def test_our_own_deletions_are_told_as_ours_though_the_look_after_them_failed(place: Place) -> None:
    """The device fails while the card is listed after its wipe: that listing concludes nothing, and takes nothing from the next one."""
    doubt = Skipped(path=b".", kind="unreadable", message="its device failed while it was listed", hides=True)
    visit = place.visit()

    class Failing(Card):
        async def fresh(self) -> None:
            await super().fresh()
            visit.part_hidden = (doubt,)

    visit.volume = Failing(root=place.root, kept=place.card.kept)
    await place.session(visit)
    assert not {"segment.wiped", "segment.vanished", "permit.closed"} & set(await place.actions())
    await place.session(place.visit())
    actions = await place.actions()
    assert (actions.count("segment.wiped"), actions.count("segment.vanished")) == (3, 0)
    assert actions.count("permit.closed") == actions.count("permit.issued")


async def test_no_card_is_left_writable_while_the_ledger_is_unusable(place: Place) -> None:
    class NoLedger(Card):
        async def writable(self) -> None:
            await super().writable()
            raise LedgerUnusable("the ledger's disk is full")

    card = NoLedger(root=place.root, kept=place.card.kept)
    visit = place.visit(volume=card)
    for _ in range(2):  # as the rack begins it again and again
        with pytest.raises(LedgerUnusable):
            await place.session(visit)
        assert card.calls[-1] == "fresh"
    assert place.files() >= FOOTAGE


@pytest.mark.parametrize("copied", [True, False])
async def test_rules_that_pass_over_more_by_now_make_nothing_vanish(place: Place, copied: bool) -> None:
    await place.session(place.visit(wipe=False))
    if not copied:
        never = "UPDATE segments SET in_spool = 0, in_store = 0, sha256 = NULL, xxh3_128 = NULL WHERE path = ?"
        await place.built.ledger.commit(lambda tx: tx.execute(never, (OTHER.encode(),)))
    wider = replace(RULES, ignorable=(*RULES.ignorable, "MISC/**"))
    await place.session(place.visit(wipe=False, rules=wider))
    assert not {"segment.vanished", "segment.lost"} & set(await place.actions())
    assert (await place.rows("on_camera, in_store"))[OTHER] == (1, 1)


async def test_rules_that_pass_over_more_by_now_make_nothing_wiped(place: Place) -> None:
    class Pulled(Card):
        async def writable(self) -> None:
            raise CameraGone("pulled before anything was deleted")

    with pytest.raises(CameraGone):
        await place.session(place.visit(volume=Pulled(root=place.root, kept=place.card.kept)))
    wider = replace(RULES, ignorable=(*RULES.ignorable, "**/*.JSON"))
    await place.session(place.visit(wipe=False, rules=wider))
    assert "segment.wiped" not in await place.actions()
    assert (await place.rows("on_camera"))[SIDECAR] == (1,)


async def test_rules_that_call_less_footage_by_now_leave_a_camera_ready_and_not_for_ever_before_its_emptying(
    place: Place,
) -> None:
    await place.session(place.visit(wipe=False))
    visit = place.visit(rules=replace(RULES, segments=("DCIM/**/REC7_2.MP4",), sidecars=()))
    await place.session(visit)
    sums = (await place.built.ledger.read(lambda db: views.of_dockings(db.execute, [visit.docking])))[visit.docking]
    assert (sums.on_camera, sums.stays, sums.balance.segments.wiped) == (0, 3, 1)


async def test_files_that_lie_elsewhere_on_the_card_by_now_were_not_deleted(place: Place) -> None:
    """The permit was never used; the card is docked again, and shows the same files below another folder."""

    class Pulled(Card):
        async def writable(self) -> None:
            raise CameraGone("pulled before anything was deleted")

    whole = place.root.with_name("whole")
    shutil.copytree(place.root, whole / "p1")
    (whole / "p1" / OTHER).unlink()
    shutil.rmtree(whole / "p1" / "System Volume Information")
    below = FileRules(segments=("p1/DCIM/**/*.MP4",), sidecars=("p1/DCIM/**/*.JSON",))
    with pytest.raises(CameraGone):
        await place.session(
            place.visit(root=os.fsencode(whole), rules=below, volume=Pulled(root=whole, kept=place.card.kept))
        )
    part = Card(root=whole / "p1", kept=place.card.kept)
    await place.session(place.visit(root=os.fsencode(whole / "p1"), wipe=False, volume=part))
    assert "segment.wiped" not in await place.actions()


class Telling:
    """A worker whose camera tells of itself, before the production one."""

    def __init__(self, worker: Worker, asked: list[str]) -> None:
        self._worker, self._asked = worker, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    async def vitals(self) -> Vitals:
        return Vitals(battery_percent=50, clock_offset_seconds=0.0 if self._asked else 500.0)

    async def set_clock(self) -> bool:
        self._asked.append("set")
        return True


@pytest.mark.parametrize("ours", [True, False])
async def test_only_the_clock_of_a_camera_that_the_site_has_named_is_set(place: Place, ours: bool) -> None:
    asked: list[str] = []

    class Cameras(WorkerPool):
        @contextlib.asynccontextmanager
        async def lent(self, root: bytes) -> AsyncIterator[Worker]:
            async with super().lent(root) as worker:
                yield cast(Worker, Telling(worker, asked))

    pool = Cameras(parallel=1, spool=place.built.spool.folder)
    intake = Intake(
        ledger=place.built.ledger, spool=place.built.spool, pool=pool, activity=place.built.activity, attest=place.built.delivery.attest,
        settings=IntakeSettings(wipe=False, rest=0.05),
    )  # fmt: skip
    told: list[Vitals] = []
    async with asyncio.timeout(30):
        await intake.session(place.visit(volume=None, ours=ours, told=told.append), once=True)
    await pool.close()
    assert asked == (["set"] if ours else [])
    assert told[-1] == Vitals(battery_percent=50, clock_offset_seconds=0.0 if ours else 500.0)
    assert {one for (one,) in (await place.rows("clock_offset")).values()} == {
        500.0
    }  # as it was when they were recorded


async def test_the_clocks_offset_stays_with_the_segments_and_the_docking(place: Place) -> None:
    await place.session(place.visit(vitals=Vitals(clock_offset_seconds=-42.5)))
    assert {one for (one,) in (await place.rows("clock_offset")).values()} == {-42.5}
    assert "camera.clock_measured" in await place.actions()
