"""A camera profile as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dockd.profiles.naming import OF_VOLUMES, names_units
from dockd.profiles.patterns import fits
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

    @property
    def names_volumes(self) -> bool:
        """Whether it asks for volumes by names that are nobody else's (`dockd.profiles.naming`), not only by their kind."""
        return any(names_units(name, self.volume[name]) for name in OF_VOLUMES if name in self.volume)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Where the parts of the identity come from; `device-id` is what an unlocked camera told of itself."""

    serial: Literal["usb-serial", "volume-label", "volume-uuid", "device-id"] = "usb-serial"
    card: Literal["volume-uuid", "volume-label", "none"] = "volume-uuid"


@dataclass(frozen=True, kw_only=True)
class Unlock:
    """The conversation over bulk endpoints by which a camera becomes a disk (`ingest.camera.unlock` holds it).

    All commands are ASCII; `{time}`, `{time:FORMAT}` and `{password}` are filled in. Empty: the camera has no such command.
    `login`: said first; it went well if the answer holds `accepted` (empty: any answer will do). `ask_id`: its answer is the device's id;
    `ask_clock`, `ask_battery`: their answers are read by the patterns beside them (group `value`); `set_clock`: one or several commands, a
    line each; `become_disk`; `terminator` ends each command, and each answer that is not ended by a short packet. `wait` seconds until the
    disk appears at most. `time_format` is strftime's. `password_file`: a file with the password; never inline.
    """

    login: str = ""
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


_CAMERA_CLASSES = frozenset({"06", "08", "ff"})  # still image (PTP, MTP), mass storage, a vendor's own


def candidates(profiles: Sequence[Profile], *, usb: Properties, volume: Properties | None) -> list[Profile]:
    """The profiles that these udev properties fit, the most particular first: a site's before a shipped one, named devices before generic ones.

    `volume` None: the device has no volume (yet); only profiles of kind mtp and unlock can fit then, and with a volume only those of kind disk
    (and of kind unlock, for the disk that one became). Of profiles alike, those that ask something of the contents come first: whoever mounts
    takes the first of which `contents_fit` is true. A property that is not there fits no pattern.
    """
    kinds: tuple[Kind, ...] = ("mtp", "unlock") if volume is None else ("disk", "unlock")
    if volume is None and not _can_be_a_camera(usb):
        return []
    found = [
        profile
        for profile in profiles
        if profile.kind in kinds and properties_fit(profile.match.usb, usb) and properties_fit(profile.match.volume, volume)
    ]  # fmt: skip
    return sorted(found, key=_particular)


def properties_fit(asked: Mapping[str, str], properties: Properties | None) -> bool:
    """Whether every property that is asked for is there and fits; True where there is nothing to ask (`properties` None: no volume yet)."""
    return properties is None or all(
        name in properties and fits(pattern, properties[name]) for name, pattern in asked.items()
    )


def contents_fit(profile: Profile, names: Sequence[bytes]) -> bool:
    """Whether the names in the root of a mounted volume are what the profile asks: each of its patterns has to be among them."""
    if not profile.match.contents:
        return True
    texts = [name.decode("utf-8", "surrogateescape") for name in names]
    return all(any(fits(pattern, text) for text in texts) for pattern in profile.match.contents)


def _particular(profile: Profile) -> tuple[object, ...]:
    asked, contents = len(profile.match.usb) + len(profile.match.volume), len(profile.match.contents)
    return profile.shipped, profile.generic, -contents, -asked, profile.name


def _can_be_a_camera(usb: Properties) -> bool:
    """Keyboards, hubs, sound and network adapters have none of a camera's interfaces, whatever a profile says."""
    interfaces = usb.get("ID_USB_INTERFACES", "")
    return not interfaces or any(one[:2].lower() in _CAMERA_CLASSES for one in interfaces.split(":") if one)
