"""dockd.toml → one frozen `Settings`, or every mistake in it at once.

Why it exists: a dock is configured by people who will not read its code, and runs unattended; a configuration that is
half understood must not run at all. The parts: `schema` (every key), `units`, `timetable` and `addresses` (grammars),
`kinds` (how values are read), `locate` (which line a key is in), `reading` (text → settings), `checking` (what values
say of each other), `filesystem` (what the disk says).

    settings = load(Path("/etc/dockd/dockd.toml"), environ=os.environ)     # raises SettingsError
    mistakes = check(Path("/etc/dockd/dockd.toml"), environ=os.environ)
    settings = replace(defaults(), store=StoreSettings(url="https://store.example.org"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dockd.settings.addresses import ListenAddress
from dockd.settings.checking import cross_checks
from dockd.settings.filesystem import file_checks, read_file
from dockd.settings.mistakes import ENVIRONMENT, Mistake, SettingsError, WrongValue, printable
from dockd.settings.reading import Reading, read
from dockd.settings.schema import (
    BandwidthSettings,
    BaySettings,
    CamerasSettings,
    DocksSettings,
    LedgerSettings,
    LogSettings,
    PageSettings,
    PullSettings,
    ReadySettings,
    RegistrySettings,
    Settings,
    SpoolSettings,
    StationSettings,
    StoreSettings,
    UploadSettings,
    WipeSettings,
)
from dockd.settings.timetable import TimetableLine

__all__ = [
    "DEFAULT_FILE",
    "BandwidthSettings",
    "BaySettings",
    "CamerasSettings",
    "DocksSettings",
    "LedgerSettings",
    "ListenAddress",
    "LogSettings",
    "Mistake",
    "PageSettings",
    "PullSettings",
    "ReadySettings",
    "RegistrySettings",
    "Settings",
    "SettingsError",
    "SpoolSettings",
    "StationSettings",
    "StoreSettings",
    "TimetableLine",
    "UploadSettings",
    "WipeSettings",
    "WrongValue",
    "check",
    "defaults",
    "load",
    "read_text",
    "read_whole",
]

DEFAULT_FILE = Path("/etc/dockd/dockd.toml")


def defaults() -> Settings:
    """Every setting at its default; `store.url` is None."""
    return Settings()


def load(path: Path | None, *, environ: Mapping[str, str], for_run: bool = True) -> Settings:
    """The settings of the file at `path` (None: no file) under the environment's overrides.

    With `for_run=False`, for commands that only look at a dock's state, `store.url` may be missing and the files and
    folders that the configuration names are not looked at. Raises SettingsError with every mistake.
    """
    reading = _reading(path, environ=environ, for_run=for_run)
    if reading.mistakes:
        raise SettingsError(reading.mistakes)
    return reading.settings


def check(path: Path | None, environ: Mapping[str, str]) -> list[Mistake]:
    """Every mistake that would keep `dockd run` from starting, in the order of the file, the environment's last."""
    return list(_reading(path, environ=environ, for_run=True).mistakes)


def read_whole(path: Path, environ: Mapping[str, str]) -> Reading:
    """The file at `path` with every mistake that `check` finds, and where each key stands. Raises nothing.

    Of what a dock works without (`startable`, the list of cameras) others tell.
    """
    return _reading(path, environ=environ, for_run=True)


def read_text(text: str, *, file: str, environ: Mapping[str, str], need_store: bool = True) -> Reading:
    """A pure look at a whole configuration, without the disk: `.settings` and `.mistakes`. Raises nothing."""
    return _with_mistakes(_checked(read(text, file=file, environ=environ), need_store=need_store), [])


def _reading(path: Path | None, *, environ: Mapping[str, str], for_run: bool) -> Reading:
    file = printable(str(path)) if path is not None else ENVIRONMENT
    text = read_file(path, file=file) if path is not None else None
    if isinstance(text, Mistake):
        unread = replace(read(None, file=file, environ=environ), parsed=False)
        return _with_mistakes(unread, [text])
    reading = _checked(read(text, file=file, environ=environ), need_store=for_run)
    return _with_mistakes(reading, file_checks(reading) if for_run else [])


def _checked(reading: Reading, *, need_store: bool) -> Reading:
    # What cannot be parsed at all says nothing about what is missing or contradicts.
    return _with_mistakes(reading, cross_checks(reading, need_store=need_store)) if reading.parsed else reading


def _with_mistakes(reading: Reading, more: list[Mistake]) -> Reading:
    mistakes = sorted((*reading.mistakes, *more), key=lambda m: (m.file == ENVIRONMENT, m.line or 0))
    return replace(reading, mistakes=tuple(mistakes))
