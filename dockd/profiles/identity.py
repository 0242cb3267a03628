"""Who a docked device is, and whether anything may ever be deleted from it. Pure: decided from udev's properties, the profile and the site's word.

Rules kept here: who is profile + serial + card, never the port. What a device calls itself is hostile text: it comes out as one short word
without control characters and separators, and two that differ stay different (what had to be changed carries a hash of what it was). A
serial that factories give to every unit tells nobody apart and names nobody. Nothing is deleted from what this site has not named (P3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container

from dockd.profiles.model import Profile, Properties, properties_fit
from dockd.profiles.naming import is_factory_serial
from ingest.model import CameraId

LONGEST_WORD = 64
"""Characters of a serial or card in a camera's id; a longer one is cut and told apart by its hash."""

_SEPARATORS = frozenset("/\\~%?#&<>\"'`|")  # of addresses, and `~`, which stands between serial and card
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")


def identify(profile: Profile, *, usb: Properties, volume: Properties | None, device_id: str = "") -> CameraId | None:
    """The camera that these udev properties are, as `profile` says who it is; None where there is nothing at all to tell it by.

    `device_id`: what an unlocked camera told of itself. A serial that is missing stays empty and a factory's stays as it is: the card tells
    those cameras apart.
    """
    volume = volume or {}
    serial = word(_serial(profile, usb=usb, volume=volume, device_id=device_id))
    sources = {"volume-uuid": volume.get("ID_FS_UUID", ""), "volume-label": label(volume), "none": ""}
    card = "" if profile.identity.card == profile.identity.serial else word(sources[profile.identity.card])
    return CameraId(profile=profile.name, serial=serial, card=card) if serial or card else None


def _serial(profile: Profile, *, usb: Properties, volume: Properties, device_id: str) -> str:
    match profile.identity.serial:
        case "usb-serial":
            return usb.get("ID_SERIAL_SHORT", "")
        case "volume-label":
            return label(volume)
        case "volume-uuid":
            return volume.get("ID_FS_UUID", "")
        case "device-id":
            # As the label writes it, where that is the id: what was told may differ in case, and after a restart only the label is there.
            labelled = profile.unlock is not None and profile.unlock.label_is_id
            return (
                label(volume) if labelled and is_own_volume(profile, volume=volume, device_id=device_id) else device_id
            )


def is_own_volume(profile: Profile, *, volume: Properties, device_id: str) -> bool:
    """Whether a volume may be that camera's: where the label is the id, and an id was told, the two have to be equal."""
    if profile.unlock is None or not profile.unlock.label_is_id or not device_id:
        return True
    return label(volume).casefold() == device_id.strip().casefold()


def became(profile: Profile, *, volume: Properties, device_id: str) -> bool:
    """Whether a volume on a USB device of whatever make is what the camera became that was told to become a disk.

    Its label is the id that the camera told, or the profile names it by [match.volume]. Where there is neither, nobody knows what was put into
    that port in between: a memory stick is not taken for the camera that was there before it.
    """
    if not properties_fit(profile.match.volume, volume):
        return False
    told = profile.unlock is not None and profile.unlock.label_is_id and bool(device_id)
    return is_own_volume(profile, volume=volume, device_id=device_id) if told else profile.match.names_volumes


def label(volume: Properties) -> str:
    """The volume's label as it was written, udev's escapes (`\\x20`) undone; bytes that are no UTF-8 stay as lone surrogates for `word`."""
    escaped = volume.get("ID_FS_LABEL_ENC", "")
    if not escaped:
        return volume.get("ID_FS_LABEL", "").strip()
    raw = b""
    for place, part in enumerate(_ESCAPED.split(escaped)):
        raw += bytes([int(part, 16)]) if place % 2 else part.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "surrogateescape").strip().strip("\0")


def word(raw: str) -> str:
    """`raw` as it may stand in an id, an address and a log: at most `LONGEST_WORD` characters and, where anything was changed, a hash.

    >>> word("CAM01"), word("A/B")
    ('CAM01', 'A_B.998d3ed8')
    """
    text = raw.strip()
    clean = "".join(c if c.isprintable() and c not in _SEPARATORS else "_" for c in text)
    if clean == text and len(clean) <= LONGEST_WORD:
        return clean
    return f"{clean[:LONGEST_WORD]}.{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def named_by(listed: Container[str], camera: CameraId) -> bool:
    """Whether a list of serials and ids (the registry's) names this camera. A factory's serial names nobody: those are listed by their id."""
    return camera.id in listed or (not is_factory_serial(camera.serial) and camera.serial in listed)


def may_wipe(profile: Profile, camera: CameraId, named: Callable[[CameraId], bool]) -> tuple[bool, str]:
    """Whether the site has named this camera as one to be emptied, and else why not in plain words.

    All that came with dockd copies alone, whatever it asks for; it wipes what `named` (the site's registry, `named_by`) says yes to. A profile
    of the site's own names its cameras itself, unless it calls itself generic.
    """
    if not profile.wipe:
        return False, f"This kind of camera is only copied: its profile ({profile.name}) says wipe = false"
    if not camera.card and is_factory_serial(camera.serial):
        return False, (
            "This camera is only copied: it has a factory's serial and no card to tell it by, so it could be any other of its kind. "
            "Give it a serial of its own"
        )
    if (not profile.shipped and not profile.generic) or named(camera):
        return True, ""
    listed = camera.id if is_factory_serial(camera.serial) else camera.serial
    return False, (
        "This kind of camera is only copied: nobody has named it as a camera of this site. "
        f"Put {listed} into the list of cameras (registry.file), or write a site profile"
    )
