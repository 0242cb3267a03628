"""Whether the paths of a bay map are USB ports at all.

Rule kept here: a mistake is what surely names no port; what may be meant (a folder of docks.folders) is a warning.
"""

from __future__ import annotations

import re
from pathlib import Path

from dockd.settings.mistakes import Mistake
from dockd.settings.reading import Reading

_PORT = re.compile(r"(.+-usb(?:v\d)?-\d+:\d+(?:\.\d+)*)(.*)")
_BUS_NUMBER = re.compile(r"\d+-\d+(?:\.\d+)*(?::\d+\.\d+)?|usb\d+|sd[a-z]+\d*")
_CONTROLLER = re.compile(r"(?:pci|platform|acpi|amba|virtio|xen)-[\w.:-]+")
_LEARN = 'the port\'s path such as "pci-0000:00:14.0-usb-0:1.4": run `dockd bays learn`'


def wrong_bays(reading: Reading) -> tuple[list[Mistake], list[Mistake]]:
    """Mistakes and warnings of a bay map whose paths are no USB ports."""
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    folders = reading.settings.docks.folders
    for index, bay in enumerate(reading.settings.bays):
        at = reading.origin("bays", index, "usb_path")
        port = _PORT.fullmatch(bay.usb_path)
        if port is not None and not port[2]:
            continue
        if port is not None:
            mistakes.append(at.mistake(f"{bay.usb_path} goes on after the chain of ports", f'"{port[1]}"'))
        elif _BUS_NUMBER.fullmatch(bay.usb_path):
            why = f"{bay.usb_path} is the kernel's number, which may be another port after the next start"
            (mistakes if folders is None else warnings).append(at.mistake(why, _or_folder(folders)))
        elif _CONTROLLER.fullmatch(bay.usb_path):
            why = f"{bay.usb_path} names no port"
            (mistakes if folders is None else warnings).append(at.mistake(why, _or_folder(folders)))
        elif folders is None:
            why = f"{bay.usb_path} is no USB port, and without docks.folders no folder can be that bay"
            warnings.append(at.mistake(why, _LEARN))
    return mistakes, warnings


def _or_folder(folders: Path | None) -> str:
    return _LEARN if folders is None else f"a folder of this name in {folders}, or {_LEARN}"
