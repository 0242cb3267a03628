"""Which kind of camera a root is. The word before the first colon says; an absolute path is a folder.

Each kind is imported when one of it is opened: a worker that reads folders loads nothing for USB.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from ingest.camera.base import Camera
from ingest.camera.mass_storage import MassStorage

_KINDS = {b"volumes": ("ingest.camera.volumes", "Volumes"), b"mtp": ("ingest.camera.mtp", "open_mtp")}


def open_camera(root: bytes, *, going_on: Callable[[], object] = lambda: None) -> Camera:
    """Open the camera at `root`: an absolute path (a folder, a mounted volume), "volumes:" and a path, or "mtp:usb:001,004".

    `going_on()` is called, as long as the camera lives, whenever it answered in the midst of something long that shows nothing yet. Raises CameraGone, Unreadable.
    """
    kind, _, rest = root.partition(b":")
    if root.startswith(b"/") or kind not in _KINDS:
        return MassStorage(root)
    module, name = _KINDS[kind]
    more = {"going_on": going_on} if kind == b"mtp" else {}  # volumes show each file as soon as it is seen
    return cast(Camera, getattr(importlib.import_module(module), name)(rest, **more))
