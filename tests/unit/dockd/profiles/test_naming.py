"""P3: a site profile that could fit somebody's private memory stick is refused, and says what would name the site's cameras."""

from __future__ import annotations

import pytest

from dockd.profiles.model import Match
from dockd.profiles.naming import DEFAULT_LABELS
from dockd.profiles.parsing import ProfilesWrong, read_profile

TOP = 'name = "cam"\ntitle = "A camera"\n'
FILES = '[files]\nsegments = ["**/*.MP4"]\n'
EVERY_SERIAL = "|".join(f"{first:x}*" for first in range(16))


def written(asked: dict[str, str], *, top: str = TOP) -> str:
    volume = {name: pattern for name, pattern in asked.items() if name.startswith("ID_FS_")}
    usb = {name: pattern for name, pattern in asked.items() if name not in volume}
    sections = (
        f"[match.{title}]\n" + "".join(f"{name} = '{pattern}'\n" for name, pattern in part.items())
        for title, part in (("usb", usb), ("volume", volume))
        if part
    )
    return top + "".join(sections) + FILES  # fmt: skip


def refused(asked: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ProfilesWrong) as caught:
        read_profile(written(asked), file="F", shipped=False)
    assert all("wipe = false" in mistake.expected for mistake in caught.value.mistakes)
    for key in ("generic = true\n", "wipe = false\n"):
        assert read_profile(written(asked, top=TOP + key), file="F", shipped=False).name == "cam"
    assert read_profile(written(asked), file="F", shipped=True).shipped
    return {mistake.key.rpartition(".")[2]: mistake.message for mistake in caught.value.mistakes}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ID_VENDOR_ID": "0951"}, {"ID_VENDOR_ID": "names nothing without ID_MODEL_ID: it is on other people's devices as well"}),
        ({"ID_MODEL_ID": "1666"}, {"ID_MODEL_ID": "names nothing without ID_VENDOR_ID: it is on other people's devices as well"}),
        ({"ID_VENDOR": "Kingston", "ID_MODEL": "DataTraveler_3.0"}, {"match": "names no device: everybody's memory stick would be emptied as a camera of this site"}),
        ({"ID_SERIAL": "Kingston_DataTraveler*"}, {"match": "names no device: everybody's memory stick would be emptied as a camera of this site"}),
        ({"ID_FS_LABEL": "NO NAME|BWC*"}, {"ID_FS_LABEL": '"NO NAME" fits other people\'s memory sticks: NO NAME is a label of many'}),
        ({"ID_SERIAL_SHORT": EVERY_SERIAL}, {"ID_SERIAL_SHORT": '"0*" fits other people\'s devices: it has no 4 letters or digits in one run'}),
    ],
)  # fmt: skip
def test_what_the_trial_emptied_a_private_stick_with(asked: dict[str, str], said: dict[str, str]) -> None:
    assert refused(asked) == said


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("0951", "*"),
        ("*", "1666"),
        ("0951|*", "1666"),
        ("09?1", "1666"),
        ("0x0951", "1666"),
        ("0951", "166"),
        ("Kingston", "1666"),
    ],
)
def test_maker_and_model_are_asked_for_in_full(vendor: str, model: str) -> None:
    assert set(refused({"ID_VENDOR_ID": vendor, "ID_MODEL_ID": model}).values()) == {
        "is not named in full, by four hexadecimal digits for each alternative"
    }


@pytest.mark.parametrize(
    "label",
    [
        *DEFAULT_LABELS,
        "usb disk",
        "No_Name",
        "NO\\x20NAME",
        "UNTI*",
        "KINGST?N",
        "*DISK*",
        "BWC0001|Untitled",
        "AB?CD?EF*",
    ],
)
@pytest.mark.parametrize("name", ["ID_FS_LABEL", "ID_FS_LABEL_ENC"])
def test_labels_that_sticks_have(label: str, name: str) -> None:
    assert set(refused({name: label})) == {name}


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("ID_SERIAL_SHORT", "0123*"),
        ("ID_SERIAL_SHORT", "0123456789ABCDEF"),
        ("ID_SERIAL_SHORT", "BWC0001|0000*"),
        ("ID_SERIAL_SHORT", "none"),
        ("ID_USB_SERIAL_SHORT", "A?*B"),
        ("ID_FS_UUID", "*-*"),
        ("ID_FS_UUID", "0000-0000"),
        ("ID_FS_UUID", "1A2B-3C4D|????-????"),
    ],
)
def test_serials_and_uuids_that_others_have(name: str, pattern: str) -> None:
    assert set(refused({name: pattern})) == {name}


@pytest.mark.parametrize(
    "asked",
    [
        {"ID_VENDOR_ID": "1d6b|1D6C", "ID_MODEL_ID": "0104|0105"},
        {"ID_VENDOR_ID": "1d6b", "ID_MODEL_ID": "0104", "ID_FS_LABEL": "*"},
        {"ID_VENDOR_ID": "0951", "ID_SERIAL_SHORT": "BWC0*|PATROL??"},
        {"ID_FS_LABEL": "FORCE-*|NORTH_??"},
        {"ID_FS_UUID": "1A2B-3C4D|5E6F-*"},
    ],
)
def test_what_names_a_site_s_cameras(asked: dict[str, str]) -> None:
    assert read_profile(written(asked), file="F", shipped=False).wipe


def test_a_label_of_many_is_no_name_of_what_an_unlocked_camera_became() -> None:
    """Or a stick in the port of a camera that was unlocked would be emptied as that camera."""
    assert Match(volume={"ID_FS_LABEL": "FORCE*"}).names_volumes
    assert not Match(volume={"ID_FS_LABEL": "NO NAME"}).names_volumes
    assert not Match(volume={"ID_FS_LABEL": "C*"}).names_volumes
    assert not Match(volume={"ID_FS_TYPE": "vfat"}).names_volumes
