"""From the folders of camera profiles to profiles, or every mistake in all of them.

Rules kept here: one file, one profile; only files *.toml, none that begins with a dot; a bounded number of bounded files; nothing is half
loaded: with one mistake anywhere the caller keeps what it had. A site's profile of a shipped one's name stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dockd.profiles.model import Profile
from dockd.profiles.parsing import ProfilesWrong, line_of_name, read_profile
from dockd.settings.documents import Origin
from dockd.settings.filesystem import read_file
from dockd.settings.mistakes import Mistake, printable

__all__ = ["ProfilesWrong", "load_beside", "load_profiles", "read_profile"]

MOST_FILES = 200
_MOST_ENTRIES = 10_000
_SOMETHING = "a camera profile: name, title, [match.usb] or [match.volume], [files]"


def load_profiles(site: Path | None, *, shipped: Path) -> tuple[Profile, ...]:
    """The profiles in the folders `site` (None, or not there: none) and `shipped`; a site's replaces a shipped one of its name.

    The site's come first, each folder's in the order of its file names. Blocks. Raises ProfilesWrong with every mistake.
    """
    folders = [(shipped, True)] if site is None else [(site, False), (shipped, True)]
    mistakes: list[Mistake] = []
    found: dict[str, Profile] = {}
    for folder, is_shipped in folders:
        for profile in _folder(folder, shipped=is_shipped, mistakes=mistakes):
            found.setdefault(profile.name, profile)
    if mistakes:
        raise ProfilesWrong(mistakes)
    return tuple(found.values())


def load_beside(
    files: Sequence[Path], *, site: Path | None, shipped: Path
) -> tuple[tuple[Profile, ...], tuple[Profile, ...]]:
    """All profiles as they would be with `files` in the site's folder, and those of `files`. Blocks. Raises ProfilesWrong with every mistake.

    A file that lies in the site's folder already is read once; one that has the name of a site's profile stands in its place.
    """
    mistakes: list[Mistake] = []
    own = _read(files, shipped=False, mistakes=mistakes)
    there = _files(site, shipped=False) if site is not None else []
    if isinstance(there, Mistake):
        mistakes.append(there)
        there = []
    named = {path.resolve() for path in files}
    beside = _read([path for path in there if path.resolve() not in named], shipped=False, mistakes=mistakes)
    found = {profile.name: profile for profile in (*_folder(shipped, shipped=True, mistakes=mistakes), *beside, *own)}
    if mistakes:
        raise ProfilesWrong(mistakes)
    return tuple(found.values()), tuple(own)


def _folder(folder: Path, *, shipped: bool, mistakes: list[Mistake]) -> list[Profile]:
    """The folder's profiles as far as they can be read; what is wrong is added to `mistakes`."""
    files = _files(folder, shipped=shipped)
    if isinstance(files, Mistake):
        mistakes.append(files)
        return []
    return _read(files, shipped=shipped, mistakes=mistakes)


def _read(files: Sequence[Path], *, shipped: bool, mistakes: list[Mistake]) -> list[Profile]:
    read: dict[str, Profile] = {}
    for path in files:
        file = printable(str(path))
        text = read_file(path, file=file, something=_SOMETHING)
        if isinstance(text, Mistake):
            mistakes.append(text)
            continue
        try:
            profile = read_profile(text, file=file, shipped=shipped, source=path)
        except ProfilesWrong as wrong:
            mistakes.extend(wrong.mistakes)
            continue
        earlier = read.setdefault(profile.name, profile)
        if earlier is not profile:
            taken = f'"{profile.name}" is already the name of the profile in {earlier.source}'
            mistakes.append(Origin(file, line_of_name(text), "name").mistake(taken, "each name once"))
    return list(read.values())


def _files(folder: Path, *, shipped: bool) -> list[Path] | Mistake:
    at = Origin(printable(str(folder)), None, "")
    files: list[Path] = []
    try:
        for count, path in enumerate(folder.iterdir(), start=1):
            if count > _MOST_ENTRIES:
                return at.mistake(f"has more than {_MOST_ENTRIES:,} entries", "a folder of camera profiles")
            if path.name.endswith(".toml") and not path.name.startswith("."):
                files.append(path)
    except FileNotFoundError:
        if not shipped:
            return []
        return at.mistake("is not there: this installation is not whole", "dockd installed again")
    except OSError as error:
        return at.mistake(f"cannot be read: {error.strerror}", "a folder of camera profiles that dockd can read")
    if len(files) > MOST_FILES:
        return at.mistake(f"has {len(files)} profiles", f"at most {MOST_FILES}")
    return sorted(files)
