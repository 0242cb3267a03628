"""The bay map in a configuration's text: comments and everything else stay as they were written. Pure, but for `replace_file`.

Rules kept here: what is written reads as a configuration without mistakes, or nothing is written; the file is replaced as a whole, and the
one before stays beside it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dockd.docks.usb_building import usb_ports, wrong_ports
from dockd.settings import read_text
from ingest.errors import DockdError


class MapUnwritable(DockdError):
    """The bay map cannot be put into this configuration; it is as it was."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a learned map makes of the one before, bay by bay. `gone`: entries whose port another bay has now; they cannot stay.

    `unlearned`: entries of bays that were to be learned and were not; they stay unless somebody wants them removed.
    """

    added: dict[int, str]
    changed: dict[int, tuple[str, str]]
    gone: dict[int, str]
    unlearned: dict[int, str]

    def told(self, *, remove: bool) -> list[str]:
        """A line for each bay that changes; with `remove`, the unlearned ones are removed."""
        moved = {
            number: f"bay {number}: removed, its port {place} is another bay's now"
            for number, place in self.gone.items()
        }
        left = {
            number: f"bay {number}: {place} was not learned: {'removed' if remove else 'stays'}"
            for number, place in self.unlearned.items()
        }
        lines = {
            **{number: f"bay {number}: {place} added" for number, place in self.added.items()},
            **{number: f"bay {number}: {old} becomes {new}" for number, (old, new) in self.changed.items()},
            **moved,
            **left,
        }  # fmt: skip
        return [text for _number, text in sorted(lines.items())]


def change(text: str, learned: Mapping[int, str], *, first: int) -> Change:
    """What `learned`, asked for from bay `first` on, changes in a configuration's map. Raises MapUnwritable."""
    before = {int(entry["number"]): str(entry["usb_path"]) for entry in _entries(_parsed(text))}
    taken = set(learned.values())
    others = {number: place for number, place in before.items() if number not in learned}
    gone = {number: place for number, place in others.items() if place in taken}
    return Change(
        added={number: place for number, place in learned.items() if number not in before},
        changed={
            number: (before[number], place)
            for number, place in learned.items()
            if number in before and before[number] != place
        },
        gone=gone,
        unlearned={
            number: place
            for number, place in others.items()
            if number >= first and number not in gone and (usb_ports([place]) or wrong_ports([place]))
        },
    )


def bays_in(text: str) -> dict[int, str]:
    """The USB ports that a configuration's bay map names, by bay. Raises MapUnwritable."""
    entries = _entries(_parsed(text))
    return {int(entry["number"]): str(entry["usb_path"]) for entry in entries if usb_ports([str(entry["usb_path"])])}


def with_bays(text: str, learned: Mapping[int, str], *, without: Collection[int] = ()) -> str:
    """The text with these bays in its map; the other entries stay but for those `without` and those whose port is learned for another bay.

    Raises MapUnwritable.
    """
    document = _parsed(text)
    before = {int(entry["number"]): str(entry["usb_path"]) for entry in _entries(document)}
    taken = set(learned.values())
    merged = {number: place for number, place in before.items() if number not in without and place not in taken} | dict(
        learned
    )
    if merged:
        table: Any = tomlkit.aot()
        for number, place in sorted(merged.items()):
            entry = tomlkit.table()
            entry["number"], entry["usb_path"] = number, place
            table.append(entry)
        document["bays"] = table
    elif "bays" in document:
        del document["bays"]
    fresh = tomlkit.dumps(document)
    _refuse_mistakes(fresh)
    return fresh


def as_toml(bays: Mapping[int, str]) -> str:
    """The entries as they would stand in a configuration."""
    return "".join(f'[[bays]]\nnumber = {number}\nusb_path = "{place}"\n' for number, place in sorted(bays.items()))


def try_to_write(path: Path) -> None:
    """Write beside the file and take it away again, as `replace_file` will have to. Blocks. Raises OSError."""
    path = path.resolve()
    trial = path.with_name(f".{path.name}.{os.getpid()}.try")
    try:
        trial.write_bytes(path.read_bytes())
    finally:
        trial.unlink(missing_ok=True)


def _parsed(text: str) -> tomlkit.TOMLDocument:
    _refuse_mistakes(text)
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise MapUnwritable(f"the configuration cannot be changed by a program: {error}") from error


def _refuse_mistakes(text: str) -> None:
    found = read_text(text, file="dockd.toml", environ={}).mistakes
    mistakes = [mistake for mistake in found if not mistake.key or mistake.key.startswith("bays")]
    if mistakes:
        said = "\n".join(str(mistake) for mistake in mistakes)
        raise MapUnwritable(f"the configuration has mistakes, and is left as it is (`dockd check-config`):\n{said}")


def _entries(document: tomlkit.TOMLDocument) -> list[dict[str, Any]]:
    return [dict(entry) for entry in document.unwrap().get("bays", [])]


def replace_file(path: Path, text: str) -> Path:
    """Put `text` in the place of the file, which keeps its mode and owner; where the one before is now. Blocks. Raises OSError."""
    path = path.resolve()
    backup = _unused(path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak"))
    shutil.copy2(path, backup)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            before = path.stat()
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return backup


def _unused(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number, free = number + 1, path.with_name(f"{path.name}.{number}")
    return free
