"""What USB devices and partitions that are no cameras are called, in words for people. Pure."""

from __future__ import annotations

import re

from dockd.docks.usb_facts import Fact

# By class and subclass (and protocol) of an interface; the first that fits says what the device is.
_CLASSES = (
    ("030101", "a keyboard"), ("030102", "a mouse"), ("03", "a keyboard, mouse or the like"), ("0206", "a network adapter"),
    ("020d", "a network adapter"), ("020e", "a modem"), ("02", "a modem"), ("e001", "a Bluetooth or wireless adapter"),
    ("e0", "a wireless adapter"), ("07", "a printer"), ("0b", "a smart card reader"), ("0e", "a webcam"), ("01", "a sound device"),
    ("06", "a camera or phone over PTP/MTP"), ("08", "a disk"), ("0a", "a serial adapter"),
)  # fmt: skip
_LONGEST = 60


def called(usb: Fact) -> str:
    """What a device calls itself, for people: printable, short, in brackets; nothing where it says nothing.

    >>> called(Fact(path="/x", kind="usb", properties={"ID_VENDOR": "QEMU", "ID_MODEL": "QEMU_USB_Keyboard"}))
    ' (QEMU USB Keyboard)'
    """
    vendor = usb.get("ID_VENDOR") or usb.get("ID_VENDOR_FROM_DATABASE")
    model = usb.get("ID_MODEL") or usb.get("ID_MODEL_FROM_DATABASE")
    words = model if vendor and model.lower().startswith(vendor.lower()) else f"{vendor} {model}"
    clean = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in words.replace("_", " "))).strip()
    return f" ({clean[:_LONGEST]})" if clean else ""


def device_kind(usb: Fact) -> str:
    """What kind of device it is, such as "a keyboard"."""
    for code, word in _CLASSES:
        if any(interface.startswith(code) for interface in usb.interfaces):
            return word
    return "a USB device of a kind that dockd does not know"


def not_a_camera(usb: Fact) -> str:
    """Why a device without a disk is none of ours."""
    return f"This is {device_kind(usb)}{called(usb)}: no camera profile names it."


def no_card(usb: Fact) -> str:
    """A reader, or a camera, in which no card is."""
    return f"There is no card in it{called(usb)}: put one in, or take the device out."


def no_disk(usb: Fact) -> str:
    """Says that it is a disk, and shows none."""
    return f"It does not answer as the disk that it says it is{called(usb)}: take it out and put it in again, or try another bay."


def hidden_why(volume: Fact) -> str:
    """Why a partition (or a whole disk) cannot be read by dockd, as the end of a sentence that begins with its name."""
    kind, usage = _clean(volume.get("ID_FS_TYPE")), volume.get("ID_FS_USAGE")
    if usage == "crypto":
        return f"is encrypted ({kind}): dockd cannot read it, and does not write to it"
    if usage == "raid":
        return f"is part of a disk set ({kind}), which dockd does not read"
    if not kind:
        return "holds no filesystem that is known; it is neither formatted nor repaired"
    return f"holds {kind}, which dockd does not read"


def volume_name(volume: Fact) -> str:
    """ "the disk" or "partition 2", with its label."""
    name = f"partition {volume.number}" if volume.kind == "partition" else "the disk"
    label = _clean(volume.get("ID_FS_LABEL"))
    return f'{name} "{label}"' if label else name


def sentence(text: str) -> str:
    """With a capital at its front and a full stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST]
