"""Which cameras are known: the profiles, and the site's list of its cameras, as they were when they were last read whole.

Rules kept here: with one mistake in any profile all of them stay as they were, and the list names nobody more, while who was struck off it is named
no more at once; where there is nothing that they were
(the agent starts, and a site's profile cannot be read) nothing is deleted from any camera, for nobody knows what the site withholds; a list of
cameras that cannot be read names nobody, which keeps footage and deletes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from dockd.profiles import model
from dockd.profiles.identity import identify, may_wipe, named_by
from dockd.profiles.model import Profile, Properties
from dockd.profiles.reading import ProfilesWrong, load_profiles
from ingest.errors import Unreadable
from ingest.model import CameraId

Listed = Callable[[], Container[str]]
"""The serials and ids in the site's list of cameras (registry.file). Blocks; raises nothing."""

UNREAD = "The site's camera profiles cannot be read: nothing is deleted until they are right (dockd check-config)"


class _Both:
    """The names that stand in both."""

    def __init__(self, one: Container[str], other: Container[str]) -> None:
        self._one, self._other = one, other

    def __contains__(self, name: object) -> bool:
        return name in self._one and name in self._other


class KnownCameras:
    """The profiles in the folders `site` and `shipped`, and the cameras that `listed` names. Blocks. Raises ProfilesWrong.

    `lenient`: with mistakes among the site's profiles the shipped ones are taken, to copy by, and no camera may be emptied, until a `reload`
    finds all of them right; `mistakes` then says what was wrong.
    """

    def __init__(self, *, site: Path | None, shipped: Path, listed: Listed = frozenset, lenient: bool = False) -> None:
        self._site, self._shipped, self._read_list = site, shipped, listed
        self.mistakes: tuple[str, ...] = ()
        try:
            self._profiles = load_profiles(site, shipped=shipped)
        except ProfilesWrong as wrong:
            if not lenient:
                raise
            self.mistakes = tuple(str(mistake) for mistake in wrong.mistakes)
            self._profiles = load_profiles(None, shipped=shipped)
        self._whole = self._listed = listed()  # `_whole`: as it was when the profiles were last right

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """As they are now."""
        return self._profiles

    def reload(self, site: Path | None = None) -> Sequence[str]:
        """Read all again, the profiles from another folder `site` where one is given; the mistakes in them, and with any of them the profiles stay as
        they were, and the list names nobody that it did not name then. Blocks."""
        site, listed = site or self._site, self._read_list()
        try:
            profiles = load_profiles(site, shipped=self._shipped)
        except ProfilesWrong as wrong:
            self._listed = _Both(self._whole, listed)
            return tuple(str(mistake) for mistake in wrong.mistakes)
        self._site, self._profiles, self.mistakes = site, profiles, ()
        self._whole = self._listed = listed
        return ()

    def candidates(self, usb: Properties, volume: Properties | None) -> Sequence[Profile]:
        """The profiles that fit, best first."""
        return model.candidates(self._profiles, usb=usb, volume=volume)

    def contents_fit(self, profile: Profile, names: Sequence[bytes]) -> bool:
        """Whether a volume with these names in its root is what the profile asks for."""
        return model.contents_fit(profile, names)

    def identify(self, profile: Profile, *, usb: Properties, volume: Properties, device_id: str) -> CameraId:
        """Who it is. Raises Unreadable."""
        camera = identify(profile, usb=usb, volume=volume, device_id=device_id)
        if camera is None:
            raise Unreadable(
                "It has neither a serial number nor a name or number on its card, so nobody can tell it from another: "
                "nothing is read from it: hand it to ops"
            )
        return camera

    def may_wipe(self, profile: Profile, camera: CameraId) -> tuple[bool, str]:
        """Whether it may be emptied; else why not. Nothing may while the site's profiles were never read whole."""
        if self.mistakes:
            return False, UNREAD
        return may_wipe(profile, camera, functools.partial(named_by, self._listed))
