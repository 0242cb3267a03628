"""`dockd profile check`: docs/writing-a-camera-profile.md is followed to the letter, and what is wrong is said with its exit code."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dockd.cli import cli

TUTORIAL = (Path(__file__).parents[4] / "docs" / "writing-a-camera-profile.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"(?ms)^```\w+ (\S+)\n(.*?)^```$", TUTORIAL))
SIZES = {"MP4": 1_000_000, "GPS": 1_000_000}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Path]:
    """The files of the page, in a folder of their own."""
    for name in ("bench.txt", "patrol7.toml"):
        (tmp_path / name).write_text(BLOCKS[name])
    for line in BLOCKS["card"].splitlines():
        path = tmp_path / "card" / line
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(SIZES.get(path.suffix[1:], 2)))
    (tmp_path / "dockd.toml").write_text(f'[cameras]\nprofiles = "{tmp_path}/cameras"\n')
    with contextlib.chdir(tmp_path):
        yield tmp_path


def check(*words: str) -> Result:
    return CliRunner().invoke(cli, ["profile", "check", "--config", "dockd.toml", *words])


def typed(number: int) -> list[str]:
    """The page's command of this number, as it is typed."""
    commands: list[str] = re.findall(r"(?m)^    dockd profile check (.*)$", TUTORIAL)
    return commands[number].split()


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("number", [0, 1])
def test_the_tutorial_says_what_is_said(number: int) -> None:
    done = check(*typed(number))
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == BLOCKS[f"said-{number + 1}"]


@pytest.mark.usefixtures("bench")
def test_for_programs() -> None:
    found = json.loads(check(*typed(1), "--json").stdout)
    (device,) = found["devices"]
    assert (device["verdict"], device["profiles"], device["camera"]) == (
        "camera", ["patrol7"], "patrol7:P7-004711~5E1F-0A77",
    )  # fmt: skip
    assert not device["wiped"]
    assert device["not"]["segmented"]
    assert found["cards"][0]["files"]["segment"]["files"] == 3


def test_a_profile_that_names_its_cameras_empties_them(bench: Path) -> None:
    (bench / "patrol7.toml").write_text(BLOCKS["patrol7.toml"].replace("wipe = false", "wipe = true"))
    done = check(*typed(1))
    assert "     it would be emptied\n" in done.stdout
    assert "wipes what fits it" in done.stdout


def test_the_list_of_cameras_counts(bench: Path) -> None:
    (bench / "cameras.csv").write_text("camera\nP7-004711\n")
    with (bench / "dockd.toml").open("a") as file:
        file.write(f'[registry]\nfile = "{bench}/cameras.csv"\n')
    done = check("--described", "bench.txt", "--card", "card")
    assert "-> camera: dcim." in done.stdout
    assert "     it would be emptied\n" in done.stdout


def test_a_profile_that_fits_no_device_is_one(bench: Path) -> None:
    (bench / "patrol7.toml").write_text(BLOCKS["patrol7.toml"].replace("b0d7", "b0d8"))
    done = check(*typed(1))
    assert done.exit_code == 1
    assert 'not patrol7: match.usb.ID_MODEL_ID = "b0d8": the device says "b0d7"' in done.stdout


@pytest.mark.usefixtures("bench")
def test_a_device_that_is_not_there_is_one() -> None:
    assert check("--described", "bench.txt", "--device", "P7-004711").exit_code == 0
    assert check("--described", "bench.txt", "--device", "/dev/sdb1").exit_code == 0
    done = check("--described", "bench.txt", "--device", "1209:0000")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "none of the 1 devices in bench.txt is 1209:0000" in done.stderr


def test_mistakes_are_two(bench: Path) -> None:
    (bench / "patrol7.toml").write_text(BLOCKS["patrol7.toml"].replace("contents", "content"))
    done = check("patrol7.toml")
    assert done.exit_code == 2
    assert "patrol7.toml:11: match.content: unknown key" in done.stdout
    found = json.loads(check("patrol7.toml", "none.toml", "--json").stdout)
    assert not found["ok"]
    assert len(found["mistakes"]) == 2


def test_what_already_lies_in_the_sites_folder_is_read_once(bench: Path) -> None:
    (bench / "cameras").mkdir()
    (bench / "cameras" / "p7.toml").write_text(BLOCKS["patrol7.toml"])
    for file in ("cameras/p7.toml", "patrol7.toml"):  # itself; and another one, in its place
        assert check(file, "--described", "bench.txt", "--card", "card").exit_code == 0


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("described", ["patrol7.toml", "none.txt"])
def test_what_cannot_be_read_is_three(described: str) -> None:
    done = check("--described", described)
    assert done.exit_code == 3
    assert described in done.stderr


@pytest.mark.skipif(Path("/run/udev/control").exists(), reason="udevd runs here")
@pytest.mark.usefixtures("bench")
def test_without_udev_the_profiles_alone_are_checked() -> None:
    done = check("patrol7.toml")
    assert done.exit_code == 0
    assert "no device was looked at: udevd does not run here" in done.stderr
    for words in ([], ["--device", "1111:2222"], ["patrol7.toml", "--device", "1111:2222"]):
        done = check(*words)
        assert (done.exit_code, "no device was looked at" in done.stderr, "\n\n" in done.stdout) == (3, True, False), (
            words
        )
