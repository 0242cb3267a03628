"""Cameras for the pages: every one that was ever docked here with its last docking, and one camera's dockings.

Rules: bounded, and each row over an index; a docking that was open when the agent last ended says nothing of when it was over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.ledger import views
from ingest.ledger.views import Docking
from ingest.model import CameraId

Execute = Callable[..., Any]
CAMERAS_MOST = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LastDocking:
    """A camera and the last time that it was here: seconds since the epoch. `docked_at` None: known from a rebuilt ledger alone."""

    camera: CameraId
    bay: int | None
    docked_at: float | None
    undocked_at: float | None

    @property
    def last_known(self) -> float | None:
        """When it was last known to be here; None: never."""
        return self.docked_at if self.undocked_at is None else self.undocked_at


def last_dockings(execute: Execute, *, camera: str | None = None) -> list[LastDocking]:
    """Of every camera that the ledger knows (or of one), by id, at most CAMERAS_MOST."""
    which, values = ("", []) if camera is None else (" WHERE c.id = ?", [camera])
    rows = execute(
        "SELECT c.profile, c.serial, c.card, coalesce(d.bay, c.last_bay), d.docked_at, d.undocked_at FROM cameras c"
        f" LEFT JOIN dockings d ON d.id = (SELECT max(id) FROM dockings WHERE camera = c.id){which} ORDER BY c.id LIMIT ?",
        (*values, CAMERAS_MOST),
    )
    return [
        LastDocking(
            camera=CameraId(profile=r[0], serial=r[1], card=r[2]), bay=r[3], docked_at=r[4], undocked_at=r[5]
        )
        for r in rows
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PastDocking:
    """One docking of a camera, with the sums of the segments that were seen last in it. `went_out`: it was let go with footage that was safe here."""

    id: int
    bay: int | None
    docked_at: float
    undocked_at: float | None
    went_out: bool
    sums: Docking


def dockings_of(execute: Execute, camera: str, *, before: int | None, count: int) -> list[PastDocking]:
    """The `count` dockings before the docking `before` (None: the last ones), newest first."""
    rows = execute(
        "SELECT id, bay, docked_at, undocked_at, went_out FROM dockings INDEXED BY dockings_camera"
        " WHERE camera = ? AND id < ? ORDER BY id DESC LIMIT ?",
        (camera, before if before is not None else 1 << 62, count),
    ).fetchall()
    sums = views.of_dockings(execute, [row[0] for row in rows])
    return [
        PastDocking(
            id=r[0], bay=r[1], docked_at=r[2], undocked_at=r[3], went_out=bool(r[4]), sums=sums[r[0]]
        )
        for r in rows
    ]  # fmt: skip


def known(execute: Execute) -> list[CameraId]:
    """Every camera that was ever docked here, by id, at most CAMERAS_MOST."""
    rows = execute("SELECT profile, serial, card FROM cameras ORDER BY id LIMIT ?", (CAMERAS_MOST,))
    return [CameraId(profile=r[0], serial=r[1], card=r[2]) for r in rows]


def one(execute: Execute, camera: str) -> CameraId | None:
    """The camera of this id; None where none of it was ever docked here."""
    row = execute("SELECT profile, serial, card FROM cameras WHERE id = ?", (camera,)).fetchone()
    return None if row is None else CameraId(profile=row[0], serial=row[1], card=row[2])
