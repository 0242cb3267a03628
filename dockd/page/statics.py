"""What pages load (style, scripts, drawings): from memory, under an address that changes with its content.

Rules kept here: what an address with a version gives never changes, so a browser need not ask again; without one it asks each time.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """One file: its bytes, its media type, and which version it is."""

    body: bytes
    kind: str
    version: str


@functools.cache
def statics() -> Mapping[str, Shipped]:
    """All of them, by name."""
    folder = importlib.resources.files("dockd.page") / "static"
    found = {one.name: one.read_bytes() for one in folder.iterdir()}
    return {
        name: Shipped(body=body, kind=kind, version=hashlib.sha256(body).hexdigest()[:12])
        for name, body in found.items()
        for suffix, kind in _KINDS.items()
        if name.endswith(suffix)
    }


def address_of(name: str) -> str:
    """Where a page finds it, as this version of it. Raises KeyError for what there is not."""
    return f"/static/{name}?v={statics()[name].version}"
