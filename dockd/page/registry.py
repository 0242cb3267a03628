"""The site's list of its cameras: who has which. Read whole, bounded, and never more than shown on the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.model import CameraId

_LARGEST = 4 << 20
_LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Registry:
    """`assigned` by serial or camera id: to whom, empty for a pool camera. `trouble`: why the list could not be read."""

    assigned: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""

    def assigned_to(self, camera: CameraId) -> str | None:
        """To whom the camera is assigned; None for a pool camera and for one that is not in the list."""
        found = self.assigned.get(camera.id, self.assigned.get(camera.serial, ""))
        return found or None


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
    for row in rows:
        camera = (row.get("camera") or "").strip()
        if camera:
            found[camera] = (row.get("assigned_to") or "").strip()[:_LONGEST]
    return Registry(assigned=found)
