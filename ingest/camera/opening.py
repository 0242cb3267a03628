"""Which kind of camera a root is. The words before the first colon say; a path is a folder."""

from __future__ import annotations

from ingest.camera.base import Camera
from ingest.camera.mass_storage import MassStorage


def open_camera(root: bytes) -> Camera:
    """Open the camera at `root`: an absolute path (a folder, a mounted volume). Raises CameraGone, Unreadable."""
    return MassStorage(root)
