"""What the values of one profile say of each other: the checks that no single key can make.

Rules kept here: pure; a profile that would touch what nobody named is refused here, before any camera is in. What is sent to a device,
or deleted from it, needs a device that is named, not one that merely fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dockd.profiles.commands import asks_for
from dockd.profiles.model import Profile, Unlock
from dockd.profiles.naming import unnamed
from dockd.profiles.patterns import literal
from dockd.settings.documents import Origin
from dockd.settings.mistakes import Mistake, shown

Written = Callable[..., Origin]

_NAMED = (
    "ID_VENDOR_ID and ID_MODEL_ID in full, or ID_SERIAL_SHORT, ID_FS_LABEL or ID_FS_UUID as your cameras alone have it, "
    "or else generic = true (and the registry lists them), or wipe = false"
)


def cross_checks(profile: Profile, *, written: Written) -> list[Mistake]:
    """Every mistake between the values of a profile; `written` says where a key stands."""
    by_kind = {"disk": _disk, "mtp": _mtp, "unlock": _unlock}[profile.kind]
    return [
        *by_kind(profile, written),
        *_sections(profile, written),
        *_named(profile, written),
        *_files(profile, written),
    ]


def _disk(profile: Profile, written: Written) -> Iterator[Mistake]:
    asked = {**profile.match.usb, **profile.match.volume}
    if not any(literal(pattern) for pattern in asked.values()):
        expected = '[match.usb] or [match.volume] with a property, such as ID_FS_TYPE = "vfat|exfat"'
        yield written("match").mistake("asks nothing of the device: every disk would fit", expected)


def _mtp(profile: Profile, written: Written) -> Iterator[Mistake]:
    if not any(literal(pattern) for pattern in profile.match.usb.values()):
        expected = '[match.usb] with a property, such as ID_USB_INTERFACES = "*:060101:*"'
        yield written("match", "usb").mistake("asks nothing of the device: every device would fit", expected)
    for key, value in (("volume", profile.match.volume), ("contents", profile.match.contents)):
        if value:
            yield written("match", key).mistake('has no use with kind = "mtp": there is no volume', "no such key")
    if profile.identity.serial != "usb-serial":
        yield written("identity", "serial").mistake('cannot be known with kind = "mtp"', '"usb-serial"')
    if profile.identity.card != "none":
        yield written("identity", "card").mistake('cannot be known with kind = "mtp"', '"none"')


def _unlock(profile: Profile, written: Written) -> Iterator[Mistake]:
    for key in ("ID_VENDOR_ID", "ID_MODEL_ID"):
        pattern = profile.match.usb.get(key, "*")
        if "*" in pattern or "?" in pattern:
            message = "is not named in full: commands are sent to named devices only"
            yield written("match", "usb", key).mistake(message, f'{key} = "4255" or the like, without * and ?')
    unlock = profile.unlock or Unlock()
    if not unlock.become_disk:
        yield written("unlock", "become_disk").mistake("is missing", "the command that makes the camera a disk")
    if profile.identity.serial == "device-id" and not unlock.label_is_id:
        # The camera told it, the disk does not: no disk could be shown to be that camera's, and after a restart nobody would know it at all.
        message = "is an id that the disk does not carry: nobody could tell that a disk is the camera that told it"
        expected = 'unlock.label_is_id = true, or "usb-serial", "volume-label" or "volume-uuid"'
        yield written("identity", "serial").mistake(message, expected)
    yield from _conversation(unlock, written)


def _conversation(unlock: Unlock, written: Written) -> Iterator[Mistake]:
    said = (unlock.login, unlock.ask_id, unlock.ask_clock, unlock.ask_battery, unlock.set_clock, unlock.become_disk)
    place = written("unlock", "password_file")
    if any(asks_for(text, "password") for text in said) and unlock.password_file is None:
        yield place.mistake("is missing", "the path of a file with the password that {password} stands for")
    if unlock.password_file is not None and not any(asks_for(text, "password") for text in said):
        yield place.mistake("has no use: no command has {password} in it", "no such key")
    if unlock.set_clock and not asks_for(unlock.set_clock, "time"):
        yield written("unlock", "set_clock").mistake("says no time", "a command with {time} in it")
    if unlock.accepted and not unlock.login:
        yield written("unlock", "accepted").mistake("has no use without login", "unlock.login")


def _sections(profile: Profile, written: Written) -> Iterator[Mistake]:
    if profile.kind != "unlock" and profile.unlock is not None:
        yield written("unlock").mistake(
            f'has no use with kind = "{profile.kind}"', 'kind = "unlock", or no such section'
        )
    if profile.kind == "disk" and profile.identity.serial == "device-id":
        yield written("identity", "serial").mistake('is known with kind = "unlock" alone', "another word")
    if (profile.rules.grouping.pre_record or profile.rules.grouping.post_record) and not profile.rules.grouping.pattern:
        yield written("grouping", "pattern").mistake("is missing: first and last parts are not known", "a pattern")


def _named(profile: Profile, written: Written) -> Iterator[Mistake]:
    if profile.shipped or profile.generic or not profile.wipe or profile.kind == "unlock":
        return  # an unlocked camera's maker and model have to be named anyhow
    usb, volume = profile.match.usb, profile.match.volume
    wrong = unnamed({**usb, **volume})
    for name, why in wrong or ():
        yield written("match", "usb" if name in usb else "volume", name).mistake(why, _NAMED)
    if wrong == []:
        message = "names no device: everybody's memory stick would be emptied as a camera of this site"
        yield written("match").mistake(message, _NAMED)


def _files(profile: Profile, written: Written) -> Iterator[Mistake]:
    kept = {pattern.lower() for pattern in (*profile.rules.segments, *profile.rules.sidecars)}
    for pattern in profile.rules.ignorable:
        place = written("files", "ignorable")
        if pattern.lower() in kept:
            yield place.mistake(f"{shown(pattern)} is a segment or sidecar, too", "patterns of what no one needs")
        elif not any(character.isalnum() for character in pattern):
            yield place.mistake(f"{shown(pattern)} could be any file, and none would be copied", "a name in it")
