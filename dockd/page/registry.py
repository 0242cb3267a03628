"""The site's list of its cameras: who has which, which are in the pool, and what is noted of them. Read whole and bounded; it is shown on the page,
and names the cameras that may be emptied.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingest.model import CameraId

_LARGEST = 4 << 20
_LONGEST = 200
_LONGEST_CAMERA = 500
_MOST = 50_000

Kind = Literal["personal", "pool"]


@dataclass(frozen=True, kw_only=True)
class Registry:
    """By serial or camera id: `assigned` to whom, empty for a pool camera; `notes` where there is one. `trouble`: why the list could not be read."""

    assigned: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

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
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            return Registry(trouble=f"registry.file {path} is larger than 4 MiB: is it the right file?")
        return _parse(raw.decode("utf-8-sig"), path)
    except OSError as error:
        return Registry(trouble=f"registry.file {path} cannot be read: {error.strerror}")
    except (UnicodeDecodeError, csv.Error) as error:
        return Registry(trouble=f"registry.file {path} is no CSV in UTF-8: {error}")


def _parse(text: str, path: Path) -> Registry:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    if "camera" not in names:
        return Registry(trouble=f"registry.file {path} has no column named camera in its first line")
    rows.fieldnames = names
    found: dict[str, str] = {}
    notes: dict[str, str] = {}
    for row in rows:
        camera = (row.get("camera") or "").strip()
        if not camera:
            continue
        if len(camera) > _LONGEST_CAMERA:
            return Registry(
                trouble=f"registry.file {path}, line {rows.line_num}: a camera's name is longer than {_LONGEST_CAMERA} characters"
            )
        found[camera] = (row.get("assigned_to") or "").strip()[:_LONGEST]
        notes[camera] = (row.get("note") or "").strip()[:_LONGEST]
        if len(found) > _MOST:
            return Registry(trouble=f"registry.file {path} names more than {_MOST} cameras: is it the right file?")
    return Registry(assigned=found, notes={camera: note for camera, note in notes.items() if note})
