"""Who a camera is, whatever it calls itself, and what may be emptied."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.identity import identify, is_own_volume, label, may_wipe, named_by, word
from dockd.profiles.model import Identity, Profile, Unlock
from dockd.profiles.naming import is_factory_serial
from ingest.model import CameraId

DCIM = Profile(name="dcim", title="t", generic=True)
LABELLED = Profile(name="tree", title="t", identity=Identity(serial="volume-label", card="volume-uuid"))
UNLOCKED = Profile(name="unlock", title="t", kind="unlock", identity=Identity(serial="device-id"), unlock=Unlock())
FAT = {"ID_FS_UUID": "1A2B-3C4D", "ID_FS_LABEL": "CAM_01", "ID_FS_LABEL_ENC": "CAM\\x2001"}


def test_serial_and_card() -> None:
    assert identify(DCIM, usb={"ID_SERIAL_SHORT": "X17"}, volume=FAT) == CameraId(
        profile="dcim", serial="X17", card="1A2B-3C4D"
    )
    assert identify(LABELLED, usb={"ID_SERIAL_SHORT": "X17"}, volume=FAT) == CameraId(
        profile="tree", serial="CAM 01", card="1A2B-3C4D"
    )


def test_a_serial_that_is_missing_or_everybody_s_is_told_apart_by_the_card() -> None:
    one = identify(DCIM, usb={"ID_SERIAL_SHORT": "000000"}, volume=FAT)
    other = identify(DCIM, usb={"ID_SERIAL_SHORT": "000000"}, volume={"ID_FS_UUID": "9999-0000"})
    assert one is not None
    assert other is not None
    assert (one.serial, one.id) == ("000000", "dcim:000000~1A2B-3C4D")
    assert one.id != other.id
    assert identify(DCIM, usb={}, volume=FAT) == CameraId(profile="dcim", serial="", card="1A2B-3C4D")


def test_nothing_to_tell_it_by() -> None:
    assert identify(DCIM, usb={}, volume={}) is None
    assert identify(DCIM, usb={"ID_SERIAL_SHORT": " "}, volume=None) is None
    assert identify(UNLOCKED, usb={"ID_SERIAL_SHORT": "X"}, volume=None) is None


def test_what_an_unlocked_camera_told_or_else_its_label() -> None:
    told = identify(UNLOCKED, usb={}, volume=FAT, device_id="CAM00017")
    assert told == CameraId(profile="unlock", serial="CAM00017", card="1A2B-3C4D")
    assert identify(UNLOCKED, usb={}, volume=FAT) == CameraId(profile="unlock", serial="CAM 01", card="1A2B-3C4D")
    assert identify(UNLOCKED, usb={}, volume=FAT, device_id="cam 01") == identify(UNLOCKED, usb={}, volume=FAT), (
        "one camera, whether it was asked or was a disk already"
    )
    assert is_own_volume(UNLOCKED, volume=FAT, device_id="cam 01")
    assert not is_own_volume(UNLOCKED, volume=FAT, device_id="CAM02")
    assert is_own_volume(UNLOCKED, volume=FAT, device_id="")
    assert is_own_volume(DCIM, volume=FAT, device_id="CAM02")


def test_one_word_is_not_said_twice() -> None:
    profile = Profile(name="p", title="t", identity=Identity(serial="volume-label", card="volume-label"))
    assert identify(profile, usb={}, volume=FAT) == CameraId(profile="p", serial="CAM 01")


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("CAM\\x2001", "CAM 01"),
        ("\\xc3\\x84", "Ä"),
        ("Ä\\x20", "Ä"),
        ("\\xff", "\udcff"),
        ("\\xZZ", "\\xZZ"),
        ("a\\x00b", "a\0b"),
    ],
)
def test_labels(escaped: str, plain: str) -> None:
    assert label({"ID_FS_LABEL_ENC": escaped, "ID_FS_LABEL": "other"}) == plain


def test_a_label_without_its_escaped_form() -> None:
    assert label({"ID_FS_LABEL": " CAM "}) == "CAM"
    assert label({}) == ""


ANY = st.text(st.characters(), max_size=300)
UGLY = ANY | st.text("A~:/\\%\n\x00\u202e\udcff .", max_size=300)


@given(UGLY, UGLY, UGLY)
def test_whatever_a_device_calls_itself(serial: str, uuid: str, escaped: str) -> None:
    for profile in (DCIM, LABELLED, UNLOCKED):
        camera = identify(
            profile,
            usb={"ID_SERIAL_SHORT": serial},
            volume={"ID_FS_UUID": uuid, "ID_FS_LABEL_ENC": escaped},
            device_id=serial,
        )
        if camera is None:
            continue
        assert camera.id.isprintable()
        assert len(camera.id) < 200
        assert not set(camera.id) & set("/\\%?#&<>\"'")
        assert camera.id.count("~") == bool(camera.card)
        assert unquote(quote(camera.id, safe="")) == camera.id


@given(UGLY, UGLY)
def test_two_that_differ_stay_different(one: str, other: str) -> None:
    assert (word(one) == word(other)) is (one.strip() == other.strip())


@pytest.mark.parametrize(
    "serial",
    [
        "",
        "0",
        "000000",
        "0000-0000",
        "FFFFFFFF",
        "0123456789ABCDEF",
        "123456789ABC",
        "1234567890",
        "012345",
        "None",
        "N/A",
    ],
)
def test_serials_of_everybody(serial: str) -> None:
    assert is_factory_serial(serial)


@pytest.mark.parametrize("serial", ["X17", "000001", "CAM01", "1234", "AA00A20B", "0123456789ABCDE0"])
def test_serials_of_somebody(serial: str) -> None:
    assert not is_factory_serial(serial)


CAMERA = CameraId(profile="dcim", serial="X17", card="1A2B-3C4D")
FACTORY = CameraId(profile="dcim", serial="000000", card="1A2B-3C4D")
NOBODY = "This kind of camera is only copied: nobody has named it as a camera of this site. "


@pytest.mark.parametrize("generic", [True, False])
def test_a_shipped_profile_wipes_only_what_the_registry_names(generic: bool) -> None:
    profile = Profile(name="dcim", title="t", generic=generic, shipped=True)
    assert may_wipe(profile, CAMERA, lambda camera: True) == (True, "")
    allowed, why = may_wipe(profile, CAMERA, lambda camera: False)
    assert not allowed
    assert why == NOBODY + "Put X17 into the list of cameras (registry.file), or write a site profile"


def test_a_site_s_own_profile_names_its_cameras_unless_it_is_generic() -> None:
    assert may_wipe(Profile(name="p", title="t", shipped=False), CAMERA, lambda camera: False) == (True, "")
    generic = Profile(name="p", title="t", shipped=False, generic=True)
    assert may_wipe(generic, CAMERA, lambda camera: False)[0] is False
    assert may_wipe(generic, CAMERA, lambda camera: True) == (True, "")


@given(st.booleans(), st.booleans(), st.booleans())
def test_wipe_false_is_never(generic: bool, shipped: bool, named: bool) -> None:
    profile = Profile(name="p", title="t", wipe=False, generic=generic, shipped=shipped)
    allowed, why = may_wipe(profile, CAMERA, lambda camera: named)
    assert (allowed, why) == (False, "This kind of camera is only copied: its profile (p) says wipe = false")


def test_who_could_be_any_other_of_its_kind_is_never_emptied() -> None:
    alone = CameraId(profile="mtp", serial="000000")
    allowed, why = may_wipe(Profile(name="mtp", title="t", shipped=False), alone, lambda camera: True)
    assert not allowed
    assert "no card to tell it by" in why


def test_a_factory_s_serial_in_the_registry_names_nobody() -> None:
    assert named_by({"X17"}, CAMERA)
    assert named_by({"dcim:X17~1A2B-3C4D"}, CAMERA)
    assert not named_by({"X18", "1A2B-3C4D", ""}, CAMERA)
    assert not named_by({"000000", ""}, FACTORY)
    assert named_by({"dcim:000000~1A2B-3C4D"}, FACTORY)
    assert "Put dcim:000000~1A2B-3C4D into" in may_wipe(DCIM, FACTORY, lambda camera: named_by({"000000"}, camera))[1]
