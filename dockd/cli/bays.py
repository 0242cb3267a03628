"""`dockd bays`: which USB port is which bay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, plain

if TYPE_CHECKING:
    from dockd.docks.usb_learning import Command, Learning


@click.group()
def bays() -> None:
    """Which USB port is which bay."""


@bays.command("learn")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration to write (default /etc/dockd/dockd.toml).",
)
@click.option(
    "--first",
    default=1,
    show_default=True,
    type=click.IntRange(1, 999),
    help="The bay to begin with; those before it stay as they are.",
)
@click.option("--yes", is_flag=True, help="Do not ask before a map is replaced.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON document.")
def learn(*, config: Path | None, first: int, yes: bool, as_json: bool) -> None:
    """Plug a camera (any USB device will do) into each bay in turn; its ports become the [[bays]] of the configuration.

    s and Enter skips a number, b and Enter does the one before again, q and Enter ends. Comments and everything else in the file stay; the one
    before stays beside it. After Ctrl-C the bays that were learned are written, the others stay as they were.

    Exit code 0: written; 1: nothing was; 2: the configuration; 3: no udev, or the file cannot be written; 130: interrupted (written as far as learned).
    """
    from dockd.docks.usb_bay_map import MapUnwritable, bays_in, replace_file, with_bays
    from dockd.docks.usb_learning import Learning
    from dockd.settings import DEFAULT_FILE

    file, say = config or DEFAULT_FILE, _teller(as_json)
    try:
        text = file.read_text(encoding="utf-8")
        before = bays_in(text)
        replaced = [number for number in before if number >= first]
        if replaced and not yes and not _agreed(len(replaced), file):
            fail(f"{file} is as it was: give --yes to replace its map", code=1)
        learning = Learning(number=first)
        interrupted = _learn(learning, say)
        kept = {number: place for number, place in before.items() if interrupted or number < first}
        learned = {
            number: place for number, place in kept.items() if place not in learning.bays.values()
        } | learning.bays
        backup = replace_file(file, with_bays(text, learned)) if learning.bays else None
    except (OSError, UnicodeDecodeError, MapUnwritable) as error:
        code = 3 if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) else 2
        fail(f"{file}: {plain(error) if not isinstance(error, UnicodeDecodeError) else 'is not UTF-8 text'}", code=code)
    if as_json:
        entries = [{"number": number, "usb_path": place} for number, place in sorted(learned.items())]
        click.echo(
            json.dumps(
                {
                    "config": str(file),
                    "bays": entries,
                    "written": backup is not None,
                    "backup": str(backup) if backup else None,
                }
            )
        )
    say(
        f"{len(learning.bays)} bays written to {file}; the file before is {backup}"
        if backup
        else f"no bay was learned: {file} is as it was"
    )
    sys.exit(130 if interrupted else 0 if backup else 1)


def _teller(as_json: bool) -> Callable[[str], None]:  # noqa: FBT001 (a private step of one command)
    return lambda text: click.echo(text, err=as_json)


def _agreed(count: int, file: Path) -> bool:
    return sys.stdin.isatty() and click.confirm(
        f"{file} has a map of {count} bays from there on. Replace it?", err=True
    )


def _learn(learning: Learning, say: Callable[[str], None]) -> bool:
    """Whether it was interrupted."""
    from dockd.docks.udev import NoUdev

    try:
        asyncio.run(_run(learning, say))
    except NoUdev as error:
        fail(f"{error.message}: bays are learned on the rack's own machine", code=3)
    except KeyboardInterrupt:
        return True
    return False


async def _run(learning: Learning, say: Callable[[str], None]) -> None:
    from dockd.docks import usb_learning
    from dockd.docks.udev import Udev

    udev = Udev()
    await asyncio.to_thread(udev.open)
    await usb_learning.learn(learning, devices=udev, commands=_commands(), say=say)


async def _commands() -> AsyncIterator[Command]:
    """What is typed, a line each. In a thread of its own, for nobody can end a read of a terminal."""
    words: dict[str, Command] = {"s": "skip", "": "skip", "b": "again", "q": "done"}
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        # By the descriptor: a thread that still waits in sys.stdin would hold its lock when the program ends.
        with contextlib.suppress(RuntimeError, OSError):  # the loop has ended; there is no input
            waiting = b""
            while piece := os.read(0, 1024):
                *whole, waiting = (waiting + piece).split(b"\n")
                for line in whole:
                    loop.call_soon_threadsafe(lines.put_nowait, line.decode("ascii", "replace"))
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, name="commands", daemon=True).start()
    while (line := await lines.get()) is not None:
        command = words.get(line.strip().lower()[:1])
        if command is not None:
            yield command
