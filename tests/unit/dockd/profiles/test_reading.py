"""Folders of profiles: what is read, what stands in whose place, and every mistake in all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockd.profiles.reading import MOST_FILES, ProfilesWrong, load_profiles
from ingest.rules import FileRules

SHIPPED = Path(__file__).parents[4] / "config" / "cameras"
FILES = '[files]\nsegments = ["**/*.MP4"]\n'


def profile(name: str, *, label: str = "FORCE*") -> str:
    return f'name = "{name}"\ntitle = "A camera"\n[match.volume]\nID_FS_LABEL = "{label}"\n{FILES}'


def mistakes(site: Path | None, shipped: Path = SHIPPED) -> list[str]:
    with pytest.raises(ProfilesWrong) as caught:
        load_profiles(site, shipped=shipped)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_site_without_a_folder(tmp_path: Path) -> None:
    shipped = load_profiles(None, shipped=SHIPPED)
    assert load_profiles(tmp_path / "none", shipped=SHIPPED) == shipped
    assert load_profiles(tmp_path, shipped=SHIPPED) == shipped
    assert all(one.shipped and one.source is not None and one.source.parent == SHIPPED for one in shipped)


def test_a_site_s_profile_stands_in_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(profile("dcim"))
    (tmp_path / "more.toml").write_text(profile("patrol"))
    (tmp_path / ".hidden.toml").write_text("nonsense")
    (tmp_path / "note.txt").write_text("nonsense")
    (tmp_path / "off.toml~").write_text("nonsense")
    found = load_profiles(tmp_path, shipped=SHIPPED)
    assert [(one.name, one.shipped) for one in found] == [
        ("patrol", False), ("dcim", False), ("mtp", True), ("segmented", True), ("unlock", True), ("vendor-tree", True),
    ]  # fmt: skip
    assert found[1].source == tmp_path / "ours.toml"
    assert found[1].rules == FileRules(segments=("**/*.MP4",))


def test_every_mistake_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(profile("one"))
    (tmp_path / "b.toml").write_text("# two of a name\n" + profile("one"))
    (tmp_path / "c.toml").write_text(profile("three", label="*") + "colour = 1\n")
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "e.toml").write_text(" \n")
    (tmp_path / "f.toml").write_bytes(b"\n# \xff\n")
    os.mkfifo(tmp_path / "g.toml")
    (tmp_path / "h.toml").symlink_to("nowhere")
    broken = tmp_path / "shipped"
    broken.mkdir()
    (broken / "x.toml").write_text("x")
    assert mistakes(tmp_path, broken) == [
        f'{tmp_path}/b.toml:2: name: "one" is already the name of the profile in {tmp_path}/a.toml, expected each name once',
        f"{tmp_path}/c.toml:7: files.colour: unknown key, expected one of segments, sidecars, ignorable",
        f"{tmp_path}/d.toml: is a directory, expected a readable TOML file",
        f"{tmp_path}/e.toml: is empty, expected a camera profile: name, title, [match.usb] or [match.volume], [files]",
        f"{tmp_path}/f.toml:2: is not UTF-8 text, expected a TOML file in UTF-8",
        f"{tmp_path}/g.toml: is not a regular file, expected a readable TOML file",
        f"{tmp_path}/h.toml: there is no such file, expected a readable TOML file",
        f"{broken}/x.toml:1: this is not TOML: expected '=' after a key in a key/value pair, expected [section] in brackets, or key = \"value\"",
    ]


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert mistakes(tmp_path / "file") == [
        f"{tmp_path}/file: cannot be read: Not a directory, expected a folder of camera profiles that dockd can read"
    ]
    assert mistakes(None, tmp_path / "none") == [
        f"{tmp_path}/none: is not there: this installation is not whole, expected dockd installed again"
    ]


def test_too_many(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.toml").touch()
    assert mistakes(tmp_path) == [f"{tmp_path}: has {MOST_FILES + 1} profiles, expected at most {MOST_FILES}"]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.toml")).write_text("x")
    (said,) = mistakes(tmp_path)
    assert said.startswith(f"{tmp_path}/\\udcff\\n.toml:1: this is not TOML")
