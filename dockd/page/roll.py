"""The roll of cameras: the site's list joined with what the ledger knows, who has which, and which have not come back. Pure.

Rules kept here: each camera of the list is one row, and each that was docked here and is not on the list is one; of several entries of one serial
(its card was changed) the one that is here, else the one seen last, speaks for it; that a camera has not come back is said by the same measure as
`dockd reconcile` says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dockd.page.registry import Kind, Registry
from ingest.ledger.gaps import is_missed
from ingest.ledger.issues import Issue, of_camera
from ingest.ledger.page_cameras import LastDocking
from ingest.model import CameraId

Where = Literal["here", "out", "never"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One camera. `id`: as the ledger has it, for one that was never here as the list has it; `kind` None: it is not on the list; `officer`: whose
    it is, or who has it; `issue`: since when and by whom, of one of the pool; `bay`: where it is, or was last; `last` seconds since the epoch, None:
    never, or not known; `absent`: it has not come back for as long as was asked for.
    """

    id: str
    serial: str
    kind: Kind | None
    officer: str
    issue: Issue | None
    note: str
    where: Where
    bay: int | None
    last: float | None
    absent: bool

    @property
    def name(self) -> str:
        """What people call it."""
        return self.serial or self.id


def roll(
    *, seen: Sequence[LastDocking], registry: Registry, here: Mapping[str, int], issued: Mapping[str, Issue], now: float, not_seen: float
) -> list[Row]:  # fmt: skip
    """All of them, by what people call them. `here`: bays by camera id; `not_seen` in seconds."""
    speaks: dict[str, LastDocking] = {}
    for one in seen:
        name = registry.name_of(one.camera) or one.camera.id
        before = speaks.get(name)
        if before is None or _rank(one, here) > _rank(before, here):
            speaks[name] = one
    found = [_row(one, name, registry, here, issued, now, not_seen) for name, one in speaks.items()]
    found += [_never(name, registry, issued) for name in registry.assigned if name not in speaks]
    return sorted(found, key=lambda row: (row.name.casefold(), row.id))


def _rank(one: LastDocking, here: Mapping[str, int]) -> tuple[bool, float]:
    return one.camera.id in here, one.last_known or 0.0


def _row(
    one: LastDocking, name: str, registry: Registry, here: Mapping[str, int], issued: Mapping[str, Issue], now: float, not_seen: float
) -> Row:  # fmt: skip
    bay = here.get(one.camera.id)
    kind = registry.kind_of(name)
    issue = None if kind == "personal" else of_camera(issued, one.camera)
    return Row(
        id=one.camera.id, serial=one.camera.serial, kind=kind, officer=registry.assigned.get(name, "") or (issue.officer if issue else ""),
        issue=issue, note=registry.notes.get(name, ""), where="out" if bay is None else "here", bay=one.bay if bay is None else bay,
        last=one.last_known, absent=is_missed(one.last_known, docked=bay is not None, now=now, not_seen=not_seen),
    )  # fmt: skip


def _never(name: str, registry: Registry, issued: Mapping[str, Issue]) -> Row:
    kind = registry.kind_of(name)
    issue = None if kind == "personal" else of_camera(issued, CameraId(profile="folder", serial=name))
    return Row(
        id=name, serial="", kind=kind, officer=registry.assigned[name] or (issue.officer if issue else ""), issue=issue,
        note=registry.notes.get(name, ""), where="never", bay=None, last=None, absent=True,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sums:
    """How many there are of each."""

    here: int = 0
    out: int = 0
    absent: int = 0
    never: int = 0
    unlisted: int = 0
    issued: int = 0


def sums(rows: Iterable[Row]) -> Sums:
    """Of all rows."""
    every = list(rows)
    return Sums(
        here=sum(row.where == "here" for row in every), out=sum(row.where == "out" for row in every),
        absent=sum(row.absent and row.where == "out" for row in every), never=sum(row.where == "never" for row in every),
        unlisted=sum(row.kind is None for row in every), issued=sum(row.issue is not None for row in every),
    )  # fmt: skip
