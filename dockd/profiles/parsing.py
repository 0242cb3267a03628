"""From the text of one camera profile to the profile, or every mistake in it.

Rules kept here: pure (no disk but the machine's own list of time zones), so that it can be tried with any text at all; it never stops at the
first mistake, and a text with mistakes never becomes a profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockd.profiles.checking import cross_checks
from dockd.profiles.model import Identity, Match, Profile, Unlock
from dockd.profiles.schema import A_PROPERTY, KEYS, NEEDED, PATTERN, PROPERTY_SECTIONS, property_name
from dockd.settings.documents import Origin, nearest_of, parse_document, wrong_in
from dockd.settings.kinds import Kind
from dockd.settings.locate import locate
from dockd.settings.mistakes import Mistake, printable, shown
from ingest.errors import DockdError
from ingest.rules import FileRules, Grouping

LARGEST = 64 * 1024
"""Characters of a profile's text."""

MOST_PROPERTIES = 20

_SECTIONS = ", ".join(f"[{name}]" for name in ("match", "match.usb", "match.volume", *list(KEYS)[2:]))


class ProfilesWrong(DockdError):
    """Profiles that cannot be used. `mistakes` holds every one that was found, file by file."""

    reason = "profiles_wrong"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def read_profile(text: str, *, file: str, shipped: bool, source: Path | None = None) -> Profile:
    """The profile that the text of `file` holds. Raises ProfilesWrong with every mistake, in the order of the file, and nothing else."""
    if len(text) > LARGEST:
        at = Origin(file, None, "")
        raise ProfilesWrong([at.mistake(f"is longer than {LARGEST:,} characters", "a camera profile")])
    document = parse_document(text, file=file)
    if isinstance(document, Mistake):
        raise ProfilesWrong([document])
    reader = _Reader(file, text)
    reader.document(document)
    profile = _profile(reader.values, source=source, shipped=shipped) if not reader.mistakes else None
    mistakes = reader.mistakes if profile is None else cross_checks(profile, written=reader.origin)
    if profile is None or mistakes:
        raise ProfilesWrong(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    return profile


def line_of_name(text: str) -> int:
    """The line in which a profile's text gives its name."""
    return locate(text).of("name")


class _Reader:
    """Collects `values` by section ("match.usb" for those of properties) and `mistakes`."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = locate(text)
        self.mistakes: list[Mistake] = []
        self.values: dict[str, dict[str, Any]] = {}

    def origin(self, *path: str) -> Origin:
        return Origin(self._file, self._lines.of(*path), ".".join(printable(part)[:80] for part in path))

    def document(self, document: Mapping[str, Any]) -> None:
        outside = {name: value for name, value in document.items() if name not in KEYS or not name}
        self._keys("", outside)
        for section in KEYS:
            content = document.get(section, {}) if section else {}
            if not isinstance(content, dict):
                self._wrong((section,), f"{shown(content)} is not a section", f"a section [{section}]")
            elif section == "match":
                self._match(content)
            elif section:
                self._keys(section, content)
        for section, key in NEEDED:
            if key not in self.values.get(section, {}) and not self._is_wrong(section, key):
                self._wrong((section, key) if section else (key,), "is missing", KEYS[section][key].expected)

    def _is_wrong(self, section: str, key: str) -> bool:
        named = f"{section}.{key}" if section else key
        return any(mistake.key in (named, section or named) for mistake in self.mistakes)

    def _match(self, content: Mapping[str, Any]) -> None:
        self._keys("match", {name: value for name, value in content.items() if name not in PROPERTY_SECTIONS})
        for name in PROPERTY_SECTIONS:
            asked = content.get(name, {})
            if not isinstance(asked, dict):
                self._wrong(("match", name), f"{shown(asked)} is not a section", f"a section [match.{name}]")
                continue
            if len(asked) > MOST_PROPERTIES:
                self._wrong(("match", name), f"asks for {len(asked)} properties", f"at most {MOST_PROPERTIES}")
            for key, value in asked.items():
                if not property_name(key):
                    self._wrong(("match", name, key), "is no property", A_PROPERTY)
                else:
                    self._value(("match", name, key), PATTERN, value, into=f"match.{name}")

    def _keys(self, section: str, content: Mapping[str, Any]) -> None:
        for key, value in content.items():
            path = (section, key) if section else (key,)
            kind = KEYS[section].get(key)
            if kind is None:
                self._unknown(path, value)
            else:
                self._value(path, kind, value, into=section)

    def _value(self, path: tuple[str, ...], kind: Kind, value: Any, *, into: str) -> None:
        wrong = wrong_in(kind, value)
        for entry, error in wrong:
            line = self._lines.of(*path, *entry)
            self.mistakes.append(replace(self.origin(*path), line=line).mistake(error.message, error.expected))
        if not wrong:
            self.values.setdefault(into, {})[path[-1]] = kind.read(value)

    def _unknown(self, path: tuple[str, ...], value: object) -> None:
        *section, key = path
        around = ".".join(section)
        tables = value if isinstance(value, list) else [value]
        if not section and tables and all(isinstance(table, dict) for table in tables):
            self._wrong(path, "unknown section", f"one of {_SECTIONS}", nearest_of(key, [*KEYS][1:]))
            return
        known = [*KEYS[around], *(PROPERTY_SECTIONS if around == "match" else ())]
        near = nearest_of(key, known)
        meant = f"{around}.{near}".lstrip(".") if near else _elsewhere(key)
        self._wrong(path, "unknown key", "one of " + ", ".join(known), meant)

    def _wrong(self, path: tuple[str, ...], message: str, expected: str, nearest: str | None = None) -> None:
        self.mistakes.append(self.origin(*path).mistake(message, expected, nearest))


def _elsewhere(key: str) -> str | None:
    return next((f"{section}.{key}".lstrip(".") for section, keys in KEYS.items() if key in keys), None)


def _profile(values: Mapping[str, dict[str, Any]], *, source: Path | None, shipped: bool) -> Profile:
    files, unlock = values.get("files", {}), dict(values.get("unlock", {}))
    if "set_clock" in unlock:
        unlock["set_clock"] = "\n".join(unlock["set_clock"])
    identity = dict(values.get("identity", {}))
    if values[""].get("kind") == "mtp":
        identity.setdefault("card", "none")  # there is no volume to ask
    return Profile(
        **values[""],
        shipped=shipped,
        source=source,
        match=Match(
            usb=values.get("match.usb", {}),
            volume=values.get("match.volume", {}),
            contents=values.get("match", {}).get("contents", ()),
        ),
        identity=Identity(**identity),
        rules=FileRules(**files, grouping=Grouping(**values.get("grouping", {}))),
        unlock=Unlock(**unlock) if unlock else None,
    )
