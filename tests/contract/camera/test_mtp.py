"""An MTP camera sits the exam over the production line; and what is special to objects that have names only by the way."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from ingest.camera.base import Camera
from ingest.camera.mtp import MtpCamera
from ingest.errors import CameraGone, SourceUnstable, Unreadable
from ingest.model import Listed, Skipped, Vitals
from tests.contract.camera.exam import CONTENT, CameraExam, content_of, files, held, listed
from tests.contract.camera.ptp_camera import BATTERY, DATE_TIME, PLAIN, STORE, WIDE, PtpCamera, Thing, text

MIB = 1 << 20


@dataclass
class Plugged:
    """A camera with a session, and hands inside it."""

    inside: PtpCamera = field(default_factory=PtpCamera)
    prefix = b"store_00010001/"

    def __post_init__(self) -> None:
        self.mtp = MtpCamera(self.inside, name="usb:001,004")
        self.camera: Camera = self.mtp

    def takes(self, name: bytes) -> bool:
        try:
            return len(name.decode()) < 255
        except UnicodeDecodeError:
            return False

    def put(self, path: bytes, content: bytes) -> None:
        above, _, name = path.rpartition(b"/")
        folder = self.inside.folder(above)
        before = self.inside.find(name.decode(), folder)
        if before is not None:
            del self.inside.things[before]
        self.inside.add(Thing(name=name.decode(), parent=folder, content=content))

    def thing(self, path: bytes) -> Thing:
        above, _, name = path.rpartition(b"/")
        handle = self.inside.find(name.decode(), self.inside.folder(above))
        assert handle is not None
        return self.inside.things[handle]

    def append(self, path: bytes, content: bytes) -> None:
        self.thing(path).content += content

    def remove(self, path: bytes) -> None:
        for handle, one in list(self.inside.things.items()):
            if one is self.thing(path):
                del self.inside.things[handle]
                return

    def names(self) -> list[bytes]:
        return [self.inside.path(handle) for handle, one in self.inside.things.items() if one.format != 0x3001]

    def unplug(self) -> None:
        self.inside.plugged = False


@pytest.fixture(params=[PLAIN, WIDE], ids=["ptp", "mtp"])
def bench(request: pytest.FixtureRequest) -> Iterator[Plugged]:
    plugged = Plugged(PtpCamera(operations=set(request.param)))
    yield plugged
    plugged.camera.close()
    assert plugged.inside.closed


class TestMtp(CameraExam):
    """The exam."""


def skipped(bench: Plugged) -> list[Skipped]:
    return [item for item in bench.camera.listing() if isinstance(item, Skipped)]


# -- which object a name is ----------------------------------------------------------------------------------------------


def test_a_name_that_begins_like_another_is_another_file(bench: Plugged) -> None:
    """Clips and their sidecars are often called so."""
    bench.put(b"DCIM/A.MP4.json", b"sidecar")
    bench.put(b"DCIM/A.MP4", CONTENT)
    found = listed(bench)
    with held(bench.camera, found[b"DCIM/A.MP4"]) as source:
        assert content_of(source) == CONTENT
        source.delete()
    assert bench.names() == [b"DCIM/A.MP4.json"]


def test_two_objects_of_one_name_are_one_file_and_something_hidden_and_stay(bench: Plugged) -> None:
    folder = bench.inside.folder(b"DCIM")
    for content in (CONTENT, b"twin"):
        bench.inside.add(Thing(name="A.MP4", parent=folder, content=content))
    bench.put(b"DCIM/B.MP4", CONTENT)
    assert [(item.path, item.hides) for item in skipped(bench)] == [(bench.prefix + b"DCIM/A.MP4", True)]
    with held(bench.camera, listed(bench)[b"DCIM/A.MP4"]) as source:
        assert content_of(source) == b"twin", "the smaller first, on each visit"
        with pytest.raises(Unreadable, match="another file of its folder has its name"):
            source.delete()
    assert sorted(bench.names()) == [b"DCIM/A.MP4", b"DCIM/A.MP4", b"DCIM/B.MP4"]


def test_what_is_deleted_by_others_between_the_look_and_the_deletion_takes_nothing_else(bench: Plugged) -> None:
    bench.put(b"DCIM/a", CONTENT)
    bench.put(b"DCIM/b", CONTENT)

    class Recorder(PtpCamera):
        """It overwrites its oldest clip just when it is told to delete it."""

        def _delete(self, handle: int, kind: int = 0) -> int:
            self.things.pop(handle, None)
            return super()._delete(handle, kind)

    recorder = Plugged(Recorder(things=dict(bench.inside.things), operations=bench.inside.operations, _next=90))
    with held(recorder.camera, listed(recorder)[b"DCIM/a"]) as source, pytest.raises(SourceUnstable):
        source.delete()
    assert recorder.names() == [b"DCIM/b"]
    assert 0xFFFFFFFF not in recorder.inside.deleted


@pytest.mark.parametrize("handle", [0, 0xFFFFFFFF])
def test_what_means_every_object_is_never_asked_to_be_deleted(bench: Plugged, handle: int) -> None:
    bench.inside.things[handle] = Thing(name="trap", content=CONTENT)
    assert listed(bench) == {}
    with pytest.raises(ValueError, match="names no object"):
        bench.mtp.session.delete(handle)
    assert bench.inside.deleted == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../etc/passwd"])
def test_a_name_that_is_no_name_hides_something(bench: Plugged, name: str) -> None:
    bench.inside.add(Thing(name=name, content=CONTENT))
    assert files(bench.camera) == {}
    assert [item.hides for item in skipped(bench)] == [True]


def test_a_name_that_is_no_unicode_text_stays_what_it_is(bench: Plugged) -> None:
    bench.inside.add(Thing(name="\ud800.mp4", content=CONTENT))
    (path,) = listed(bench)
    assert path == b"\xed\xa0\x80.mp4"


# -- where it lies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root_is", [0, 0xFFFFFFFF, STORE, 4711])
@pytest.mark.parametrize("flat", [False, True])
def test_cameras_that_show_folders_in_their_own_way(bench: Plugged, flat: bool, root_is: int) -> None:
    """All objects of a storage whatever folder is asked for; and what they call the root."""
    bench.inside.flat, bench.inside.root_is = flat, root_is
    for path in (b"x", b"DCIM/100/a", b"DCIM/100/b", b"DCIM/101/a"):
        bench.put(path, path)
    found = listed(bench)
    assert sorted(found) == [b"DCIM/100/a", b"DCIM/100/b", b"DCIM/101/a", b"x"]
    for path, file in found.items():
        with held(bench.camera, file) as source:
            assert content_of(source) == path


def test_a_circle_of_folders_is_not_walked_for_ever(bench: Plugged) -> None:
    one = bench.inside.folder(b"one")
    two = bench.inside.folder(b"one/two")
    bench.inside.things[one].parent = two
    bench.put(b"a", b"")
    bench.inside.flat = True
    assert b"a" in listed(bench)


def test_that_the_camera_answers_is_told_while_a_folder_shows_nothing_yet() -> None:
    """A thousand objects at a quarter of a second each: longer than a worker may say nothing."""
    inside = PtpCamera()
    folder = inside.folder(b"DCIM/100MEDIA")
    for number in range(50):
        inside.add(Thing(name=f"{number}.MP4", parent=folder, content=b"x"))
    told: list[int] = []
    camera = MtpCamera(inside, name="usb:001,005", going_on=lambda: told.append(len(inside.asked)))
    listing = camera.listing()
    first = next(listing)
    assert isinstance(first, Listed)
    assert len(told) >= 50, "at each of them, before the first is shown"
    assert max(after - before for before, after in itertools.pairwise(told)) <= 2
    list(listing)
    told.clear()
    again = MtpCamera(inside, name="usb:001,005", going_on=lambda: told.append(1))
    again.open(first)
    assert len(told) >= 50, "and where a file is looked for by its path"
    again.close()


def test_every_storage_is_listed(bench: Plugged) -> None:
    other = 0x00020001
    camera = PtpCamera(operations=bench.inside.operations, storages=[other, STORE, 0x00030000])
    camera.add(Thing(name="a", content=b"1"))
    camera.add(Thing(name="a", content=b"22", storage=other))
    found = files(MtpCamera(camera, name="usb:001,005"))
    assert {path: file.size for path, file in found.items()} == {b"store_00010001/a": 1, b"store_00020001/a": 2}


def test_a_camera_that_shows_no_storage_is_not_an_empty_one(bench: Plugged) -> None:
    locked = PtpCamera(operations=bench.inside.operations, storages=[0x00010000])
    with pytest.raises(Unreadable, match="shows no storage"):
        list(MtpCamera(locked, name="usb:001,005").listing())


def test_a_card_taken_out_during_the_listing(bench: Plugged) -> None:
    bench.put(b"a", b"")
    listing = bench.camera.listing()
    next(listing)
    bench.inside.storages = []
    with pytest.raises(CameraGone, match="card was taken out"):
        list(listing)


def test_a_folder_that_cannot_be_listed_hides_something(bench: Plugged) -> None:
    class Odd(PtpCamera):
        def _handles(self, storage: int, kind: int, folder: int) -> bytes | int:
            return 0x200F if folder == self.find("DCIM", 0) else super()._handles(storage, kind, folder)

    odd = Plugged(Odd(operations=bench.inside.operations))
    odd.put(b"DCIM/a", b"")
    odd.put(b"b", b"")
    assert list(listed(odd)) == [b"b"]
    assert [(item.path, item.hides) for item in skipped(odd)] == [(odd.prefix + b"DCIM", True)]


# -- how long it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 511, 512, 500, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_every_size_is_read_to_its_end_and_no_further(bench: Plugged, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    bench.put(b"a", content)
    for room in (4 * MIB, MIB):
        with held(bench.camera, listed(bench)[b"a"]) as source:
            reading = source.content
            assert not isinstance(reading, int)
            view, got = memoryview(bytearray(room)), b""
            with reading:
                while length := reading.read(view, offset=len(got)):
                    got += bytes(view[:length])
            assert got == content


@pytest.mark.parametrize("size", [0, 100, len(CONTENT) - 1])
def test_a_size_cut_to_32_bits_is_not_the_size(bench: Plugged, size: int) -> None:
    """As cameras say of a clip of 4 GiB and some bytes; of exactly 4 GiB they say that it is empty."""
    bench.put(b"a", CONTENT)
    bench.thing(b"a").size = size
    file = listed(bench)[b"a"]
    assert file.size == size
    with pytest.raises(Unreadable, match="two sizes of it|not taken for whole"), held(bench.camera, file) as source:
        content_of(source)


def test_a_file_that_ends_before_its_end_is_not_whole(bench: Plugged) -> None:
    bench.put(b"a", CONTENT)
    bench.thing(b"a").missing = 1
    with held(bench.camera, listed(bench)[b"a"]) as source, pytest.raises(Unreadable, match="not taken for whole"):
        content_of(source)


def test_a_file_that_is_cut_while_it_is_read_is_not_stable(bench: Plugged) -> None:
    bench.put(b"a", CONTENT)
    with held(bench.camera, listed(bench)[b"a"]) as source:
        bench.thing(b"a").content = CONTENT[:7]
        with pytest.raises(SourceUnstable):
            content_of(source)


def test_four_gigabytes_or_more_of_a_camera_that_cannot_say_how_many() -> None:
    plugged = Plugged()
    plugged.inside.add(Thing(name="a", content=CONTENT, size=0xFFFFFFFF))
    with pytest.raises(Unreadable, match="4 GiB or more"):
        plugged.camera.open(listed(plugged)[b"a"])


def test_a_camera_that_gives_no_parts() -> None:
    plugged = Plugged(PtpCamera(operations=PLAIN - {0x101B}))
    plugged.put(b"a", CONTENT)
    with held(plugged.camera, listed(plugged)[b"a"]) as source, pytest.raises(Unreadable, match="in parts"):
        content_of(source)


# -- deleting ------------------------------------------------------------------------------------------------------------


def test_a_protected_file_stays(bench: Plugged) -> None:
    bench.put(b"a", CONTENT)
    bench.thing(b"a").protection = 1
    with held(bench.camera, listed(bench)[b"a"]) as source, pytest.raises(Unreadable, match="protected"):
        source.delete()
    assert (bench.names(), bench.inside.deleted) == ([b"a"], [])


@pytest.mark.parametrize("code", [0x200D, 0x200E, 0x200F, 0x2012, 0x2005])
def test_a_camera_that_refuses_to_delete_says_so(bench: Plugged, code: int) -> None:
    bench.put(b"a", CONTENT)
    bench.inside.refuses[0x100B] = code
    with held(bench.camera, listed(bench)[b"a"]) as source, pytest.raises(Unreadable, match="was not deleted"):
        source.delete()


def test_a_camera_that_says_deleted_and_has_it_still(bench: Plugged) -> None:
    bench.put(b"a", CONTENT)
    bench.inside.ignores_delete = True
    with held(bench.camera, listed(bench)[b"a"]) as source, pytest.raises(Unreadable, match="still there"):
        source.delete()


# -- the line ------------------------------------------------------------------------------------------------------------


def test_silence_is_a_camera_that_left(bench: Plugged) -> None:
    bench.put(b"a", CONTENT)
    file = listed(bench)[b"a"]
    bench.inside.silent = True
    with pytest.raises(CameraGone):
        bench.camera.open(file)


def test_a_session_that_somebody_left_open_is_ended_first() -> None:
    inside = PtpCamera(session=7)
    Plugged(inside)
    assert inside.session == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"", b"\0" * 12, b"\xff" * 40, b"HTTP/1.1 200 OK\r\n\r\n" * 9,
        b"\x0c\0\0\0\x03\0\x01\x20\xff\0\0\0", b"\xff\xff\xff\xff\x02\0\x04\x10\x01\0\0\0",
    ],
    ids=["nothing", "zeros", "ones", "text", "another question", "endless"],
)  # fmt: skip
def test_garbage_ends_the_session(bench: Plugged, garbage: bytes) -> None:
    bench.put(b"a", CONTENT)
    bench.inside.out.extend([garbage] * 100)
    with pytest.raises((CameraGone, Unreadable)):
        list(bench.camera.listing())


def test_a_dataset_that_is_cut_short(bench: Plugged) -> None:
    class Short(PtpCamera):
        def _object_info(self, handle: int) -> bytes | int:
            whole = super()._object_info(handle)
            return whole[:50] if isinstance(whole, bytes) else whole

    short = Plugged(Short(operations=bench.inside.operations))
    short.put(b"a", CONTENT)
    with pytest.raises(Unreadable, match="cut short"):
        list(short.camera.listing())


# -- charge and clock ----------------------------------------------------------------------------------------------------


def battery(level: int, form: bytes) -> bytes:
    return b"\x01\x50\x02\x00\x00\x64" + bytes([level]) + form


@pytest.mark.parametrize(
    ("level", "form", "percent"),
    [
        (40, b"\x01\x00\x64\x01", 40),
        (2, b"\x01\x00\x04\x01", 50),
        (3, b"\x02\x04\x00\x00\x01\x02\x03", 100),
        (77, b"\x00", 77),
        (200, b"\x01\x00\x64\x01", None),
        (5, b"\x01\x05\x05\x01", None),
        (5, b"\x01\x00", None),
    ],
)  # fmt: skip
def test_the_charge_as_a_part_of_what_it_can_be(level: int, form: bytes, percent: int | None) -> None:
    assert Plugged(PtpCamera(properties={BATTERY: battery(level, form)})).camera.vitals() == Vitals(
        battery_percent=percent
    )


@pytest.mark.parametrize(
    "told",
    ["%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S.0", "%Y%m%dT%H%M%S%z"],
)
def test_the_clock_against_the_stations(told: str) -> None:
    ahead = datetime.fromtimestamp(time.time() + 90).astimezone()
    offset = Plugged(PtpCamera(properties={DATE_TIME: text(ahead.strftime(told))})).camera.vitals().clock_offset_seconds
    assert offset is not None
    assert 85 < offset < 91


def test_the_clock_is_set_and_looked_at() -> None:
    plugged = Plugged(PtpCamera(properties={DATE_TIME: text("20010101T000000")}))
    assert plugged.camera.set_clock()
    assert abs(plugged.camera.vitals().clock_offset_seconds or 999) < 5
    plugged.inside.refuses[0x1016] = 0x200F
    assert not plugged.camera.set_clock()


@pytest.mark.parametrize("garbled", [b"", b"\x05ab", text("yesterday"), text("20269999T999999")])
def test_what_is_not_told_is_not_known(garbled: bytes) -> None:
    assert Plugged(PtpCamera(properties={DATE_TIME: garbled, BATTERY: garbled})).camera.vitals() == Vitals()
    nothing = Plugged()
    assert (nothing.camera.vitals(), nothing.camera.set_clock()) == (Vitals(), False)


@pytest.mark.parametrize(
    ("modified", "seconds"),
    [
        ("20260102T030405", 1767323045),
        ("20260102T030405.5Z", 1767323045.5),
        ("20260102T030405+0100", 1767319445),
        ("", 0),
        ("x", 0),
    ],
)
def test_when_a_file_was_written(modified: str, seconds: float) -> None:
    plugged = Plugged()
    plugged.inside.add(Thing(name="a", modified=modified))
    assert listed(plugged)[b"a"].mtime_ns == int(seconds * 10**9)


def test_a_file_of_another_session_is_found_by_its_path_and_held_to_its_look(bench: Plugged) -> None:
    bench.put(b"DCIM/a", CONTENT)
    file = replace(listed(bench)[b"DCIM/a"], ino=4711)
    bench.inside.session = 0
    again = Plugged(bench.inside)
    with held(again.camera, file) as source:
        assert content_of(source) == CONTENT
    with pytest.raises(SourceUnstable):
        again.camera.open(Listed(**{**file.__dict__, "size": 1}))


# -- room ----------------------------------------------------------------------------------------------------------------


def test_the_room_is_what_its_storage_has_free(bench: Plugged) -> None:
    bench.inside.capacity, bench.inside.free = 64 << 30, 17 << 30
    assert bench.mtp.room() == 17 << 30


def test_of_several_storages_it_is_the_least(bench: Plugged) -> None:
    class Uneven(PtpCamera):
        def _storage_info(self, storage: int) -> bytes | int:
            self.free = 5 << 30 if storage == STORE else 9 << 30
            return super()._storage_info(storage)

    uneven = Plugged(Uneven(storages=[STORE, STORE + 0x10000]))
    assert uneven.mtp.room() == 5 << 30


@pytest.mark.parametrize("free", [33 << 30, (1 << 64) - 1], ids=["more than there is", "not said"])
def test_room_that_cannot_be_is_not_known(bench: Plugged, free: int) -> None:
    bench.inside.free = free
    assert bench.mtp.room() is None


def test_a_camera_that_does_not_say_its_room(bench: Plugged) -> None:
    refusing = Plugged(PtpCamera(refuses={0x1005: 0x2005}))
    assert refusing.mtp.room() is None
    silent = Plugged(PtpCamera(operations=PLAIN - {0x1005}))
    assert silent.mtp.room() is None

    class Short(PtpCamera):
        def _storage_info(self, storage: int) -> bytes | int:
            return b"\x03\x00"

    assert Plugged(Short()).mtp.room() is None
    empty = Plugged(PtpCamera(storages=[]))
    assert empty.mtp.room() is None
