"""`dockd bays`: which USB port is which bay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockd.cli.common_options import fail, plain
from dockd.settings.mistakes import printable

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
@click.option("--yes", is_flag=True, help="Do not ask: remove from the map what was to be learned and was not.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON document.")
def learn(*, config: Path | None, first: int, yes: bool, as_json: bool) -> None:
    """Plug a camera (any USB device will do) into each bay in turn; its ports become the [[bays]] of the configuration.

    s and Enter skips a number, b and Enter does the one before again, q and Enter ends. Then what changes is shown, and you are asked before a
    bay that was not learned is removed from the map; unasked they stay. Comments and everything else in the file stay; the one before stays
    beside it. After Ctrl-C the bays that were learned are written, the others stay as they were. If the file cannot be written after all, the map
    is printed.

    Exit code 0: written; 1: nothing was; 2: the configuration; 3: no udev, or the file cannot be written; 130: interrupted (written as far as learned).
    """
    from dockd.docks import usb_bay_map
    from dockd.docks.usb_learning import Learning
    from dockd.settings import DEFAULT_FILE

    file, say = config or DEFAULT_FILE, _teller(as_json)
    text = _text_of(file)
    learning, typed = Learning(number=first), _Typed()
    interrupted = _interrupted(learning, typed, say)
    backup: Path | None = None
    told: dict[str, object] = {}
    if learning.bays:
        with _refusals(file, learning):
            change = usb_bay_map.change(text, learning.bays, first=first)
            remove = _agreed(change.unlearned, say, typed, yes=yes) if not interrupted else False
            for line in change.told(remove=remove):
                say(line)
            fresh = usb_bay_map.with_bays(text, learning.bays, without=change.unlearned if remove else ())
            backup = usb_bay_map.replace_file(file, fresh)
            text = fresh
            told = {
                "added": sorted(change.added),
                "changed": sorted(change.changed),
                "removed": sorted([*change.gone, *(change.unlearned if remove else ())]),
            }
    if as_json:
        entries = [{"number": number, "usb_path": place} for number, place in sorted(usb_bay_map.bays_in(text).items())]
        document = {
            "config": str(file),
            "bays": entries,
            "written": backup is not None,
            "backup": str(backup) if backup else None,
        }
        click.echo(json.dumps(document | told))
    say(_ending(len(learning.bays), file, backup))
    sys.exit(130 if interrupted else 0 if backup else 1)


def _ending(count: int, file: Path, backup: Path | None) -> str:
    if backup is None:
        return f"no bay was learned: {file} is as it was"
    bays = f"{count} bay{'' if count == 1 else 's'}"
    return (
        f"{bays} written to {file}; the file before is {backup}\n"
        "The agent takes up the map when it is restarted: systemctl restart dockd"
    )


def _teller(as_json: bool) -> Callable[[str], None]:  # noqa: FBT001 (a private step of one command)
    return lambda text: click.echo(text, err=as_json)


def _text_of(file: Path) -> str:
    """The configuration, found fit to be written before anybody walks along the rack."""
    from dockd.docks.usb_bay_map import MapUnwritable, bays_in, try_to_write

    try:
        text = file.read_text(encoding="utf-8")
        bays_in(text)
    except UnicodeDecodeError:
        fail(f"{file}: is not UTF-8 text", code=2)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror or error}", code=2 if isinstance(error, FileNotFoundError) else 3)
    except MapUnwritable as error:
        fail(f"{file}: {plain(error)}", code=2)
    try:
        try_to_write(file)
    except OSError as error:
        fail(f"{file} could not be written: {error.strerror or error} (its folder has to be writable: sudo?)", code=3)
    return text


@contextlib.contextmanager
def _refusals(file: Path, learning: Learning) -> Iterator[None]:
    """What was learned is not lost where the file cannot take it."""
    from dockd.docks.usb_bay_map import MapUnwritable, as_toml

    try:
        yield
    except (OSError, MapUnwritable) as error:
        click.echo(as_toml(learning.bays), nl=False)
        said = error.strerror or str(error) if isinstance(error, OSError) else plain(error)
        fail(
            f"{file} cannot be written: {said}; the bays that were learned are above",
            code=3 if isinstance(error, OSError) else 2,
        )


def _agreed(unlearned: Mapping[int, str], say: Callable[[str], None], typed: _Typed, *, yes: bool) -> bool:
    """Whether entries that were not learned are to be removed."""
    if not unlearned or yes:
        return yes
    numbers = ", ".join(map(str, sorted(unlearned)))
    say(f"not learned, and in the map: bay {numbers}. Remove from the map? y and Enter: remove; anything else: keep")
    try:
        return asyncio.run(typed.line()) in ("y", "yes")
    except KeyboardInterrupt:
        return False


def _interrupted(learning: Learning, typed: _Typed, say: Callable[[str], None]) -> bool:
    """Learn; whether it was interrupted."""
    from dockd.docks.udev import NoUdev

    try:
        asyncio.run(_run(learning, typed, say))
    except NoUdev as error:
        fail(f"{error.message}: bays are learned on the rack's own machine", code=3)
    except KeyboardInterrupt:
        return True
    return False


async def _run(learning: Learning, typed: _Typed, say: Callable[[str], None]) -> None:
    from dockd.docks import usb_learning
    from dockd.docks.udev import Udev

    udev = Udev()
    await asyncio.to_thread(udev.open)
    await usb_learning.learn(learning, devices=udev, commands=typed.commands(), say=say)


class _Typed:
    """What is typed, a line each. Read in a thread of its own, for nobody can end a read of a terminal."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._wake: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None

    async def line(self) -> str | None:
        """The next line, in lower case; None where there is no more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="commands", daemon=True)
            self._thread.start()
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(came.set)
        while True:
            came.clear()
            with contextlib.suppress(queue.Empty):
                return self._lines.get_nowait()
            await came.wait()

    async def commands(self) -> AsyncIterator[Command]:
        """Until the end of the input."""
        from dockd.docks.usb_learning import Misread

        words: dict[str, Command] = {
            "s": "skip", "skip": "skip", "b": "again", "back": "again", "again": "again", "q": "done", "quit": "done", "done": "done",
        }  # fmt: skip
        while (line := await self.line()) is not None:
            yield words.get(line, Misread(printable(line)[:40]))

    def _read(self) -> None:
        # By the descriptor: a thread that still waits in sys.stdin would hold its lock when the program ends.
        with contextlib.suppress(OSError):  # there is no input
            waiting = b""
            while piece := os.read(0, 1024):
                *whole, waiting = (waiting + piece).split(b"\n")
                for line in whole:
                    self._put(line.decode("utf-8", "replace").strip().lower())
        self._put(None)

    def _put(self, line: str | None) -> None:
        self._lines.put(line)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._wake()
