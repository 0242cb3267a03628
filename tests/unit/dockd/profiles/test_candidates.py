"""Which profiles a device fits, in which order, and what no profile ever fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.profiles.model import Kind, Match, Profile, candidates, contents_fit
from dockd.profiles.reading import load_profiles

SHIPPED = load_profiles(None, shipped=Path(__file__).parents[4] / "config" / "cameras")
BY_NAME = {profile.name: profile for profile in SHIPPED}
DISK = {"ID_VENDOR_ID": "46f4", "ID_MODEL_ID": "0001", "ID_SERIAL_SHORT": "17", "ID_USB_INTERFACES": ":080650:"}
FAT = {"ID_FS_TYPE": "vfat", "ID_FS_UUID": "1A2B-3C4D", "ID_FS_LABEL": "CAM01"}
# Whatever a profile asks, these have no interface of a camera's.
LAX = Profile(name="lax", title="anything", kind="mtp", shipped=False, match=Match(usb={"ID_VENDOR_ID": "*"}))


def names(found: list[Profile]) -> list[str]:
    return [profile.name for profile in found]


@pytest.mark.parametrize(
    ("interfaces", "what"),
    [
        (":030101:", "keyboard"),
        (":030101:030102:", "keyboard and mouse"),
        (":090000:", "hub"),
        (":020600:0a0000:", "network adapter (CDC ECM)"),
        (":e00103:", "network adapter (RNDIS)"),
        (":010100:010200:", "sound"),
        (":0e0100:0e0200:", "webcam"),
        (":070102:", "printer"),
        (":0b0000:", "smart card reader"),
    ],
)
def test_what_is_no_camera_fits_no_profile(interfaces: str, what: str) -> None:
    usb = {"ID_VENDOR_ID": "4255", "ID_MODEL_ID": "0001", "ID_USB_INTERFACES": interfaces}
    assert candidates((*SHIPPED, LAX), usb=usb, volume=None) == [], what


def test_a_network_adapter_of_a_vendor_s_own_class_fits_no_shipped_profile() -> None:
    usb = {"ID_VENDOR_ID": "0bda", "ID_MODEL_ID": "8153", "ID_USB_INTERFACES": ":ffff00:"}
    assert candidates(SHIPPED, usb=usb, volume=None) == []


def test_the_profile_that_asks_for_nothing_on_the_card_comes_last() -> None:
    found = candidates(SHIPPED, usb=DISK, volume=FAT)
    assert names(found) == ["vendor-tree", "segmented", "dcim"]
    unlabelled = {name: value for name, value in FAT.items() if name != "ID_FS_LABEL"}
    assert names(candidates(SHIPPED, usb=DISK, volume=unlabelled)) == ["segmented", "dcim"]


@pytest.mark.parametrize(
    ("root", "profile"),
    [
        ([b"files", b"x"], "vendor-tree"),
        ([b"Record"], "segmented"),
        ([b"DCIM"], "dcim"),
        ([], "dcim"),
        ([b"letters.odt", b"\xff"], "dcim"),
        ([b"files\n"], "dcim"),
    ],
)
def test_the_first_whose_contents_fit_is_the_camera_s(root: list[bytes], profile: str) -> None:
    found = candidates(SHIPPED, usb=DISK, volume=FAT)
    assert next(one.name for one in found if contents_fit(one, root)) == profile


@pytest.mark.parametrize("filesystem", ["ntfs", "crypto_LUKS", "", "LVM2_member", "iso9660", "ext4"])
def test_other_filesystems_fit_no_shipped_profile(filesystem: str) -> None:
    assert candidates(SHIPPED, usb=DISK, volume=FAT | {"ID_FS_TYPE": filesystem}) == []


def test_an_unlocked_camera_s_disk_belongs_to_its_profile_first() -> None:
    usb = DISK | {"ID_VENDOR_ID": "4255"}
    assert names(candidates(SHIPPED, usb=usb | {"ID_USB_INTERFACES": ":ff0000:"}, volume=None)) == ["unlock"]
    assert names(candidates(SHIPPED, usb=usb, volume=FAT))[0] == "unlock"


def test_ptp_and_mtp() -> None:
    assert names(candidates(SHIPPED, usb={"ID_USB_INTERFACES": ":060101:"}, volume=None)) == ["mtp"]
    assert candidates(SHIPPED, usb={"ID_USB_INTERFACES": ":060101:"}, volume=FAT) == []


KINDS: list[Kind] = ["disk", "mtp", "unlock"]
PROPERTIES = st.dictionaries(st.sampled_from(["ID_A", "ID_B", "ID_C"]), st.text("aAb", max_size=3))
ASKED = st.dictionaries(
    st.sampled_from(["ID_A", "ID_B", "ID_C"]), st.sampled_from(["*", "a*", "A|b", "?", "aa"]), max_size=2
)
MATCHES = st.builds(Match, usb=ASKED, volume=ASKED, contents=st.lists(st.just("DCIM"), max_size=1).map(tuple))
PROFILES = st.builds(
    Profile, name=st.text("xyz", min_size=1, max_size=2), title=st.just("t"), kind=st.sampled_from(KINDS),
    generic=st.booleans(), shipped=st.booleans(), match=MATCHES,
)  # fmt: skip


@given(st.lists(PROFILES, max_size=8), PROPERTIES, st.none() | PROPERTIES)
def test_the_order(profiles: list[Profile], usb: dict[str, str], volume: dict[str, str] | None) -> None:
    found = candidates(profiles, usb=usb, volume=volume)
    ranks = [(one.shipped, one.generic, not one.match.contents) for one in found]
    assert ranks == sorted(ranks)
    assert all(one in profiles for one in found)
    assert found == candidates(list(reversed(found)), usb=usb, volume=volume) or len(
        {names([one])[0] for one in found}
    ) < len(found)
    for one in found:
        assert one.kind in (("mtp", "unlock") if volume is None else ("disk", "unlock"))
        assert one.match.usb.keys() <= usb.keys()
        assert volume is None or one.match.volume.keys() <= volume.keys()


@given(PROPERTIES, st.none() | PROPERTIES)
def test_case_is_ignored(usb: dict[str, str], volume: dict[str, str] | None) -> None:
    profiles = [
        Profile(name=f"{kind}-{pattern}", title="t", kind=kind, match=Match(usb={"ID_A": pattern}))
        for kind in KINDS
        for pattern in ("a*", "aab|b", "?")
    ]
    raised = {name: value.swapcase() for name, value in usb.items()}
    assert candidates(profiles, usb=usb, volume=volume) == candidates(profiles, usb=raised, volume=volume)
