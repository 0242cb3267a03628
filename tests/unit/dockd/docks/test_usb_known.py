"""Which cameras may be emptied, when what the site wrote can be read and when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.docks.usb_known import UNREAD, KnownCameras
from dockd.profiles.reading import ProfilesWrong
from dockd.shipped import shipped

USB = {"ID_VENDOR_ID": "4255", "ID_USB_INTERFACES": ":080650:", "ID_SERIAL_SHORT": "C3441"}
VOLUME = {"ID_FS_TYPE": "vfat", "ID_FS_UUID": "AAAA-0001"}
KEPT = """
name = "interview-room"
title = "Interview room recorders: never emptied"
wipe = false
[match.usb]
ID_VENDOR_ID = "4255"
[match.volume]
ID_FS_TYPE = "vfat"
[files]
segments = ["DCIM/*/*.MP4"]
"""
WRONG = 'name = "broken"\ntitel = "x"\n'


def verdict(known: KnownCameras) -> tuple[str, bool, str]:
    profile = next(one for one in known.candidates(USB, VOLUME) if known.contents_fit(one, [b"DCIM"]))
    camera = known.identify(profile, usb=USB, volume=VOLUME, device_id="")
    return profile.name, *known.may_wipe(profile, camera)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "cameras"
    folder.mkdir()
    (folder / "kept.toml").write_text(KEPT)
    return folder


def test_a_mistake_in_one_profile_empties_no_camera_that_another_keeps(site: Path) -> None:
    (site / "other.toml").write_text(WRONG)
    known = KnownCameras(site=site, shipped=shipped("cameras"), listed=lambda: {"C3441"}, lenient=True)
    assert known.mistakes
    assert verdict(known) == ("dcim", False, UNREAD)
    assert known.reload()
    assert verdict(known) == ("dcim", False, UNREAD)
    (site / "other.toml").unlink()
    assert known.reload() == ()
    name, wipe, why = verdict(known)
    assert (name, wipe) == ("interview-room", False)
    assert "wipe = false" in why
    (site / "kept.toml").unlink()
    assert known.reload() == ()
    assert verdict(known) == ("dcim", True, "")


def test_who_does_not_ask_for_leniency_is_told_at_once(site: Path) -> None:
    (site / "other.toml").write_text(WRONG)
    with pytest.raises(ProfilesWrong):
        KnownCameras(site=site, shipped=shipped("cameras"))


def test_with_a_mistake_the_list_of_cameras_stays_as_it_was_too(site: Path) -> None:
    (site / "kept.toml").unlink()
    listed: set[str] = set()
    known = KnownCameras(site=site, shipped=shipped("cameras"), listed=lambda: frozenset(listed))
    (site / "other.toml").write_text(WRONG)
    listed.add("C3441")
    assert known.reload()
    assert not verdict(known)[1]
    (site / "other.toml").unlink()
    assert known.reload() == ()
    assert verdict(known) == ("dcim", True, "")


def test_with_a_mistake_a_camera_that_was_struck_off_the_list_is_not_emptied(site: Path) -> None:
    """Nobody is added by it; who is put back before the mistake is mended was named all the time."""
    (site / "kept.toml").unlink()
    listed = {"C3441"}
    known = KnownCameras(site=site, shipped=shipped("cameras"), listed=lambda: frozenset(listed))
    (site / "other.toml").write_text(WRONG)
    listed.clear()
    for _again in range(2):
        assert known.reload()
        assert not verdict(known)[1]
    listed.add("C3441")
    assert known.reload()
    assert verdict(known) == ("dcim", True, "")
    listed.clear()
    (site / "other.toml").unlink()
    assert known.reload() == ()
    assert not verdict(known)[1]
