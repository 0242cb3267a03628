"""From the text of a configuration and the environment to settings and every mistake in them.

Rules kept here: a pure function of text and environment, so that a reload can look at a whole new configuration before
anything is touched; it never stops at the first mistake; a value that cannot be taken is replaced by its default only
so that the rest can be looked at: a `Reading` with mistakes is never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dockd.settings.credentials import placed
from dockd.settings.documents import Origin, nearest_of, parse_document, wrong_in
from dockd.settings.locate import Lines, locate
from dockd.settings.mistakes import ENVIRONMENT, Mistake, WrongValue, printable, shown
from dockd.settings.schema import KEYS, SECTIONS, BaySettings, Settings

PREFIX = "DOCKD__"
_SECRET = re.compile(
    r"(^|[_-])(token|pass|passwd|password|passphrase|secret|credentials?|(api|access|private)[_-]?key)s?$"
)

_MEANT = {
    **{("page", word): "page.listen" for word in ("port", "host", "address", "bind", "url")},
    **{("store", word): "store.url" for word in ("host", "server", "address", "endpoint", "bucket", "path", "folder")},
    ("station", "id"): "station.name", ("spool", "size"): "spool.keep_free", ("spool", "limit"): "spool.keep_free", ("upload", "limit"): "bandwidth.limit",
    ("wipe", "disabled"): "wipe.enabled", ("log", "path"): "log.file", ("registry", "path"): "registry.file", ("cameras", "file"): "registry.file",
}  # fmt: skip
"""Words that other programs have for it, and that no likeness of letters finds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text and an environment come to.

    `settings` are whole even where there are mistakes (defaults stand in); `origins` says where each key that was
    written stands, by (section, key), or ("bays", entry from 0, key).
    """

    file: str
    settings: Settings
    mistakes: tuple[Mistake, ...]
    origins: Mapping[tuple[str | int, ...], Origin]
    lines: Lines
    parsed: bool
    """Whether the text was TOML at all."""

    def origin(self, *path: str | int) -> Origin:
        """Where a key is written; for one that is not, the line of its section, else line 1."""
        known = self.origins.get(path)
        line = None if self.file == ENVIRONMENT else self.lines.of(*path)
        return known or Origin(self.file, line, _dotted(path))


def read(text: str | None, *, file: str, environ: Mapping[str, str]) -> Reading:
    """Settings and mistakes from the text of a file (None: no file) and the environment. Raises nothing."""
    reader = _Reader(file, environ)
    if text is not None:
        reader.file(text)
    reader.environment(environ)
    return reader.reading()


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(part for part in path if isinstance(part, str))


class _Reader:
    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self._file = file
        self._environ = environ
        self._lines = locate("")
        self._is_toml = True
        self._mistakes: list[Mistake] = []
        self._values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS if section != "bays"}
        self._bays: list[BaySettings] = []
        self._origins: dict[tuple[str | int, ...], Origin] = {}

    def reading(self) -> Reading:
        sections = {name: SECTIONS[name](**values) for name, values in self._values.items()}
        settings = Settings(**sections, bays=tuple(self._bays))
        return Reading(self._file, settings, tuple(self._mistakes), self._origins, self._lines, self._is_toml)

    # The file

    def file(self, text: str) -> None:
        document = parse_document(text, file=self._file)
        if isinstance(document, Mistake):
            self._is_toml = False
            self._mistakes.append(document)
            return
        self._lines = locate(text)
        for name, content in document.items():
            if name not in SECTIONS:
                self._unknown_section(name, content)
            elif name == "bays":
                self._read_bays(content)
            elif not isinstance(content, dict):
                place = Origin(self._file, self._lines.of(name), name)
                self._mistakes.append(place.mistake(f"{shown(content)} is not a section", f"a section [{name}]"))
            else:
                self._values[name].update(self._table(name, content, at=(name,)))

    def _unknown_section(self, name: str, content: object) -> None:
        key = printable(name)[:80]
        place = Origin(self._file, self._lines.of(name), key)
        if _SECRET.search(name.lower()):
            self._mistakes.append(_inline_secret(place))
        elif isinstance(content, (dict, list)):
            expected = "one of " + ", ".join(f"[{section}]" for section in SECTIONS if section != "bays") + ", [[bays]]"
            self._mistakes.append(place.mistake("unknown section", expected, nearest_of(name, SECTIONS)))
        else:
            nearest = next((f"{s}.{name}" for s, keys in KEYS.items() if name in keys), None)
            self._mistakes.append(place.mistake("unknown key outside of any section", "a [section] before it", nearest))

    def _read_bays(self, content: object) -> None:
        expected = "[[bays]] before each bay's number and usb_path"
        if not isinstance(content, list):
            place = Origin(self._file, self._lines.of("bays"), "bays")
            self._mistakes.append(place.mistake(f"{shown(content)} is not a list of tables", expected))
            return
        for index, entry in enumerate(content):
            place = Origin(self._file, self._lines.of("bays", index), "bays")
            if not isinstance(entry, dict):
                self._mistakes.append(place.mistake(f"{shown(entry)} is not a table", expected))
                continue
            values = self._table("bays", entry, at=("bays", index))
            for key, kind in KEYS["bays"].items():
                if key not in entry:
                    missing = Origin(self._file, place.line, f"bays.{key}")
                    self._mistakes.append(missing.mistake("is missing", kind.expected))
            if len(values) == len(KEYS["bays"]):
                # The cross-checks speak of bays by their place among those that could be read.
                for key in KEYS["bays"]:
                    self._origins["bays", len(self._bays), key] = self._written("bays", key, at=("bays", index))
                self._bays.append(BaySettings(**values))

    def _table(self, section: str, content: dict[str, Any], *, at: tuple[str | int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in content.items():
            place = self._written(section, key, at=at)
            if key not in KEYS[section]:
                self._mistakes.append(_unknown_key(place, section, key))
                continue
            if section != "bays":
                self._origins[section, key] = place
            wrong = wrong_in(KEYS[section][key], value)
            for entry, error in wrong:
                line = self._lines.of(*at, key, *entry)
                self._mistakes.append(Origin(self._file, line, place.key).mistake(error.message, error.expected))
            if not wrong:
                values[key] = placed(KEYS[section][key].read(value), environ=self._environ)
        return values

    def _written(self, section: str, key: str, *, at: tuple[str | int, ...]) -> Origin:
        return Origin(self._file, self._lines.of(*at, key), f"{section}.{printable(key)[:80]}")

    # The environment

    def environment(self, environ: Mapping[str, str]) -> None:
        for name in sorted(environ):
            if name.startswith(PREFIX):
                self._variable(name, environ[name])

    def _variable(self, name: str, text: str) -> None:
        place = Origin(ENVIRONMENT, None, printable(name)[:80])
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        variable = name == name.upper()
        if section == "bays":
            self._mistakes.append(place.mistake("bays cannot come from the environment", "[[bays]] in the file"))
        elif not variable or section not in KEYS or key not in KEYS[section]:
            if _SECRET.search(key or section):
                self._mistakes.append(_inline_secret(place))
            else:
                known = [f"{s}__{k}" for s, keys in KEYS.items() if s != "bays" for k in keys]
                found = nearest_of(name.removeprefix(PREFIX), known)
                nearest = PREFIX + found.upper() if found else None
                self._mistakes.append(
                    place.mistake("unknown variable", f"{PREFIX}SECTION__KEY of a known key", nearest)
                )
        else:
            kind = KEYS[section][key]
            self._origins[section, key] = place
            try:
                value = kind.from_text(text)
            except WrongValue as error:
                self._mistakes.append(place.mistake(error.message, error.expected))
                return
            wrong = wrong_in(kind, value)
            self._mistakes.extend(place.mistake(error.message, error.expected) for _, error in wrong)
            if not wrong:
                self._values[section][key] = placed(kind.read(value), environ=self._environ)


def _inline_secret(place: Origin, section: str = "store") -> Mistake:
    key = "client_secret_file" if section == "oidc" else "token_file"
    section = "oidc" if section == "oidc" else "store"
    return place.mistake(
        f"unknown key, and a secret is never written here: use {key}",
        f"[{section}] {key} with the path of a file that holds the secret",
        f"{section}.{key}",
    )


def _unknown_key(place: Origin, section: str, key: str) -> Mistake:
    if _SECRET.search(key.lower()):
        return _inline_secret(place, section)
    nearest = nearest_of(key, KEYS[section])
    if nearest is not None:
        nearest = f"{section}.{nearest}"
    else:
        nearest = next(
            (f"{other}.{key}" for other, keys in KEYS.items() if key in keys), _MEANT.get((section, key.lower()))
        )
    return place.mistake("unknown key", "one of " + ", ".join(KEYS[section]), nearest)
