"""From the folders of camera profiles to profiles, or every mistake in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dockd.profiles.model import Profile
from dockd.settings.mistakes import Mistake
from ingest.errors import DockdError


class ProfilesWrong(DockdError):
    """Profiles that cannot be used. `mistakes` holds every one that was found, file by file."""

    reason = "profiles_wrong"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def load_profiles(site: Path | None, *, shipped: Path) -> tuple[Profile, ...]:
    """The profiles in the folders `site` (None, or not there: none) and `shipped`; a site's replaces a shipped one of its name.

    Only files *.toml. Blocks. Raises ProfilesWrong with every mistake.
    """
    raise NotImplementedError
