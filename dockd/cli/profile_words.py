"""What `dockd profile check` says: as lines for people, and as one document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dockd.docks.usb_explaining import Explained
from dockd.profiles.model import Profile, Properties
from dockd.profiles.sorting import Sorted
from dockd.settings.mistakes import printable, shown
from dockd.settings.units import format_bytes

OF_DEVICES = ("ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_VENDOR", "ID_MODEL", "ID_USB_INTERFACES")
OF_VOLUMES = ("ID_FS_TYPE", "ID_FS_LABEL", "ID_FS_UUID")
_PILES: Mapping[str, tuple[str, str]] = {
    "segment": ("segments", "deleted once proven, if the camera is emptied"),
    "sidecar": ("sidecars", "deleted once proven, if the camera is emptied"),
    "other": ("other files", "copied, never deleted"),
    "ignorable": ("ignorable", "not even copied"),
}
_SHOWN_REASONS = 3


def lines(own: Sequence[Profile], found: Sequence[Explained], cards: Sequence[Sorted]) -> Iterator[str]:
    """For people."""
    for profile in own:
        wipes = (
            "wipes what fits it"
            if profile.wipe and not profile.generic
            else "wipes what registry.file lists"
            if profile.wipe
            else "copies, and wipes nothing"
        )
        yield f"{printable(str(profile.source))}: fine: {profile.name} ({profile.title}), {wipes}"
    for number, one in enumerate(found):
        yield from [""] if own or number else []
        yield from _device(one)
    for card in cards:
        yield ""
        yield from _card(card)


def _device(one: Explained) -> Iterator[str]:
    yield printable(f"{one.place}  {one.vid_pid}  {one.name}".rstrip())
    yield from _properties("match.usb", OF_DEVICES, one.usb.properties)
    for volume in one.volumes:
        node = printable(volume.get("DEVNAME", ""))
        yield from _properties("match.volume", OF_VOLUMES, volume, of=f"    # {node}")
    taken = ", ".join(profile.name for profile in one.taken)
    yield f"  -> {one.verdict.replace('-', ' ')}{': ' + taken + '.' if taken else '.'} {one.says}"
    if one.camera is not None:
        yield f"     its id: {one.camera.id}"
        yield "     it would be emptied" if one.wiped else f"     it would not be emptied. {one.withheld}"
    elif one.verdict == "camera" and one.volumes:
        yield "     it has nothing to tell it by: it would not be read"
    for other in one.considered:
        if other.profile not in one.taken:
            reasons = list(other.wrong[:_SHOWN_REASONS]) or ["it fits as well, and is tried after what was taken"]
            yield f"     not {other.profile.name}: {'; '.join(reasons)}"


def _properties(section: str, names: Sequence[str], said: Properties, *, of: str = "") -> Iterator[str]:
    """As they could stand in a profile."""
    yield f"  [{section}]{of}"
    for name in names:
        if said.get(name):
            yield f"  {name} = {shown(said[name])}"


def _card(card: Sorted) -> Iterator[str]:
    yield f"the card, as {card.profile} sees it{'' if card.whole else ' (only its first files were looked at)'}"
    for kind, pile in card.piles.items():
        name, meant = _PILES[kind]
        yield f"  {name}: {pile.files}{', ' + format_bytes(pile.size) if pile.files else ''} ({meant})"
        for path, recording in pile.examples:
            yield f"      {printable(path)}{f'  (recording {printable(recording)})' if recording else ''}"
    if card.endings:
        yield "  other files end in: " + ", ".join(f"{printable(name)} ({count})" for name, count in card.endings)
    for skipped in card.skipped:
        yield f"  passed over: {skipped.path.decode('utf-8', 'backslashreplace')}: {skipped.message}"


def document(own: Sequence[Profile], found: Sequence[Explained], cards: Sequence[Sorted]) -> dict[str, Any]:
    """For programs."""
    return {
        "ok": True,
        "profiles": [{"name": one.name, "title": one.title, "file": printable(str(one.source)), "wipe": one.wipe, "generic": one.generic} for one in own],
        "devices": [_device_document(one) for one in found],
        "cards": [_card_document(card) for card in cards],
    }  # fmt: skip


def _device_document(one: Explained) -> dict[str, Any]:
    return {
        "place": one.place, "usb": dict(one.usb.properties), "volumes": [dict(volume) for volume in one.volumes], "verdict": one.verdict,
        "says": one.says, "profiles": [profile.name for profile in one.taken], "camera": one.camera.id if one.camera is not None else None,
        "wiped": one.wiped, "why_not_wiped": one.withheld, "not": {other.profile.name: list(other.wrong) for other in one.considered if other.wrong},
    }  # fmt: skip


def _card_document(card: Sorted) -> dict[str, Any]:
    piles = {
        kind: {"files": pile.files, "bytes": pile.size, "examples": [path for path, _ in pile.examples]}
        for kind, pile in card.piles.items()
    }
    return {"profile": card.profile, "whole": card.whole, "files": piles, "other_endings": dict(card.endings)}
