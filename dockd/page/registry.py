"""The site's list of its cameras: who has which, which are in the pool, and what is noted of them. It is shown on the page, and names the cameras that
may be emptied.

Rule kept here: it is read as `dockd check-config` reads it (`dockd.profiles.registry_checks`), and with one mistake it names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dockd.profiles.registry_checks import CameraList, read_list
from ingest.model import CameraId

Kind = Literal["personal", "pool"]


@dataclass(frozen=True, kw_only=True)
class Registry:
    """By serial or camera id: `assigned` to whom, empty for a pool camera; `notes` where there is one. `trouble`: why the list cannot be used, "" where it can;
    `mistakes`: each of them, with its line.
    """

    assigned: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()

    def assigned_to(self, camera: CameraId) -> str | None:
        """To whom the camera is assigned; None for a pool camera and for one that is not in the list."""
        return self.assigned.get(self.name_of(camera) or "") or None

    def name_of(self, camera: CameraId) -> str | None:
        """Under which name the list has the camera: its id before its serial; None where it has not."""
        return next((name for name in (camera.id, camera.serial) if name in self.assigned), None)

    def kind_of(self, name: str | None) -> Kind | None:
        """Whether the camera of this name is somebody's own or one of the pool; None where the list does not have it."""
        if name is None or name not in self.assigned:
            return None
        return "personal" if self.assigned[name] else "pool"


def read_registry(path: Path | None) -> Registry:
    """The list at `path` (None: none). Blocks. Raises nothing: `trouble` says what is wrong."""
    if path is None:
        return Registry()
    found = read_list(path)
    return _unusable(found) if found.mistakes else _usable(found)


def _usable(found: CameraList) -> Registry:
    return Registry(
        assigned={entry.camera: entry.assigned for entry in found.entries},
        notes={entry.camera: entry.note for entry in found.entries if entry.note},
    )


def _unusable(found: CameraList) -> Registry:
    mistakes = tuple(map(str, found.mistakes))
    more = f", and {len(mistakes) - 1} more: `dockd check-config` names them" if len(mistakes) > 1 else ""
    return Registry(trouble=f"{mistakes[0]}{more}", mistakes=mistakes)
