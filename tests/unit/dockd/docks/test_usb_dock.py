"""A rack of USB ports: what is plugged, pulled, swapped, mounted and told, and in which order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.docks.base import Docked, Noted, Occupied, Undocked
from dockd.docks.usb_bay import NO_HELPER
from dockd.docks.usb_dock import Timing
from dockd.docks.usb_findings import ToUnlock
from dockd.mounting.base import MountRefused
from ingest.camera.unlock import Unlocked
from ingest.errors import CameraGone, DockdError, Unreadable
from ingest.model import Vitals
from tests.unit.dockd.docks.usb_rack import KEYBOARD, PTP, QUICK, Bench, Card, place, plain


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.close()


async def test_what_is_in_at_the_start_and_what_comes(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    first = await bench.docked("1")
    assert (first.camera.id, first.root) == (
        "dcim:C3441~1111-1111",
        bytes(bench.helper.root / "pci-0000_00_10.0-usb-0_1"),
    )
    assert (first.wipe, first.controller, first.hidden) == (False, "pci-0000:00:10.0", ())
    assert "nobody has named it" in first.why_kept
    bench.machine.plug("2.4", Card(uuid="2222-2222"), ID_SERIAL_SHORT="C3442")
    second = await bench.docked("2.4")
    assert second.place == place("2.4")
    assert [plain(event) for event in bench.backlog] == [("looking", "2.4")]


async def test_a_camera_that_leaves_is_unmounted_and_told_before_anything_else(bench: Bench) -> None:
    bench.machine.plug("1", Card())
    await bench.docked()
    bench.machine.unplug("1")
    assert plain(await bench.next()) == ("left", "1")
    await bench.quiet()
    assert bench.helper.mounts == {}


async def test_a_camera_that_comes_back_elsewhere_is_the_same_camera(bench: Bench) -> None:
    bench.machine.plug("1", Card())
    first = await bench.docked()
    bench.machine.unplug("1")
    bench.machine.plug("3", Card())
    second = await bench.docked("3")
    assert plain(bench.backlog[0]) == ("left", "1")
    assert second.camera == first.camera
    assert second.root != first.root


async def test_a_plug_faster_than_anybody_looks_is_another_docking(bench: Bench) -> None:
    bench.machine.plug("1", Card())
    await bench.docked()
    bench.machine.deaf = True  # not even the events are heard
    bench.machine.unplug("1")
    bench.machine.plug("1", Card())
    bench.machine.deaf = False
    bench.machine.trigger()
    assert plain(await bench.next()) == ("left", "1")
    await bench.docked("1")


async def test_the_card_comes_out_and_another_goes_in(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    await bench.docked()
    bench.machine.swap_card("1", None)
    assert plain(await bench.next()) == ("left", "1")
    assert "no card in it" in (await bench.occupied("not_ours")).why
    assert bench.helper.mounts == {}
    bench.machine.swap_card("1", Card(uuid="2222-2222"))
    assert (await bench.docked("1")).camera.card == "2222-2222"


async def test_another_card_in_the_same_camera_without_a_pause(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    first = await bench.docked()
    bench.machine.swap_card("1", Card(uuid="2222-2222"))
    assert plain(await bench.next()) == ("left", "1")
    second = await bench.docked("1")
    assert (first.camera.serial, first.camera.card, second.camera.card) == ("C3441", "1111-1111", "2222-2222")


@pytest.mark.parametrize(
    ("interfaces", "word"),
    [
        (KEYBOARD, "a keyboard"),
        (":020600:0a0000:", "a network adapter"),
        (":030102:", "a mouse"),
        (":ff0000:", "kind that"),
    ],
)
async def test_what_is_no_camera_is_told_in_words(bench: Bench, interfaces: str, word: str) -> None:
    bench.machine.plug("1", interfaces=interfaces)
    event = await bench.next()
    assert isinstance(event, Occupied)
    assert event.what == "not_ours"
    assert word in event.why
    bench.machine.unplug("1")
    assert plain(await bench.next()) == ("left", "1")
    assert bench.helper.asked == []


@pytest.mark.parametrize(
    ("filesystem", "word"),
    [("ntfs", "holds ntfs"), ("crypto_LUKS", "is encrypted"), ("", "no filesystem that is known")],
)
@pytest.mark.parametrize("table", [True, False])
async def test_a_disk_that_nobody_can_read_is_never_mounted(
    bench: Bench, filesystem: str, word: str, *, table: bool
) -> None:
    bench.machine.plug("1", Card(filesystems=(filesystem,), table=table))
    assert word in (await bench.occupied("not_ours")).why
    await bench.quiet(0.1)
    assert bench.helper.asked == []


async def test_no_partition_table_and_several_partitions(bench: Bench) -> None:
    bench.machine.plug("1", Card(table=False, filesystems=("exfat",)))
    assert (await bench.docked("1")).root.startswith(b"/")
    bench.machine.plug("2", Card(uuid="2222-2222", filesystems=("vfat", "exfat", "crypto_LUKS")))
    both = await bench.docked("2")
    below = bench.helper.root / "pci-0000_00_10.0-usb-0_2"
    assert both.root == b"volumes:" + bytes(below)
    assert {path.name for path in bench.helper.mounts if path.parent == below} == {"p1", "p2"}
    assert [(item.path, item.hides) for item in both.hidden] == [(b"p3", True)]
    assert "encrypted" in both.hidden[0].message
    assert both.rules.kind(b"p2/DCIM/100MEDIA/A.MP4") == "segment"
    assert both.rules.kind(b"p1/System Volume Information/x") == "ignorable"
    bench.machine.unplug("2")
    await bench.left("2")


async def test_volumes_never_stand_below_two_roots(bench: Bench) -> None:
    """The mount point of one of them is still held by a camera that hangs: all of them go elsewhere."""
    bench.helper.taken.add("pci-0000_00_10.0-usb-0_1/p1")
    bench.machine.plug("1", Card(filesystems=("vfat", "exfat")))
    docked = await bench.docked()
    assert docked.root == b"volumes:" + bytes(bench.helper.root / "pci-0000_00_10.0-usb-0_1-again1")
    assert {path.name for path in bench.helper.mounts} == {"p1", "p2"}
    assert {path.parent for path in bench.helper.mounts} == {bench.helper.root / "pci-0000_00_10.0-usb-0_1-again1"}


async def test_a_partition_that_does_not_mount_hides_what_is_on_it(bench: Bench) -> None:
    usb = bench.machine.plug("1", Card(filesystems=("vfat", "vfat")))
    second = bench.machine.facts[usb.path][3].get("DEVNAME")
    bench.helper.faults[second] = Unreadable("bad superblock")
    docked = await bench.docked()
    assert docked.root.startswith(b"volumes:")
    assert [(item.path, item.hides) for item in docked.hidden] == [(b"p2", True)]
    assert "bad superblock" in docked.hidden[0].message


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_camera_is_itself_and_its_paths_stay_whichever_partition_fails(bench: Bench, failing: int) -> None:
    usb = bench.machine.plug("1", Card(filesystems=("vfat", "exfat")))
    whole = await bench.docked()
    bench.machine.unplug("1")
    await bench.left()
    usb = bench.machine.plug("1", Card(filesystems=("vfat", "exfat")))
    failed = bench.machine.facts[usb.path][2 + failing].get("DEVNAME")
    bench.helper.faults[failed] = Unreadable("bad superblock")
    part = await bench.docked()
    assert (part.camera, part.root, part.rules) == (whole.camera, whole.root, whole.rules)
    bench.machine.unplug("1")
    await bench.left()
    bench.machine.plug("1", Card(filesystems=("vfat", "")))  # udev itself could not read it
    once_more = await bench.docked()
    assert (once_more.camera, once_more.root, once_more.rules) == (whole.camera, whole.root, whole.rules)
    assert [item.path for item in once_more.hidden] == [b"p2"]


async def test_a_volume_that_does_not_mount_is_a_fault_and_tried_again(bench: Bench) -> None:
    usb = bench.machine.plug("1", Card())
    device = bench.machine.facts[usb.path][2].get("DEVNAME")
    bench.helper.faults[device] = Unreadable("can't read superblock")
    fault = await bench.occupied("fault")
    assert "can't read superblock" in fault.why
    await bench.quiet(0.25)  # it is tried again, and said once
    assert bench.helper.asked.count(("mount", device)) > 1
    bench.helper.faults.clear()
    await bench.docked()


@pytest.mark.parametrize(
    "error",
    [MountRefused("another disk by now"), CameraGone("has left"), DockdError("odd"), ZeroDivisionError("a defect")],
)
async def test_whatever_goes_wrong_in_one_bay_is_told_there(bench: Bench, error: Exception) -> None:
    usb = bench.machine.plug("1", Card(uuid="1111-1111"))
    bench.helper.faults[bench.machine.facts[usb.path][2].get("DEVNAME")] = error
    await bench.occupied("fault")
    bench.machine.plug("2", Card(uuid="2222-2222"))
    await bench.docked("2")


async def test_a_camera_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    bench = Bench(tmp_path, timing=Timing(settle=0.02, patience=0.1, retry=0.1, mount=0.3, look=0.3))
    usb = bench.machine.plug("1", Card(uuid="1111-1111"))
    device = bench.machine.facts[usb.path][2].get("DEVNAME")
    bench.helper.hangs.add(device)
    bench.machine.plug("2", Card(uuid="2222-2222"))
    await bench.docked("2")
    assert "does not answer" in (await bench.occupied("fault", "1")).why
    bench.helper.hangs.clear()
    await bench.docked("1")
    await bench.close()


async def test_the_helper_is_not_there_and_comes(bench: Bench) -> None:
    bench.helper.down = True
    bench.machine.plug("1", Card())
    fault = await bench.occupied("fault")
    assert fault.why.endswith(NO_HELPER)
    assert [text.partition(":")[0] for text in bench.warnings] == ["no camera on USB can be read"]
    bench.helper.down = False
    bench.dock.helper_is_back()
    await bench.docked()
    assert bench.warnings[1:] == ["helper is well"]


async def test_a_helper_that_ends_at_each_request_is_not_asked_without_a_pause(tmp_path: Path) -> None:
    bench = Bench(tmp_path, timing=replace(QUICK, retry=30.0))
    bench.helper.down = True
    bench.machine.plug("1", Card())
    await bench.occupied("fault")
    asked = len(bench.helper.asked)
    for _ in range(20):
        bench.dock.helper_is_back()
        await bench.quiet(0.01)
    assert asked < len(bench.helper.asked) <= asked + 2
    await bench.close()


async def test_the_helper_dies_under_a_docked_camera(bench: Bench) -> None:
    bench.machine.plug("1", Card())
    docked = await bench.docked()
    bench.helper.end()
    assert docked.volume is not None
    with pytest.raises(CameraGone):
        await docked.volume.fresh()
    assert await bench.next() == Undocked(place=place("1"), again=True)
    assert (await bench.occupied("fault")).why.endswith(NO_HELPER)
    bench.helper.down = False
    again = await bench.docked()
    assert again.camera == docked.camera


async def test_a_camera_that_was_silent_once_is_docked_anew(bench: Bench) -> None:
    """The helper gave its device up, and knows nothing of the mount from then on: nobody has to pull the camera."""
    bench.machine.plug("1", Card())
    docked = await bench.docked()
    assert docked.volume is not None
    bench.helper.gives_up = CameraGone("it does not answer")
    with pytest.raises(CameraGone):
        await docked.volume.fresh()
    bench.helper.mounts.clear()
    bench.helper.gives_up = None
    assert await bench.next() == Undocked(place=place("1"), again=True)
    again = await bench.docked()
    assert again.camera == docked.camera
    assert again.volume is not None
    await again.volume.fresh()
    await bench.quiet(0.2)


async def test_a_camera_that_fails_each_time_is_docked_anew_now_and_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, timing=replace(QUICK, retry=0.2))
    bench.helper.gives_up = MountRefused("not one of its mounts")
    bench.machine.plug("1", Card())
    begun = time.monotonic()
    for _ in range(3):
        docked = await bench.docked()
        assert docked.volume is not None
        for _ in range(20):
            with pytest.raises(CameraGone):
                await docked.volume.fresh()
    assert time.monotonic() - begun >= 2 * 0.2, "not in a tight loop"
    assert len(bench.helper.asked) < 20
    await bench.close()


async def test_a_camera_that_failed_because_it_was_pulled_has_left(bench: Bench) -> None:
    bench.machine.plug("1", Card())
    docked = await bench.docked()
    assert docked.volume is not None
    bench.helper.gives_up = CameraGone("it has left")
    with pytest.raises(CameraGone):
        await docked.volume.fresh()
    bench.machine.unplug("1")
    assert await bench.next() == Undocked(place=place("1"))
    bench.helper.gives_up = None
    await bench.quiet(0.3)


async def test_a_volume_is_made_writable_and_fresh_over_its_mounts(bench: Bench) -> None:
    bench.machine.plug("1", Card(filesystems=("vfat", "exfat")))
    docked = await bench.docked()
    assert docked.volume is not None
    await docked.volume.writable()
    await docked.volume.fresh()
    assert [what for what, _ in bench.helper.asked] == ["mount"] * 2 + ["writable"] * 2 + ["fresh"] * 2


async def test_hubs_are_no_places(bench: Bench) -> None:
    bench.machine.plug("1", hub=True)
    await bench.quiet(0.1)
    for port in (1, 2, 3):
        bench.machine.plug(f"1.{port}", Card(uuid=f"{port}111-1111"))
    assert {(await bench.docked()).place for _ in range(3)} == {place(f"1.{port}") for port in (1, 2, 3)}
    bench.machine.unplug("1")
    assert {(await bench.left()).place for _ in range(3)} == {place(f"1.{port}") for port in (1, 2, 3)}
    await bench.quiet(0.1)
    assert bench.helper.mounts == {}


async def test_the_same_identity_twice_at_once(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    first = await bench.docked("1")
    bench.machine.plug("2", Card(uuid="1111-1111"))
    fault = await bench.occupied("fault", "2")
    assert fault.why == "Another camera with the same serial number and card is in bay 1: take one out."
    bench.machine.unplug("1")
    second = await bench.docked("2")
    assert second.camera == first.camera


async def test_the_same_serial_with_another_card_is_another_camera_and_said(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    assert (await bench.docked("1")).note == ""
    bench.machine.plug("2", Card(uuid="2222-2222"))
    second = await bench.docked("2")
    assert "is in bay 1" in second.note
    noted = [event for event in bench.backlog if isinstance(event, Noted)]
    assert [(note.place, "is in bay 2" in note.note) for note in noted] == [(place("1"), True)]
    bench.machine.unplug("2")
    cleared = await bench.until(Noted)
    assert cleared == Noted(place=place("1"), note="")


async def test_a_storm_of_events_that_say_nothing_new(bench: Bench) -> None:
    for port in range(1, 9):
        bench.machine.plug(f"1.{port}", Card(uuid=f"{port}111-1111"))
        await bench.docked()
    before = len(bench.helper.asked)
    said = 0
    while said < 2000:
        said += bench.machine.trigger()
        await asyncio.sleep(0.01)
    await bench.quiet()
    assert len(bench.helper.asked) == before


async def test_in_a_storm_a_camera_is_still_found(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    await bench.docked()

    async def storm() -> None:
        while True:
            bench.machine.trigger()
            await asyncio.sleep(0.005)

    raging = asyncio.create_task(storm())
    bench.machine.plug("2", Card(uuid="2222-2222"))
    await bench.docked("2")
    raging.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await raging


async def test_lost_events_are_made_good(bench: Bench) -> None:
    bench.machine.plug("1", Card(uuid="1111-1111"))
    await bench.docked()
    bench.machine.deaf = True
    bench.machine.unplug("1")
    bench.machine.plug("2", Card(uuid="2222-2222"))
    bench.machine.lose_events()
    assert {plain(await bench.next()), plain(await bench.next()), plain(await bench.next())} == {
        ("left", "1"), ("looking", "2"), ("docked", "2"),
    }  # fmt: skip


async def test_what_nobody_told_of_is_found_now_and_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, timing=Timing(settle=0.02, reconcile=0.2))
    bench.machine.plug("1", Card(uuid="1111-1111"))
    await bench.docked("1")
    bench.machine.deaf = True
    bench.machine.plug("2", Card(uuid="2222-2222"))
    await bench.docked("2")
    bench.machine.unplug("1")
    await bench.left("1")
    await bench.close()


async def test_no_udev_is_told_once_and_looked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.machine.udev = False
    bench.machine.plug("1", Card())
    await bench.quiet(0.3)
    assert bench.warnings == ["cameras on USB are not seen: udevd does not run here"]
    assert bench.machine.looks == 0
    bench.machine.udev = True
    await bench.docked()
    assert bench.warnings[1:] == ["udev is well"]
    await bench.close()


async def test_with_a_bay_map_other_ports_are_told_of_only_when_a_camera_is_in_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, mapped=[place("1")])
    bench.machine.plug("1", interfaces=KEYBOARD)
    assert plain(await bench.next()) == ("not_ours", "1")
    bench.machine.plug("2", interfaces=KEYBOARD)
    bench.machine.plug("3", None)
    await bench.quiet(0.2)
    bench.machine.plug("4", Card())
    await bench.docked("4")
    await bench.close()


async def test_mtp(bench: Bench) -> None:
    usb = bench.machine.plug("1", interfaces=PTP)
    docked = await bench.docked()
    assert docked.root == f"mtp:usb:{usb.get('BUSNUM')},{usb.get('DEVNUM')}".encode()
    assert (docked.camera.profile, docked.volume, bench.helper.asked) == ("mtp", None, [])


async def test_the_registry_names_cameras_and_is_read_again(tmp_path: Path) -> None:
    listed: set[str] = set()
    bench = Bench(tmp_path, listed=lambda: frozenset(listed))
    bench.machine.plug("1", Card())
    assert not (await bench.docked()).wipe
    listed.add("C3441")
    assert await bench.dock.reload() == ()
    assert await bench.next() == Undocked(place=place("1"), again=True)
    assert (await bench.docked()).wipe
    assert await bench.dock.reload() == ()
    await bench.quiet(0.1)
    bench.machine.unplug("1")
    assert await bench.next() == Undocked(place=place("1"))
    await bench.close()


async def test_who_is_struck_off_the_registry_is_not_emptied_though_a_profile_is_wrong(tmp_path: Path) -> None:
    site, listed = tmp_path / "cameras", {"C3441"}
    site.mkdir()
    bench = Bench(tmp_path, site=site, listed=lambda: frozenset(listed))
    bench.machine.plug("1", Card())
    assert (await bench.docked()).wipe
    (site / "ours.toml").write_text("name = 3\n")
    listed.clear()
    assert await bench.dock.reload()
    assert await bench.next() == Undocked(place=place("1"), again=True)
    assert not (await bench.docked()).wipe
    await bench.close()


async def test_a_site_profile_is_taken_up_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    site = tmp_path / "cameras"
    site.mkdir()
    bench = Bench(tmp_path, site=site)
    bench.machine.plug("1", Card())
    assert (await bench.docked()).camera.profile == "dcim"
    file = site / "ours.toml"
    file.write_text("name = 3\n")
    assert any("ours.toml" in mistake for mistake in await bench.dock.reload())
    await bench.quiet(0.1)
    file.write_text(
        'name = "ours"\ntitle = "Ours"\nkind = "disk"\n[match.usb]\nID_SERIAL_SHORT = "C3441"\n'
        '[match.volume]\nID_FS_TYPE = "vfat"\n[identity]\nserial = "usb-serial"\n[files]\nsegments = ["DCIM/**"]\n'
    )
    assert await bench.dock.reload() == ()
    docked = await bench.docked()
    assert (docked.camera.profile, docked.wipe) == ("ours", True)
    assert bench.backlog[0] == Undocked(place=place("1"), again=True)
    await bench.close()


async def test_contents_decide_between_profiles(bench: Bench) -> None:
    bench.machine.plug("1", Card(names=("RECORD",)))
    assert (await bench.docked()).camera.profile == "segmented"


async def test_the_end_leaves_no_mount(bench: Bench) -> None:
    for port in (1, 2, 3):
        bench.machine.plug(str(port), Card(uuid=f"{port}111-1111"))
        await bench.docked()
    await bench.close()
    assert bench.helper.mounts == {}
    stream = bench.dock.events()  # and it may begin again
    async with asyncio.timeout(10):
        assert isinstance(await anext(stream), (Docked, Occupied))
    await stream.aclose()  # type: ignore[attr-defined]


# -- cameras that want a word first ------------------------------------------------------------------------------------


class Talk:
    """The far end of an unlocking."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bench: Bench | None = None
        self.becomes: Card | None = Card(label="CAM9")
        self.error: DockdError | None = None

    async def __call__(self, found: ToUnlock) -> Unlocked:
        self.asked.append(found.address)
        if self.error is not None:
            raise self.error
        assert self.bench is not None
        self.bench.machine.unplug("1")  # it leaves the bus before it has answered
        await asyncio.sleep(0.1)
        if self.becomes is not None:
            self.bench.machine.plug("1", self.becomes, ID_VENDOR_ID="1234")
        return Unlocked(
            device_id="CAM9", vitals=Vitals(battery_percent=77, clock_offset_seconds=3600.0), clock_set=True
        )


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    talk = Talk()
    talk.bench = Bench(tmp_path, timing=QUICK, conversation=talk)
    yield talk
    await talk.bench.close()


