"""A camera profile as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingest.rules import FileRules

Kind = Literal["disk", "mtp", "unlock"]
Properties = Mapping[str, str]  # udev properties by name


@dataclass(frozen=True, kw_only=True)
class Match:
    """What a profile asks of a device. `usb` and `volume`: udev properties with patterns (`*`, `?`, `|` between alternatives, case ignored).

    `contents`: patterns of which each must be among the names in the volume's root (asked once it is mounted read-only); empty: nothing is asked.
    """

    usb: Mapping[str, str] = field(default_factory=dict)
    volume: Mapping[str, str] = field(default_factory=dict)
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Where the parts of the identity come from; `device-id` is what an unlocked camera told of itself."""

    serial: Literal["usb-serial", "volume-label", "volume-uuid", "device-id"] = "usb-serial"
    card: Literal["volume-uuid", "volume-label", "none"] = "volume-uuid"


@dataclass(frozen=True, kw_only=True)
class Unlock:
    """The conversation over bulk endpoints by which a camera becomes a disk. All commands are ASCII; `{time}` and `{password}` are filled in.

    `ask_id`: its answer is the device's id; `ask_clock`, `ask_battery`: their answers are read by the patterns beside them (group `value`);
    `set_clock`; `become_disk`; `terminator` ends each command and answer. `wait` seconds until the disk appears at most.
    `time_format` is strftime's. Empty: the camera has no such command. `password_file`: a file with the password; never inline.
    """

    ask_id: str = ""
    id_pattern: str = r"(?P<value>[\w.-]+)"
    ask_clock: str = ""
    clock_pattern: str = r"(?P<value>.+)"
    ask_battery: str = ""
    battery_pattern: str = r"(?P<value>\d+)"
    set_clock: str = ""
    become_disk: str = ""
    accepted: str = ""
    terminator: str = "\r\n"
    time_format: str = "%Y%m%d%H%M%S"
    time_zone: str = "UTC"
    interface: int = 0
    wait: float = 15.0
    password_file: Path | None = None
    label_is_id: bool = True


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of camera. `generic`: it names no maker's device, so whatever it matches may be anybody's: only the registry makes that a camera to be emptied.

    `shipped`: it came with dockd (a site's own profile names its cameras itself). `wipe`: whether anything may be deleted at all.
    `time_zone`: in which zone the filesystem's times are written ("UTC", "local" for the station's, or an IANA name).
    """

    name: str
    title: str
    kind: Kind = "disk"
    generic: bool = False
    shipped: bool = True
    source: Path | None = None
    match: Match = field(default_factory=Match)
    identity: Identity = field(default_factory=Identity)
    rules: FileRules = field(default_factory=FileRules)
    unlock: Unlock | None = None
    time_zone: str = "UTC"
    wipe: bool = True


def candidates(profiles: Sequence[Profile], *, usb: Properties, volume: Properties | None) -> list[Profile]:
    """The profiles that these udev properties fit, the most particular first: a site's before a shipped one, named devices before generic ones.

    `volume` None: the device has no volume (yet); only profiles of kind mtp and unlock can fit then, and with a volume only those of kind disk
    (and of kind unlock, for the disk that one became).
    """
    raise NotImplementedError
