"""The bay map in a configuration's text: comments and everything else stay as they were written. Pure, but for `replace_file`.

Rules kept here: what is written reads as a configuration without mistakes, or nothing is written; the file is replaced as a whole, and the
one before stays beside it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dockd.docks.usb_building import usb_ports
from dockd.settings import read_text
from ingest.errors import DockdError


class MapUnwritable(DockdError):
    """The bay map cannot be put into this configuration; it is as it was."""


def bays_in(text: str) -> dict[int, str]:
    """The USB ports that a configuration's bay map names, by bay. Raises MapUnwritable."""
    entries = _entries(_parsed(text))
    return {int(entry["number"]): str(entry["usb_path"]) for entry in entries if usb_ports([str(entry["usb_path"])])}


def with_bays(text: str, bays: Mapping[int, str]) -> str:
    """The text with this bay map in place of its USB ports; entries that name folders stay, where their number is not taken.

    Raises MapUnwritable.
    """
    document = _parsed(text)
    kept = [
        entry for entry in _entries(document) if not usb_ports([str(entry["usb_path"])]) and entry["number"] not in bays
    ]
    table: Any = tomlkit.aot()
    merged = {int(entry["number"]): str(entry["usb_path"]) for entry in kept} | dict(bays)
    for number, place in sorted(merged.items()):
        entry = tomlkit.table()
        entry["number"], entry["usb_path"] = number, place
        table.append(entry)
    before = document.get("bays")
    if before is not None and not merged:
        del document["bays"]
    elif merged:
        document["bays"] = table
    fresh = tomlkit.dumps(document)
    _refuse_mistakes(fresh)
    return fresh


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
