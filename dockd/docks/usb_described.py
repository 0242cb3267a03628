"""What was plugged in, read from a text that `udevadm info --export-db` wrote: a camera on a bench is described once and looked at anywhere.

Rules kept here: pure; the text is from outside, so it is bounded, and what in it is no description of a USB device or of a disk on one is passed over.
It says less than a look does: sizes are not in it, so a disk counts as one with a medium where udev found a filesystem or partitions on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dockd.docks.usb_facts import Fact, FactKind, controller_of, lasting, port_of
from dockd.docks.usb_ports import Look
from ingest.errors import DockdError

LARGEST = 16 << 20
"""Characters of a description."""
_MOST_DEVICES = 20_000
_KINDS: Mapping[str, FactKind] = {"usb_device": "usb", "disk": "disk", "partition": "partition"}


class NoDescription(DockdError):
    """A text in which no USB device is described."""

    reason = "no_description"


def look_of(text: str) -> Look:
    """What the text describes, as `dockd.docks.udev.Udev.look` would give it. Raises NoDescription."""
    if len(text) > LARGEST:
        raise NoDescription(f"it is longer than {LARGEST >> 20} MiB: is it what `udevadm info --export-db` wrote?")
    found: dict[str, list[Fact]] = {}
    for number, (path, properties) in enumerate(_records(text), start=1):
        if number > _MOST_DEVICES:
            raise NoDescription(f"it describes more than {_MOST_DEVICES:,} devices")
        fact = _fact(path, properties)
        port = port_of(path) if fact is not None else None
        if fact is not None and port is not None:
            found.setdefault(port, []).append(fact)
    if not found:
        raise NoDescription(
            "no USB device is described in it: write it with `udevadm info --export-db` while the camera is plugged in"
        )
    return {port: tuple(facts) for port, facts in found.items()}


def _records(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    path, properties = "", dict[str, str]()
    for line in [*text.split("\n"), ""]:
        if not line.strip():
            if path:
                yield path, properties
            path, properties = "", {}
        elif line.startswith("P: "):
            path = line[3:].strip()
        elif line.startswith("E: "):
            name, _, value = line[3:].rstrip("\r").partition("=")
            properties[name] = value


def _fact(path: str, properties: Mapping[str, str]) -> Fact | None:
    kind = _KINDS.get(properties.get("DEVTYPE", ""))
    if kind is None:
        return None
    if kind == "usb":
        place = properties.get("ID_PATH", "")
        return Fact(path=path, kind=kind, properties=lasting(properties), controller=controller_of(place) or "unknown")
    filled = any(properties.get(name) for name in ("ID_FS_TYPE", "ID_PART_TABLE_TYPE", "ID_PART_ENTRY_NUMBER"))
    return Fact(path=path, kind=kind, properties=lasting(properties), size=1 if filled else 0)