def plug_locked(bench: Bench) -> None:
    bench.machine.plug("1", interfaces=":ff0000:", ID_VENDOR_ID="4255", ID_MODEL_ID="0001")


async def test_a_camera_is_unlocked_and_its_disk_is_the_camera(talk: Talk) -> None:
    assert talk.bench is not None
    plug_locked(talk.bench)
    docked = await talk.bench.docked()
    assert (docked.camera.profile, docked.camera.serial) == ("unlock", "CAM9")
    assert (docked.vitals.battery_percent, docked.vitals.clock_offset_seconds) == (77, 3600.0)
    assert docked.controls is not None
    assert (await docked.controls.battery_percent(), await docked.controls.clock_offset_seconds()) == (77, 0.0)
    assert len(talk.asked) == 1
    talk.bench.machine.unplug("1")
    await talk.bench.left()
    await talk.bench.quiet(0.1)


async def test_a_disk_with_another_label_is_not_that_camera(talk: Talk) -> None:
    assert talk.bench is not None
    talk.becomes = Card(label="CAM8")
    plug_locked(talk.bench)
    docked = await talk.bench.docked()
    assert docked.camera.profile != "unlock"
    assert (docked.wipe, docked.vitals, docked.controls) == (False, Vitals(), None)


FORCE = """
name = "force-cam"
title = "Our cameras"
kind = "unlock"
[match.usb]
ID_VENDOR_ID = "4255"
ID_MODEL_ID = "0001"
[identity]
serial = "{serial}"
[unlock]
{asked}become_disk = "@ATH;"
label_is_id = {label_is_id}
[files]
segments = ["**/*.MP4", "**/*.JPG"]
"""


