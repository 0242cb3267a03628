"""What in a profile tells one site's cameras from everybody's memory sticks. Pure.

Rules kept here (P3): a maker alone, or a model alone, names no camera: both are asked for, in full. A serial, label or UUID names one only where
each alternative of its pattern has a run of `SHORTEST_NAME` letters or digits that the pattern gives, and fits nothing that factories and
computers write on devices of any kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dockd.profiles.patterns import fits

SHORTEST_NAME = 4
"""Letters or digits in one run that each alternative of a pattern needs before it names anything."""

MAKER_AND_MODEL = ("ID_VENDOR_ID", "ID_MODEL_ID")
OF_VOLUMES = ("ID_FS_LABEL", "ID_FS_LABEL_ENC", "ID_FS_UUID", "ID_FS_UUID_ENC")
"""Properties that tell one site's volumes from everybody's."""
OF_UNITS = ("ID_SERIAL_SHORT", "ID_USB_SERIAL_SHORT", *OF_VOLUMES)
"""Properties that tell single units apart. ID_SERIAL is none: udev writes maker and model into it."""

_IN_FULL = re.compile(r"[0-9A-Fa-f]{4}")
_RUNS = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"\\x[0-9A-Fa-f]{2}")

DEFAULT_LABELS = (
    "NO NAME", "NONAME", "UNTITLED", "UNLABELED", "NEW VOLUME", "VOLUME", "LABEL", "DISK", "DISK IMG", "LOCAL DISK", "REMOVABLE", "REMOVABLE DISK",
    "OHNE TITEL", "KEIN NAME", "UNBENANNT", "NEUER DATENTRAEGER", "VOLUME SANS NOM", "SANS TITRE", "NOUVEAU NOM", "SIN TITULO", "NUEVO VOL", "SENZA NOME",
    "USB", "USB DISK", "USB DRIVE", "USB STICK", "USB FLASH", "FLASH", "FLASH DISK", "FLASH DRIVE", "MEMORY", "MEMORY STICK", "MEMORY CARD", "PENDRIVE",
    "PEN DRIVE", "THUMBDRIVE", "STICK", "SD", "SD CARD", "MICROSD", "MICRO SD", "SDHC", "SDXC", "CARD", "EXFAT", "FAT32", "VFAT", "NTFS", "EXT4",
    "KINGSTON", "DATATRAVELER", "SANDISK", "CRUZER", "CRUZER BLADE", "ULTRA", "EXTREME", "SAMSUNG", "SAMSUNG USB", "LEXAR", "TRANSCEND", "JETFLASH",
    "INTENSO", "TOSHIBA", "TRANSMEMORY", "KIOXIA", "VERBATIM", "STORE N GO", "PNY", "PNYUSB", "PATRIOT", "CORSAIR", "ADATA", "ADATA UFD", "APACER",
    "SILICON POWER", "TEAMGROUP", "PHILIPS", "PHILIPS UFD", "SONY", "EMTEC", "HAMA", "MAXELL", "IMATION", "INTEGRAL", "NETAC", "HP", "SEAGATE",
    "MY PASSPORT", "ELEMENTS", "WD", "EOS DIGITAL", "CANON DC", "CANON", "NIKON", "LUMIX", "FUJIFILM", "OLYMPUS", "GOPRO",
    "BOOT", "BOOTFS", "EFI", "ESP", "SYSTEM", "SYSTEM RESERVED", "RECOVERY", "WINDOWS", "ESD-USB", "WINRE", "LINUX", "DEBIAN", "UBUNTU", "UBUNTU-SERVER",
    "ROOTFS", "ROOT", "HOME", "LIVE", "CASPER-RW", "PERSISTENCE", "VENTOY", "VTOYEFI", "MULTIBOOT", "RUFUS", "TAILS", "CIRCUITPY", "RPI-RP2",
    "DATA", "BACKUP", "FILES", "SHARE", "STORAGE", "STUFF", "WORK", "PRIVATE", "DOCUMENTS", "DOCS", "PHOTOS", "PICTURES", "VIDEO", "VIDEOS", "MUSIC",
    "MEDIA", "MOVIES", "DCIM",
)  # fmt: skip
"""Labels that computers, and makers of memory sticks and cards, write by themselves, or that people give to anything. Case ignored."""

FACTORY_COUNTS = ("0123456789abcdef", "01234567890123456789", "123456789abcdef0", "9876543210", "fedcba9876543210")
_NOBODY = frozenset(
    {"none", "null", "na", "unknown", "default", "serial", "serialnumber", "sn", "nosn", "test", "noserial", "tbd"}
)


def is_factory_serial(serial: str) -> bool:
    """Whether a serial is missing, or one that says nothing: 000000, 0123456789ABCDEF, all equal characters, "none" and the like."""
    core = "".join(c for c in serial.lower() if c.isalnum())
    if len(set(core)) <= 1 or core in _NOBODY:
        return True
    return len(core) >= 6 and any(core in counted for counted in FACTORY_COUNTS)


def unnamed(asked: Mapping[str, str]) -> list[tuple[str, str]] | None:
    """None where these properties and patterns name a site's own cameras; else why not: properties, each with what is wrong with it."""
    wrong = [*_of_make(asked), *_of_units(asked)]
    made = all(name in asked for name in MAKER_AND_MODEL) and not any(name in MAKER_AND_MODEL for name, _ in wrong)
    units = {name for name in OF_UNITS if name in asked} - {name for name, _ in wrong}
    return None if made or units else wrong


def names_units(name: str, pattern: str) -> bool:
    """Whether a pattern for the property `name` fits single units or volumes only, as far as that can be told."""
    return name in OF_UNITS and not any(_says_little(name, one) for one in pattern.split("|"))


def _of_make(asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, other in (MAKER_AND_MODEL, MAKER_AND_MODEL[::-1]):
        if name not in asked:
            continue
        if other not in asked:
            yield name, f"names nothing without {other}: it is on other people's devices as well"
        elif any(_IN_FULL.fullmatch(one) is None for one in asked[name].split("|")):
            yield name, "is not named in full, by four hexadecimal digits for each alternative"


def _of_units(asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in OF_UNITS:
        for one in asked.get(name, "").split("|") if name in asked else ():
            why = _says_little(name, one)
            if why:
                yield name, why
                break


def _says_little(name: str, one: str) -> str:
    if max(map(len, _RUNS.findall(_ESCAPE.sub(" ", one))), default=0) < SHORTEST_NAME:
        return f'"{one}" fits other people\'s devices: it has no {SHORTEST_NAME} letters or digits in one run'
    if "LABEL" in name:
        default = next((label for label in DEFAULT_LABELS for written in _written(label) if fits(one, written)), None)
        return f'"{one}" fits other people\'s memory sticks: {default} is a label of many' if default else ""
    if is_factory_serial(_ESCAPE.sub(" ", one)) or any(fits(one, count) for count in FACTORY_COUNTS):
        return f'"{one}" fits other people\'s devices: factories give such a number to every unit'
    return ""


def _written(label: str) -> tuple[str, ...]:
    """As udev writes a label: in ID_FS_LABEL spaces become _, in ID_FS_LABEL_ENC \\x20."""
    return label, label.replace(" ", "_"), label.replace(" ", r"\x20"), label.replace(" ", "")
