"""The settings in force, for ops to read on the page: what holds, what it is for, and whether somebody has said so.

Rules kept here: a secret is never in a setting, only the path of the file that has it; what could carry one all the same (a user and a word in an
address) is not shown. A value that is written as dockd has it anyway cannot be told from one that is not written, and is called dockd's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from dockd.page.language import Figure, english, said
from dockd.page.words import size_words
from dockd.settings import Settings, units
from dockd.settings.reading import PREFIX
from ingest.model import legible

_USERINFO = re.compile(r"(?<=//)[^/@\s]*@")
_LONGEST = 500


@dataclass(frozen=True, kw_only=True)
class Told:
    """`key` as in the file; `value` for people; `source` where it comes from; `doc` what it is for."""

    key: str
    value: str
    source: str
    doc: str


def told(settings: Settings, *, environ: Mapping[str, str]) -> list[tuple[str, list[Told]]]:
    """Every section with its keys."""
    found = []
    for section in fields(settings):
        value = getattr(settings, section.name)
        if not isinstance(value, tuple):
            found.append((section.name, list(_of_section(section.name, value, environ))))
    return found


def _of_section(name: str, section: Any, environ: Mapping[str, str]) -> Iterator[Told]:
    for one in fields(section):
        kind = one.metadata.get("kind")
        if kind is None:
            continue
        value, default = getattr(section, one.name), one.default if one.default is not MISSING else None
        if f"{PREFIX}{name.upper()}__{one.name.upper()}" in environ:
            source = said("the environment")
        else:
            source = said("dockd's own") if value == default else said("the configuration")
        yield Told(
            key=f"{name}.{one.name}", value=value_words(value, expected=kind.expected), source=source, doc=english(one.metadata["doc"])
        )  # fmt: skip


def value_words(value: Any, *, expected: str) -> str:
    """A value as people read it; `expected` says of which kind it is."""
    if value is None:
        return said("none")
    if isinstance(value, bool):
        return said("yes") if value else said("no")
    if isinstance(value, tuple | list):
        return said("{count} entries", count=len(value)) if value else said("none")
    if isinstance(value, int | float):
        return _number_words(value, expected)
    text = _USERINFO.sub("", str(value))
    return legible(text.encode("utf-8", "surrogateescape"))[:_LONGEST]


def _number_words(value: float, expected: str) -> str:
    if expected.startswith(units.A_DURATION):
        return units.format_duration(value)
    if expected.startswith(units.A_RATE):
        return rate_words(value)
    if expected.startswith(units.A_SIZE):
        return size_words(int(value))
    return str(value)


def rate_words(rate: float | None) -> str:
    """Bytes a second as links are sold.

    >>> rate_words(2.5e6), rate_words(None)
    ('20 Mbit/s', 'no limit')
    """
    if rate is None:
        return said("no limit")
    bits = rate * 8
    if bits >= 1e9:
        return said("{amount} Gbit/s", amount=Figure(bits / 1e9, 0 if bits % 1e9 == 0 else 1))
    if bits >= 1e6:
        return said("{amount} Mbit/s", amount=Figure(bits / 1e6, 0 if bits % 1e6 == 0 else 1))
    return said("{amount} kbit/s", amount=Figure(bits / 1e3))