@pytest.mark.parametrize(
    ("serial", "asked", "label_is_id"),
    [
        ("usb-serial", 'ask_id = "@Gdv;"\n', "false"),
        ("volume-label", "", "true"),
        ("device-id", 'ask_id = "@Gdv;"\n', "true"),
    ],
)
@pytest.mark.parametrize("docked_first", [False, True])
async def test_a_memory_stick_in_the_place_of_an_unlocked_camera_is_not_that_camera(
    tmp_path: Path, serial: str, asked: str, label_is_id: str, docked_first: bool
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "ours.toml").write_text(FORCE.format(serial=serial, asked=asked, label_is_id=label_is_id))
    told = asyncio.Event()

    async def talk(found: ToUnlock) -> Unlocked:
        told.set()
        vitals = Vitals(battery_percent=33, clock_offset_seconds=900.0)
        return Unlocked(device_id="CAM01" if asked else "", vitals=vitals)

    # Slow to look: the stick is in before anybody has looked at the empty port.
    bench = Bench(tmp_path, site=site, conversation=talk, timing=replace(QUICK, settle=0.2, patience=0.4))
    plug_locked(bench)
    await bench.occupied("looking")
    async with asyncio.timeout(15):
        await told.wait()
    bench.machine.unplug("1")
    if docked_first:
        own = Card(uuid="CAME-0001", label="CAM01")
        bench.machine.plug("1", own, ID_VENDOR_ID="4255", ID_MODEL_ID="0001", ID_SERIAL_SHORT="F17")
        camera = await bench.docked()
        assert (camera.camera.profile, camera.wipe, camera.vitals.battery_percent) == ("force-cam", True, 33)
        bench.machine.unplug("1")
    stick = Card(uuid="STIC-0001", label="CAM01" if docked_first and label_is_id == "true" else "HOLIDAY")
    bench.machine.plug("1", stick, ID_VENDOR_ID="0781", ID_SERIAL_SHORT="S4nD15k")
    found = await bench.docked()
    assert found.camera.profile == "dcim"
    assert (found.wipe, found.vitals, found.controls) == (False, Vitals(), None)
    await bench.close()


