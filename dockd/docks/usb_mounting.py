"""The volumes of one USB device, mounted read-only, and which profile they are: by what udev says first, by what lies in their roots then.

Rules kept here: every volume that a profile may want is mounted; a profile is taken where one of them holds what it asks for, and then all of
its volumes are the camera's; what of them cannot be mounted or listed is told as hidden; several stand below one root, or none does.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from dockd.docks.usb_findings import Choice, Volumes
from dockd.docks.usb_parts import Part
from dockd.docks.usb_volume import names_in, unmounted
from dockd.docks.usb_words import sentence
from dockd.mounting.base import Filesystem, Mounter
from dockd.profiles.model import Profile
from ingest.errors import Unreadable
from ingest.model import Skipped
from ingest.rules import FileRules


class RootsDiffer(Unreadable):
    """One of the places is still held by a camera that hangs: all volumes have to go below another root."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What is mounted of a camera. `root` as `ingest.camera.opening` takes it; `volume`: udev's properties of the one that says who it is,
    the same each time, also where it could not be mounted;
    `remounts`: whether one of them is unmounted when it is made writable."""

    profile: Profile
    root: bytes
    rules: FileRules
    mounts: tuple[Path, ...]
    volume: Mapping[str, str]
    hidden: tuple[Skipped, ...]
    remounts: bool


class Mounting:
    """One try. `root`: the folder below the helper's own; `fits(profile, names)`; `mount` and `look` seconds that a step may take."""

    def __init__(
        self, found: Volumes, *, root: str, mounter: Mounter, fits: Callable[[Profile, Sequence[bytes]], bool], mount: float, look: float
    ) -> None:  # fmt: skip
        self._found = found
        self._root = root
        self._mounter = mounter
        self._fits = fits
        self._seconds, self._look = mount, look
        self._mounts: dict[str, Path] = {}
        self._names: dict[str, list[bytes]] = {}
        self._failed: dict[str, str] = {}

    async def take(self) -> Taken | None:
        """Mount, and find the profile; None where none asks for what lies there.

        Raises Unreadable (nothing could be mounted or listed), RootsDiffer, CameraGone, MountRefused, HelperGone. `release` comes after it in any case.
        """
        for part in {part.name: part for choice in self._found.choices for part in choice.parts}.values():
            await self._mount(part)
        if len({path.parent for path in self._mounts.values()}) > 1:
            raise RootsDiffer("the camera that was here before is still being let go of")
        for choice in self._found.choices:
            chosen = [part for part in choice.parts if part.name in self._names]
            if any(self._fits(choice.profile, self._names[part.name]) for part in chosen):
                await self._release(but={part.name for part in chosen})
                return self._taken(choice, chosen)
        if self._failed:
            raise Unreadable(next(iter(self._failed.values())))
        return None

    async def release(self) -> None:
        """Unmount whatever is mounted."""
        await self._release(but=set())

    async def _release(self, *, but: set[str]) -> None:
        surplus = [self._mounts.pop(name) for name in list(self._mounts) if name not in but]
        await unmounted(self._mounter, surplus, seconds=self._look)

    async def _mount(self, part: Part) -> None:
        folder = f"{self._root}/{part.name}" if self._found.many else self._root
        try:
            async with asyncio.timeout(self._seconds):
                self._mounts[part.name] = await self._mounter.mount(
                    part.device, diskseq=part.diskseq, filesystem=cast(Filesystem, part.filesystem), folder=folder
                )
            self._names[part.name] = await names_in(self._mounts[part.name], seconds=self._look)
        except (Unreadable, TimeoutError) as error:
            late = f"the camera does not answer: it was not mounted within {self._seconds:.0f} s"
            self._failed[part.name] = f"{part.said}: {error.message if isinstance(error, Unreadable) else late}"
            if part.name in self._mounts:
                await unmounted(self._mounter, [self._mounts.pop(part.name)], seconds=self._look)

    def _taken(self, choice: Choice, chosen: Sequence[Part]) -> Taken:
        mounts = tuple(self._mounts[part.name] for part in chosen)
        root, rules = os.fsencode(mounts[0]), choice.profile.rules
        if self._found.many:
            root, rules = b"volumes:" + os.fsencode(mounts[0].parent), below_one_root(rules)
        unread = tuple(
            Skipped(path=part.name.encode(), kind="unreadable", message=sentence(self._failed[part.name]), hides=True)
            for part in choice.parts if part.name in self._failed
        )  # fmt: skip
        return Taken(
            profile=choice.profile, root=root, rules=rules, mounts=mounts, volume=choice.parts[0].properties, hidden=(*choice.hidden, *unread),
            remounts=any(part.filesystem == "ext4" for part in chosen),
        )  # fmt: skip


def below_one_root(rules: FileRules) -> FileRules:
    """The same rules where each volume lies in a folder of its own.

    >>> below_one_root(FileRules(segments=("DCIM/*/*.MP4",))).kind(b"p1/DCIM/100MEDIA/A.MP4")
    'segment'
    """
    return replace(
        rules, segments=tuple(f"*/{one}" for one in rules.segments), sidecars=tuple(f"*/{one}" for one in rules.sidecars),
        ignorable=tuple(f"*/{one}" for one in rules.ignorable),
    )  # fmt: skip


def folder_of(place: str) -> str:
    """The folder below the mount helper's root for a place: a clean name.

    >>> folder_of("pci-0000:00:10.0-usb-0:1.2")
    'pci-0000_00_10.0-usb-0_1.2'
    """
    return re.sub(r"[^A-Za-z0-9.-]", "_", place)[:60]
