"""Sizes, rates and durations, as people write them and as dockd holds them.

Why it exists: a bare number in a configuration is read in one unit by its writer and in another by the program. So a
unit is always written, and held in one unit inside: sizes in bytes (int), rates in bytes per second (float; the file
says bits, as links are sold), durations in seconds (float).

Rules kept here: only what the grammar below says is taken; no sign, exponent, NaN or infinity; nothing beyond the
bounds; arithmetic on integers, so that "0.1 GB" is exactly 100,000,000 bytes.

    size      NUMBER [ ] (B | kB | KB | MB | GB | TB | KiB | MiB | GiB | TiB), or whole bytes without a unit
    rate      NUMBER [ ] (bit | kbit | Mbit | Gbit | B | kB | KB | MB | GB | KiB | MiB | GiB) /s
    duration  NUMBER [ ] (d | h | min | s | ms), several from the longest to the shortest: "1 h 30 min"
    NUMBER    digits, with or without a decimal point and more digits
"""

from __future__ import annotations

import re

from dockd.settings.mistakes import WrongValue, shown

A_SIZE = 'a size such as "5 GiB" or "500 MB", or whole bytes'
A_RATE = 'a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s"'
A_DURATION = 'a duration such as "24 h", "10 min", "0 s" or "500 ms"'

MAX_SIZE = 2**60  # 1 EiB: more than any disk, and far below what SQLite holds in an integer
MIN_RATE = 125.0  # 1 kbit/s: below it one clip would take years, so it is a slip of the pen
MAX_RATE = 1.25e12  # 10 Tbit/s
MAX_DURATION = 3650 * 86400.0  # ten years

_NUMBER = r"([0-9]{1,18})(?:\.([0-9]{1,18}))?"
_QUANTITY = re.compile(_NUMBER + r" *([A-Za-z]*)(/s)?")
_DURATION_TERM = re.compile(_NUMBER + r" *([A-Za-z]+) *")

_SIZES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_BIT_RATES = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9}
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "min": 60_000, "s": 1000, "ms": 1}


def parse_size(value: object) -> int:
    """Bytes from "5 GiB", "500 MB", "1024" or a whole number. Raises WrongValue."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        size = _size_of_text(value)
    if size < 0:
        raise WrongValue(f"{shown(value)} is below zero", A_SIZE)
    if size > MAX_SIZE:
        raise WrongValue(f"{shown(value)} is more than any disk holds", A_SIZE + ", at most 1 EiB")
    return size


def _size_of_text(value: object) -> int:
    found = _QUANTITY.fullmatch(value.strip(" ")) if isinstance(value, str) else None
    if found is None or found[4]:
        raise WrongValue(f"{shown(value)} is not a size", A_SIZE)
    whole, fraction, unit = found[1], found[2] or "", found[3]
    if not unit and not fraction:
        return int(whole)
    if unit not in _SIZES:
        raise WrongValue(f"{shown(value)} is not a size", A_SIZE)
    digits, scale = int(whole + fraction), _scale(fraction)
    size = digits * _SIZES[unit] // scale
    if digits and not size:
        raise WrongValue(f"{shown(value)} is less than one byte", A_SIZE)
    return size


def _scale(fraction: str) -> int:
    return int("1" + "0" * len(fraction))


def parse_rate(value: object) -> float:
    """Bytes per second from "20 Mbit/s" (2,500,000.0) or "2 MB/s". Above zero. Raises WrongValue."""
    found = _QUANTITY.fullmatch(value.strip(" ")) if isinstance(value, str) else None
    if found is None or not found[4] or not (found[3] in _BIT_RATES or found[3] in _SIZES):
        raise WrongValue(f"{shown(value)} is not a rate", A_RATE)
    whole, fraction, unit = found[1], found[2] or "", found[3]
    bits = _BIT_RATES[unit] if unit in _BIT_RATES else _SIZES[unit] * 8
    rate = int(whole + fraction) * bits / (8 * _scale(fraction))
    if rate == 0:
        raise WrongValue(f"{shown(value)} would stop everything", A_RATE + " (above 0; leave the key out for no limit)")
    if rate < MIN_RATE:
        raise WrongValue(f"{shown(value)} is too slow to be meant", A_RATE + ", at least 1 kbit/s")
    if rate > MAX_RATE:
        raise WrongValue(f"{shown(value)} is faster than any link", A_RATE + ", at most 10 Tbit/s")
    return rate


def parse_duration(value: object) -> float:
    """Seconds from "24 h", "0 s", "500 ms" or "1 h 30 min". Raises WrongValue."""
    text = value.strip(" ") if isinstance(value, str) else ""
    at, total, last = 0, 0.0, None
    order = list(_MILLISECONDS)
    while at < len(text):
        found = _DURATION_TERM.match(text, at)
        if found is None or found[3] not in _MILLISECONDS:
            raise WrongValue(f"{shown(value)} is not a duration", A_DURATION)
        place = order.index(found[3])
        if last is not None and place <= last:
            raise WrongValue(f"{shown(value)} is not a duration", A_DURATION + ", the longest unit first")
        fraction = found[2] or ""
        total += int(found[1] + fraction) * _MILLISECONDS[found[3]] / (1000 * _scale(fraction))
        at, last = found.end(), place
    if last is None:
        raise WrongValue(f"{shown(value)} is not a duration", A_DURATION)
    if total > MAX_DURATION:
        raise WrongValue(f"{shown(value)} is too long to be meant", A_DURATION + ", at most 3650 d")
    return total


def format_bytes(size: int) -> str:
    """Bytes for people: "0 B", "64 MiB", "1.5 GiB"; rounded to a tenth of the unit below 100 units."""
    return _scaled(size, ("B", "KiB", "MiB", "GiB", "TiB"), 1024)


def format_rate(rate: float) -> str:
    """Bytes per second for people, in bits: "20 Mbit/s", "1.5 Gbit/s"."""
    return _scaled(rate * 8, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"), 1000)


def _scaled(amount: float, units: tuple[str, ...], step: int) -> str:
    place = 0
    while True:
        # Rounded before the unit is settled: 1023.96 MiB must not come out as "1024 MiB".
        rounded = round(amount, 1) if place and amount < 100 else round(amount)
        if rounded < step or place == len(units) - 1:
            return f"{rounded:.15g} {units[place]}"
        amount, place = amount / step, place + 1


def format_duration(seconds: float) -> str:
    """Seconds for people, its two longest units: "0 s", "500 ms", "10 min", "1 h 30 min", "31 d"."""
    if 0 < seconds < 0.9995:
        return f"{max(1, round(seconds * 1000))} ms"
    left = round(seconds) if seconds >= 10 else round(seconds, 1)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if left >= length:
            parts.append(f"{int(left // length)} {unit}")
            left = left % length
        elif parts:
            break
        if len(parts) == 2:
            return " ".join(parts)
    if not parts or (left and parts[-1].endswith("min")):
        parts.append(f"{left:.15g} s")
    return " ".join(parts)
