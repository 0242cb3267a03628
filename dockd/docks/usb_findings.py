"""What is in a USB port, decided from what udev says of it. Pure: no I/O, no clock of its own.

Rules kept here:
* only what a profile names is ever mounted, unlocked or spoken to; everything else is told, in plain words, and left alone;
* a device that udev has not finished with, and a disk that may still come, are waited for, never judged;
* what cannot be read on a disk that is taken is told as hidden, so that nobody takes the rest for the whole;
* a file's path has its partition in front where the device has several that could hold files (or several slots), whether or not they can be
  read, or are there, this time: what lay at one path yesterday is not missing today because another partition could not be read;
* equal devices give equal findings, and a finding that equals the last one is no news: two are compared by what is plugged in, which medium,
  which filesystem and which profiles, not by every property that a rule of udev may add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dockd.docks import usb_words
from dockd.docks.usb_facts import Fact
from dockd.docks.usb_parts import Part, hidden, is_readable, may_hold_files, part_name, part_of
from dockd.profiles.identity import became, is_own_volume, label
from dockd.profiles.model import Profile, Properties
from ingest.model import Skipped, Vitals

DISK_WAIT = 30.0
"""Seconds that a device which says that it is a disk has to show one; slow cameras take ten."""
UDEV_WAIT = 30.0
"""Seconds that udev may take over one device."""
TABLE_WAIT = 5.0
"""Seconds between a partition table and its first partition."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One profile, the volumes that fit it by what udev says, and what else is on the device."""

    profile: Profile
    parts: tuple[Part, ...]
    hidden: tuple[Skipped, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Unlocked:
    """What a camera told before it was asked to become a disk. `address` is the device that was spoken to, `until` (monotonic) when
    the disk must have come, `clock_set`: it was given our time after it told its own. `disk`: the address of the one device that has come,
    and was taken for it; it holds for no other."""

    profile: Profile
    device_id: str
    address: str
    until: float
    vitals: Vitals = field(default_factory=Vitals)
    clock_set: bool = False
    disk: str = ""


@dataclass(frozen=True)
class Empty:
    """Nothing, or a hub."""


@dataclass(frozen=True)
class Ignored:
    """Something that is part of the machine."""


@dataclass(frozen=True)
class Looking:
    """Not known yet. `until`: when to look again at the latest, even if nothing is heard."""

    why: str
    until: float


@dataclass(frozen=True)
class NotOurs:
    """No camera."""

    why: str


@dataclass(frozen=True)
class Faulty:
    """It, or the bay, fails."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """A disk with volumes that profiles name, the most particular first. `many`: there could be several, so each is mounted in a folder of
    its own below one root, also where only one can be read this time: a file's path is the same each time that the camera is docked.

    `address` tells each time that it was plugged in from the next; `device_id` is what an unlocked camera told of itself.
    """

    address: str
    usb: Mapping[str, str] = field(compare=False)
    choices: tuple[Choice, ...]
    many: bool
    device_id: str = ""
    vitals: Vitals = field(default_factory=Vitals, compare=False)
    clock_set: bool = field(default=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Mtp:
    """A camera over MTP."""

    address: str
    usb: Mapping[str, str] = field(compare=False)
    profile: Profile


@dataclass(frozen=True, kw_only=True)
class ToUnlock:
    """A camera that wants a word before it becomes a disk."""

    address: str
    usb: Mapping[str, str] = field(compare=False)
    profile: Profile


Finding = Empty | Ignored | Looking | NotOurs | Faulty | Volumes | Mtp | ToUnlock
Candidates = Callable[[Properties, Properties | None], Sequence[Profile]]
"""The profiles that fit, best first, of a device's properties and a volume's (None: it has none)."""


def decide(
    facts: Sequence[Fact], *, candidates: Candidates, since: float, now: float, unlocked: Unlocked | None = None
) -> Finding:
    """What is in a port.

    `facts`: the one USB device in it (a hub counts as none) and the disks and partitions of that device, in any order; `since` when they
    last changed, `now` (both monotonic); `unlocked`: what the camera in this port told when it was unlocked.
    """
    usb = next((fact for fact in facts if fact.kind == "usb"), None)
    if usb is None or usb.hub:
        if unlocked is not None and not unlocked.disk and now < unlocked.until:
            return _becoming(unlocked)
        return Empty()
    if unlocked is not None and unlocked.disk not in ("", usb.address):
        unlocked = None  # what it became has left, and this is something else
    if any(not fact.settled for fact in facts) and now < since + UDEV_WAIT:
        return Looking("It is being found out what this is.", since + UDEV_WAIT)
    disks = sorted((fact for fact in facts if fact.kind == "disk"), key=lambda fact: (fact.lun, fact.path))
    found = _of_disks(usb, disks, facts, candidates=candidates, since=since, now=now, unlocked=unlocked)
    if isinstance(found, (Volumes, Looking, Faulty)):
        return found
    return _direct(usb, candidates, now, unlocked) or found


def _becoming(unlocked: Unlocked) -> Looking:
    return Looking(f"Camera {unlocked.device_id} is becoming a disk.".replace("  ", " "), unlocked.until)


def _direct(usb: Fact, candidates: Candidates, now: float, unlocked: Unlocked | None) -> Finding | None:
    """A camera that is spoken to over USB itself; None where it is none."""
    for profile in candidates(usb.properties, None):
        if profile.kind == "mtp":
            return Mtp(address=usb.address, usb=usb.properties, profile=profile)
        if profile.kind != "unlock" or profile.unlock is None:
            continue
        if unlocked is None or unlocked.address != usb.address:
            return ToUnlock(address=usb.address, usb=usb.properties, profile=profile)
        if now < unlocked.until:
            return _becoming(unlocked)
        return Faulty(
            f"Camera {unlocked.device_id} did not become a disk within {profile.unlock.wait:.0f} s: take it out and put it in again."
        )
    return None


def _of_disks(
    usb: Fact, disks: Sequence[Fact], facts: Sequence[Fact], *, candidates: Candidates, since: float, now: float,
    unlocked: Unlocked | None,
) -> Finding:  # fmt: skip
    media = [disk for disk in disks if disk.size > 0]
    if not media:
        return _without_medium(usb, disks, candidates, since, now)
    volumes: list[tuple[Fact, Fact]] = []
    for disk in media:
        below = [fact for fact in facts if fact.kind == "partition" and fact.path.startswith(disk.path + "/")]
        if not below and disk.get("ID_PART_TABLE_TYPE") and not disk.get("ID_FS_TYPE") and now < since + TABLE_WAIT:
            return Looking("Its partitions are being read.", since + TABLE_WAIT)
        volumes += [(disk, fact) for fact in sorted(below, key=lambda fact: (fact.number, fact.path))] or [(disk, disk)]
    return _volumes(usb, volumes, slots=len(disks), candidates=candidates, unlocked=unlocked)


def _without_medium(usb: Fact, disks: Sequence[Fact], candidates: Candidates, since: float, now: float) -> Finding:
    """A device without a disk, or without a card in it."""
    if disks:
        return Ignored() if usb.removable == "fixed" else NotOurs(usb_words.no_card(usb))
    if any(interface.startswith("08") for interface in usb.interfaces) and not candidates(usb.properties, None):
        if now < since + DISK_WAIT:
            return Looking("It is a disk that is still starting.", since + DISK_WAIT)
        return Faulty(usb_words.no_disk(usb))
    return Ignored() if usb.removable == "fixed" else NotOurs(usb_words.not_a_camera(usb))


def _volumes(
    usb: Fact, volumes: Sequence[tuple[Fact, Fact]], *, slots: int, candidates: Candidates, unlocked: Unlocked | None
) -> Finding:
    fitting: list[tuple[Part, Sequence[Profile]]] = []
    unread: list[tuple[str, str]] = []
    for disk, volume in volumes:
        if not may_hold_files(volume):
            continue
        name = part_name(disk, volume)
        if not is_readable(volume):
            unread.append((name, f"{usb_words.volume_name(volume)} {usb_words.hidden_why(volume)}"))
            continue
        properties = {**disk.properties, **volume.properties}
        profiles = list(candidates(usb.properties, properties))
        profiles = [one for one in _become(unlocked, properties) if one not in profiles] + profiles
        if profiles:
            fitting.append((part_of(disk, volume), profiles))
        else:
            unread.append((name, f"{usb_words.volume_name(volume)} fits no camera profile"))
    if not fitting:
        why = "; ".join(text for _name, text in unread) or "there is no partition on it"
        return Ignored() if usb.removable == "fixed" else NotOurs(f"Not touched{usb_words.called(usb)}: {why}.")
    return _chosen(usb, fitting, unread, unlocked, many=slots > 1 or len(fitting) + len(unread) > 1)


def _chosen(
    usb: Fact,
    fitting: Sequence[tuple[Part, Sequence[Profile]]],
    unread: Sequence[tuple[str, str]],
    unlocked: Unlocked | None,
    *,
    many: bool,
) -> Finding:
    ranked: list[Profile] = []
    for _part, profiles in fitting:  # each list is in order of rank already
        ranked += [profile for profile in profiles if profile not in ranked]
    choices: list[Choice] = []
    for profile in ranked:
        parts = [part for part, profiles in fitting if profile in profiles]
        device_id = unlocked.device_id if unlocked is not None and unlocked.profile.name == profile.name else ""
        if profile.unlock is not None and profile.unlock.label_is_id:
            parts.sort(key=lambda part: not is_own_volume(profile, volume=part.properties, device_id=device_id))
            found = label(parts[0].properties)
            if device_id and not is_own_volume(profile, volume=parts[0].properties, device_id=device_id):
                return Faulty(
                    f'The camera says that it is "{device_id}", and its disk is labelled "{found}": take it out and put it in again.'
                )
            if not found:
                continue
        taken = {part.name for part in parts}
        others = [
            (part.name, f"{part.said} fits another camera profile") for part, _ in fitting if part.name not in taken
        ]
        out_of_sight = tuple(hidden(name, why) for name, why in [*unread, *others])
        choices.append(Choice(profile=profile, parts=tuple(parts), hidden=out_of_sight))
    if not choices:
        return Faulty("Its disk has no label, so nobody can say which camera it is: take it out and put it in again.")
    told = (
        unlocked if any(unlocked is not None and one.profile.name == unlocked.profile.name for one in choices) else None
    )
    return Volumes(
        address=usb.address, usb=usb.properties, choices=tuple(choices), many=many,
        device_id=told.device_id if told else "", vitals=told.vitals if told else Vitals(), clock_set=bool(told and told.clock_set),
    )  # fmt: skip


def _become(unlocked: Unlocked | None, volume: Properties) -> list[Profile]:
    """The profile of a camera that was asked to become a disk, for its disk: that may be a USB device of another make."""
    if unlocked is None or not became(unlocked.profile, volume=volume, device_id=unlocked.device_id):
        return []
    return [unlocked.profile]
