"""What a reload finds changed, and what of it can be applied to a running agent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from dockd.settings import Settings

APPLIED = frozenset(
    {
        "bandwidth.evidential", "bandwidth.limit", "bandwidth.timetable", "log.level", "page.idle", "ready.min_battery", "registry.file",
    }
)  # fmt: skip
"""Keys that take effect at once; all others want a restart."""


def changes(old: Settings, new: Settings) -> list[str]:
    """The keys whose values differ, as `section.key`."""
    found: list[str] = []
    for section in fields(Settings):
        before, after = getattr(old, section.name), getattr(new, section.name)
        if isinstance(before, tuple):
            found += [section.name] if before != after else []
            continue
        found += [
            f"{section.name}.{key.name}"
            for key in fields(before)
            if getattr(before, key.name) != getattr(after, key.name)
        ]
    return found


def with_keys(old: Settings, new: Settings, keys: Sequence[str]) -> Settings:
    """`old` with these keys from `new`."""
    for key in keys:
        section, name = key.split(".")
        fresh: Any = replace(getattr(old, section), **{name: getattr(getattr(new, section), name)})
        whole: Mapping[str, Any] = {section: fresh}
        old = replace(old, **whole)
    return old
