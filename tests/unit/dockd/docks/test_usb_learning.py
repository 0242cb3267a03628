"""Bays learned from plugs, and the map in the configuration."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dockd.cli.bays import _refusals
from dockd.docks.usb_bay_map import Change, MapUnwritable, bays_in, change, replace_file, with_bays
from dockd.docks.usb_building import usb_ports, wrong_ports
from dockd.docks.usb_learning import Command, Learning, Misread, learn
from dockd.settings import read_text
from tests.unit.dockd.docks.usb_rack import KEYBOARD, Card, Machine, place

EXAMPLE = (Path(__file__).parents[4] / "config" / "dockd.toml").read_text(encoding="utf-8")


class Person:
    """Somebody at the rack: what they type, and what they are told."""

    def __init__(self, *, first: int = 1, settle: float = 0.0) -> None:
        self.settle = settle
        self.machine = Machine()
        self.learning = Learning(number=first)
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self._typed: asyncio.Queue[Command] = asyncio.Queue()

    async def commands(self) -> AsyncIterator[Command]:
        while True:
            yield await self._typed.get()

    async def begin(self) -> asyncio.Task[None]:
        learning = learn(
            self.learning, devices=self.machine, commands=self.commands(), say=self.said.put_nowait, settle=self.settle
        )
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
    fresh = with_bays(text, {2: place("2")}, without=[3])
    assert tomllib.loads(fresh)["bays"] == [{"number": 1, "usb_path": "CAM01"}, {"number": 2, "usb_path": place("2")}]
    for kept in ("# ours", "# the county's", 'level = "debug"'):
        assert kept in fresh
    assert "bays" not in tomllib.loads(with_bays(f'[[bays]]\nnumber = 3\nusb_path = "{place("9")}"\n', {}, without=[3]))


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


def test_a_file_that_cannot_be_written_is_told_before_anybody_walks_along_the_rack(tmp_path: Path) -> None:
    file = tmp_path / (245 * "n" + ".toml")  # its name leaves no room for what is written beside it
    file.write_text(EXAMPLE)
    command = [sys.executable, "-m", "dockd", "bays", "learn", "--config", str(file)]
    ended = subprocess.run(command, input="q\n", capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 3
    assert (
        ended.stderr
        == f"dockd: {file} could not be written: File name too long (its folder has to be writable: sudo?)\n"
    )
    assert os.listdir(tmp_path) == [file.name]


def test_what_was_learned_is_printed_where_the_file_cannot_take_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learning = Learning(number=3)
    learning.bays.update(BAYS)
    with pytest.raises(SystemExit) as ended, _refusals(tmp_path / "dockd.toml", learning):
        replace_file(tmp_path / "none" / "dockd.toml", "text")
    told = capsys.readouterr()
    assert ended.value.code == 3
    assert tomllib.loads(told.out)["bays"] == [{"number": number, "usb_path": where} for number, where in BAYS.items()]
    assert f"{tmp_path}/dockd.toml cannot be written: No such file or directory" in told.err


MAPPED = with_bays(EXAMPLE, {number: place(str(number)) for number in (4, 5, 6, 7)})


def test_bays_that_were_not_learned_stay_unless_they_are_asked_away() -> None:
    learned = {5: place("9"), 6: place("6"), 8: place("8")}
    found = change(MAPPED, learned, first=5)
    assert found == Change(
        added={8: place("8")}, changed={5: (place("5"), place("9"))}, gone={}, unlearned={7: place("7")}
    )
    assert found.told(remove=False) == [
        f"bay 5: {place('5')} becomes {place('9')}",
        f"bay 7: {place('7')} was not learned: stays",
        f"bay 8: {place('8')} added",
    ]
    assert f"bay 7: {place('7')} was not learned: removed" in found.told(remove=True)
    kept = {4: place("4"), 5: place("9"), 6: place("6"), 7: place("7"), 8: place("8")}
    assert bays_in(with_bays(MAPPED, learned)) == kept
    assert bays_in(with_bays(MAPPED, learned, without=found.unlearned)) == {n: w for n, w in kept.items() if n != 7}


def test_a_port_that_is_another_bay_now_and_entries_that_never_named_one() -> None:
    text = MAPPED + '\n[[bays]]\nnumber = 8\nusb_path = "1-1.4"\n[[bays]]\nnumber = 9\nusb_path = "CAM01"\n'
    found = change(text, {5: place("7"), 9: place("9")}, first=5)
    assert (found.gone, found.unlearned) == ({7: place("7")}, {6: place("6"), 8: "1-1.4"})
    assert found.told(remove=False) == [
        f"bay 5: {place('5')} becomes {place('7')}",
        f"bay 6: {place('6')} was not learned: stays",
        f"bay 7: removed, its port {place('7')} is another bay's now",
        "bay 8: 1-1.4 was not learned: stays",
        f"bay 9: CAM01 becomes {place('9')}",
    ]


@pytest.mark.parametrize(
    ("answer", "yes", "asked", "agreed"),
    [("y\n", False, True, True), ("n\n", False, True, False), ("", False, True, False), ("", True, False, True)],
)
def test_removals_are_asked_for(answer: str, yes: bool, asked: bool, agreed: bool) -> None:
    program = f"""
from dockd.cli.bays import _agreed, _Typed
said = []
print(_agreed({{7: "x", 8: "y"}}, said.append, _Typed(), yes={yes}), *said)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], input=answer, capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.stdout.split()[0] == str(agreed), ended.stderr
    assert ("bay 7, 8. Remove" in ended.stdout) is asked


def test_words_that_are_typed() -> None:
    program = """
import asyncio
from dockd.cli.bays import _Typed
async def typed():
    return [word async for word in _Typed().commands()]
print(asyncio.run(typed()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], input="S\nback\n5\nstop\n\x1b\nq\n", capture_output=True, text=True, timeout=50, check=False
    )  # fmt: skip
    expected = ["skip", "again", Misread("5"), Misread("stop"), Misread("\\x1b"), "done"]
    assert ended.stdout == f"{expected}\n", ended.stderr


async def test_what_is_not_understood_gets_an_answer() -> None:
    person = Person()
    task = await person.begin()
    person.types(Misread("5"))
    assert await person.told("not understood") == '"5" is not understood: s, b or q and Enter, or a device in the bay'
    await person.told("plug a camera into bay 1")
    person.types("done")
    await asyncio.wait_for(task, 10)


async def test_of_two_devices_at_once_neither_is_a_bay() -> None:
    person = Person(settle=0.05)
    task = await person.begin()
    person.machine.plug("1", Card())
    person.machine.plug("2", Card())
    assert await person.told("at once") == (
        f"2 devices came at once ({place('1')}, {place('2')}): take them out, and plug in one alone"
    )
    person.machine.unplug("1")
    person.machine.unplug("2")
    await person.plugs("2", f"bay 1: {place('2')}")
    person.types("done")
    await asyncio.wait_for(task, 10)
    assert person.learning.bays == {1: place("2")}
