"""What `dockd check-config` sees beside the settings themselves: a page that cannot be, a site's folder of profiles, words that udev does not know.

Rules kept here: a mistake is what surely does not work; what may be meant (a property of the site's own udev rules) is a warning, and says so.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from dockd.page.opening import WANTS, CertificateUnusable, certificate, why_not
from dockd.profiles.reading import MOST_FILES
from dockd.settings.documents import Origin, nearest_of
from dockd.settings.filesystem import read_file
from dockd.settings.locate import locate
from dockd.settings.mistakes import Mistake, printable, shown
from dockd.settings.reading import Reading

_DEVICE = (
    "VENDOR", "VENDOR_ENC", "VENDOR_ID", "MODEL", "MODEL_ENC", "MODEL_ID", "REVISION", "SERIAL", "SERIAL_SHORT", "TYPE", "INSTANCE",
)  # fmt: skip
_FILESYSTEM = (
    "TYPE", "LABEL", "LABEL_ENC", "UUID", "UUID_ENC", "UUID_SUB", "USAGE", "VERSION", "SIZE", "BLOCKSIZE", "LASTBLOCK", "SYSTEM_ID",
    "VOLUME_ID", "PUBLISHER_ID",
)  # fmt: skip
KNOWN_PROPERTIES = frozenset({
    *(f"ID_{name}" for name in _DEVICE), *(f"ID_USB_{name}" for name in _DEVICE), *(f"ID_FS_{name}" for name in _FILESYSTEM),
    "ID_USB_INTERFACES", "ID_USB_INTERFACE_NUM", "ID_USB_DRIVER", "ID_BUS", "ID_PATH", "ID_PATH_TAG", "ID_PATH_WITH_USB_REVISION", "ID_FOR_SEAT",
    "ID_VENDOR_FROM_DATABASE", "ID_MODEL_FROM_DATABASE", "ID_USB_CLASS_FROM_DATABASE", "ID_USB_PROTOCOL_FROM_DATABASE", "ID_GPHOTO2",
    "ID_MEDIA_PLAYER", "ID_MTP_DEVICE", "ID_WWN", "ID_WWN_WITH_EXTENSION", "ID_SCSI", "ID_SCSI_SERIAL", "ID_DRIVE_FLASH_SD", "ID_DRIVE_THUMB",
    "ID_PART_TABLE_TYPE", "ID_PART_TABLE_UUID", "ID_PART_ENTRY_DISK", "ID_PART_ENTRY_NAME", "ID_PART_ENTRY_NUMBER", "ID_PART_ENTRY_OFFSET",
    "ID_PART_ENTRY_SCHEME", "ID_PART_ENTRY_SIZE", "ID_PART_ENTRY_TYPE", "ID_PART_ENTRY_UUID", "ID_PART_ENTRY_FLAGS",
    "DEVTYPE", "DEVNAME", "DEVPATH", "DRIVER", "SUBSYSTEM", "PRODUCT", "TYPE", "BUSNUM", "DEVNUM", "MAJOR", "MINOR", "PARTN", "PARTNAME",
    "DISKSEQ", "GPHOTO2_DRIVER",
})  # fmt: skip
"""Properties that udev's own rules give to USB devices and volumes."""


def lines_that_never_hold(reading: Reading) -> list[Mistake]:
    """Warnings of the timetable: lines all of whose time an earlier one has."""
    found: list[Mistake] = []
    taken: set[int] = set()
    for index, line in enumerate(reading.settings.bandwidth.timetable):
        end = line.end if line.end > line.begin else line.end + 1440
        minutes = {(day * 1440 + at) % 10080 for day in line.days for at in range(line.begin, end)}
        if minutes <= taken:
            at_line = reading.lines.of("bandwidth", "timetable", index)
            origin = reading.origin("bandwidth", "timetable")
            place = Origin(origin.file, at_line if origin.line is not None else None, origin.key)
            why = f"its line {index + 1} never holds: earlier lines have all of its time"
            found.append(place.mistake(why, "the narrower line first, for of several that fit the first one holds"))
        taken |= minutes
    return found


def page_refused(reading: Reading) -> list[Mistake]:
    """What `dockd run` would refuse of the page, and what it could not serve it with. Looks at the files that are named, and at access.db."""
    settings = reading.settings
    at = reading.origin("page", "listen")
    if (why := why_not(settings)) is not None:
        message, _, expected = why.removeprefix(f"page.listen = {settings.page.listen} ").partition(WANTS)
        return [at.mistake(f"{settings.page.listen} {message}", expected)]
    try:
        certificate(settings)
    except CertificateUnusable as error:
        return [reading.origin("page", "tls_cert_file").mistake(error.message, "a PEM certificate chain and its key")]
    return []


def never_room(reading: Reading) -> list[Mistake]:
    """Warnings of a spool whose disk is smaller than what is to stay free on it: cameras would wait for ever. Blocks, not on a share that is gone: the
    spool is a local disk."""
    spool = reading.settings.spool
    if reading.origin("spool", "path").key in {mistake.key for mistake in reading.mistakes}:
        return []
    folder = next((one for one in (spool.path, *spool.path.parents) if one.is_dir()), Path("/"))
    try:
        disk = os.statvfs(folder)
    except OSError:
        return []
    size = disk.f_blocks * disk.f_frsize
    if not size or spool.keep_free < size:
        return []
    why = f"is more than the whole disk of {spool.path} has: nothing would ever be copied, and cameras would wait"
    return [reading.origin("spool", "keep_free").mistake(why, "far less than that disk has, such as a tenth of it")]


def profile_files(folder: Path) -> tuple[list[Path], list[Mistake]]:
    """The files of a site's folder that are read as profiles, and warnings about the others and about what the profiles ask for. Raises nothing."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return [], []  # told of by those who read them
    read = [path for path in entries if path.name.endswith(".toml") and not path.name.startswith(".")][:MOST_FILES]
    warnings = [
        Origin(printable(str(path)), None, "").mistake("is not read as a camera profile", "a name that ends in .toml")
        for path in entries
        if path not in read and not path.name.startswith(".")
    ]
    for path in read:
        warnings.extend(_asked(path))
    return read, warnings


def _asked(path: Path) -> Iterator[Mistake]:
    file = printable(str(path))
    text = read_file(path, file=file)
    if isinstance(text, Mistake):
        return
    try:
        match = tomllib.loads(text).get("match", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    lines = locate(text)
    for section in ("usb", "volume"):
        asked = match.get(section, {}) if isinstance(match, dict) else {}
        for name, pattern in asked.items() if isinstance(asked, dict) else ():
            at = Origin(file, lines.of("match", section, name), printable(f"match.{section}.{name}")[:80])
            if name not in KNOWN_PROPERTIES:
                message = "is no property that udev gives by itself: without a rule of yours the profile fits nothing"
                yield at.mistake(
                    message, "a name that `udevadm info` shows", nearest_of(name, sorted(KNOWN_PROPERTIES))
                )
            elif name.endswith(("VENDOR_ID", "MODEL_ID")) and isinstance(pattern, str) and "0x" in pattern.lower():
                yield at.mistake(f"{shown(pattern)} fits nothing: udev writes no 0x", 'four digits such as "1d6b"')