async def test_told_and_written_in_another_case_is_one_camera(talk: Talk) -> None:
    assert talk.bench is not None
    talk.becomes = Card(label="Cam9")
    plug_locked(talk.bench)
    docked = await talk.bench.docked()
    assert (docked.camera.profile, docked.camera.serial) == ("unlock", "Cam9")


async def test_a_camera_that_says_no_is_a_fault_and_asked_again(talk: Talk) -> None:
    assert talk.bench is not None
    talk.error = Unreadable("the camera refuses the password")
    plug_locked(talk.bench)
    assert "refuses the password" in (await talk.bench.occupied("fault")).why
    talk.error = None
    await talk.bench.docked()


async def test_without_the_part_that_unlocks_it_is_said(bench: Bench) -> None:
    plug_locked(bench)
    assert "has to be unlocked" in (await bench.occupied("fault")).why


async def test_sixty_four_cameras_at_once_do_not_hold_up_the_loop(bench: Bench) -> None:
    lags: list[float] = []

    async def pulse() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - before - 0.005)

    beating = asyncio.create_task(pulse())
    for port in range(64):
        bench.machine.plug(f"{port // 8 + 1}.{port % 8 + 1}", Card(uuid=f"{port:04}-1111"))
    docked: set[str] = set()
    while len(docked) < 64:
        event = await bench.next()
        if isinstance(event, Docked):
            docked.add(event.place)
        assert not isinstance(event, Undocked)
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    assert sorted(lags)[len(lags) // 2] < 0.05
