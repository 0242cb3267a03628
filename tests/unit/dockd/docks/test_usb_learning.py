"""Bays learned from plugs, and the map in the configuration."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockd.docks.usb_bay_map import MapUnwritable, bays_in, replace_file, with_bays
from dockd.docks.usb_building import usb_ports, wrong_ports
from dockd.docks.usb_learning import Command, Learning, learn
from dockd.settings import read_text
from tests.unit.dockd.docks.usb_rack import KEYBOARD, Card, Machine, place

EXAMPLE = (Path(__file__).parents[4] / "config" / "dockd.toml").read_text(encoding="utf-8")


class Person:
    """Somebody at the rack: what they type, and what they are told."""

    def __init__(self, *, first: int = 1) -> None:
        self.machine = Machine()
        self.learning = Learning(number=first)
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self._typed: asyncio.Queue[Command] = asyncio.Queue()

    async def commands(self) -> AsyncIterator[Command]:
        while True:
            yield await self._typed.get()

    async def begin(self) -> asyncio.Task[None]:
        learning = learn(self.learning, devices=self.machine, commands=self.commands(), say=self.said.put_nowait)
        task = asyncio.create_task(learning)
        await self.told("plug a camera into bay")
        return task

    async def told(self, word: str) -> str:
        async with asyncio.timeout(10):
            while word not in (text := await self.said.get()):
                pass
        return text

    def types(self, command: Command) -> None:
        self._typed.put_nowait(command)

    async def plugs(self, chain: str, word: str, *, bus: int = 1) -> None:
        self.machine.plug(chain, Card(), bus=bus)
        await self.told(word)
        self.machine.unplug(chain, bus=bus)


async def test_one_bay_after_the_other_with_every_step_taken_back() -> None:
    person = Person()
    person.machine.plug("9", Card())  # in before all began: tells nothing
    task = await person.begin()
    person.machine.trigger()
    await person.plugs("1.1", f"bay 1: {place('1.1')}")
    await person.plugs("1.2", f"bay 2: {place('1.2')}")
    await person.plugs("1.1", "that is bay 1 already")
    person.types("again")
    await person.told("bay 2 again")
    await person.plugs("1.4", f"bay 2: {place('1.4')}")
    person.types("skip")
    await person.told("bay 3: skipped")
    person.machine.plug("2", hub=True)
    await person.plugs("2.1", f"bay 4: {place('2.1')}")
    person.types("done")
    await asyncio.wait_for(task, 10)
    assert person.learning.bays == {1: place("1.1"), 2: place("1.4"), 4: place("2.1")}


async def test_any_device_but_what_is_soldered_in() -> None:
    person = Person(first=7)
    task = await person.begin()
    person.machine.plug("1", interfaces=KEYBOARD)
    await person.told("bay 7")
    person.types("done")
    await asyncio.wait_for(task, 10)


def test_nothing_to_take_back() -> None:
    learning = Learning(number=1)
    assert learning.again() == "there is none before it"
    assert learning.number == 1


BAYS = {1: place("1"), 2: place("1.2")}


def test_the_map_goes_into_the_example_and_nothing_else_changes() -> None:
    fresh = with_bays(EXAMPLE, BAYS)
    assert fresh.startswith(EXAMPLE.rstrip("\n"))
    reading = read_text(fresh, file="dockd.toml", environ={})
    assert reading.mistakes == ()
    assert {bay.number: bay.usb_path for bay in reading.settings.bays} == BAYS == bays_in(fresh)


def test_a_map_is_replaced_and_folders_stay() -> None:
    text = (
        '# ours\n[store]\nurl = "https://s.example"  # the county\'s\n\n# the rack\n[[bays]]\nnumber = 1\nusb_path = "CAM01"\n'
        f'[[bays]]\nnumber = 3\nusb_path = "{place("9")}"\n\n[log]\nlevel = "debug"\n'
    )
    fresh = with_bays(text, {2: place("2")})
    assert tomllib.loads(fresh)["bays"] == [{"number": 1, "usb_path": "CAM01"}, {"number": 2, "usb_path": place("2")}]
    for kept in ("# ours", "# the county's", 'level = "debug"'):
        assert kept in fresh
    assert "bays" not in tomllib.loads(with_bays(f'[[bays]]\nnumber = 3\nusb_path = "{place("9")}"\n', {}))


@pytest.mark.parametrize("text", ["[[bays", "[[bays]]\nnumber = 0\nusb_path = 'x'\n", "bays = 3\n"])
def test_a_configuration_with_mistakes_is_left_alone(text: str) -> None:
    with pytest.raises(MapUnwritable):
        with_bays(text, BAYS)


def test_the_file_is_replaced_as_a_whole_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "real.toml"
    file.write_text("old")
    file.chmod(0o640)
    link = tmp_path / "dockd.toml"
    link.symlink_to(file)
    first, second = replace_file(link, "new"), replace_file(link, "newer")
    assert (link.is_symlink(), file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (True, "newer", 0o640)
    assert (first.read_text(), second.read_text()) == ("old", "new")
    assert sorted(os.listdir(tmp_path)) == sorted(["dockd.toml", "real.toml", first.name, second.name])


def test_which_paths_are_ports() -> None:
    assert usb_ports([place("1"), "pci-0000:00:10.0-usbv3-0:1", "CAM01", "1-1.4"]) == {
        place("1"),
        "pci-0000:00:10.0-usbv3-0:1",
    }
    [told] = wrong_ports([place("1"), "CAM01", "1-1.4"])
    assert "bays learn" in told


@pytest.mark.skipif(Path("/run/udev/control").exists(), reason="udev runs here")
def test_without_udev_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(EXAMPLE)
    ended = subprocess.run(
        [sys.executable, "-m", "dockd", "bays", "learn", "--config", str(file)], input="q\n", capture_output=True, text=True, timeout=50, check=False
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "udevd does not run here" in ended.stderr
    assert file.read_text() == EXAMPLE


def test_an_existing_map_is_not_replaced_unasked(tmp_path: Path) -> None:
    file = tmp_path / "dockd.toml"
    file.write_text(with_bays(EXAMPLE, BAYS))
    command = [sys.executable, "-m", "dockd", "bays", "learn", "--json", "--config", str(file)]
    ended = subprocess.run(command, input="q\n", capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 1
    assert "--yes" in ended.stderr
    assert json.loads(json.dumps(bays_in(file.read_text()))) == {str(number): where for number, where in BAYS.items()}
