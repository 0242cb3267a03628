"""What `dockd reconcile` asks of the ledger, and what it found: one moment of it, in sums by docking, shift, camera and station."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_duration
from ingest.ledger.audit import moment
from ingest.ledger.balance import Accounts, Count, DockingBalance, Span, accounts
from ingest.ledger.gaps import Gaps, Seen, gaps, is_missed, last_seen
from ingest.ledger.shifts import Shift, Shifts, moment_named, parse_shifts, zone_named

if TYPE_CHECKING:
    from dockd.page.registry import Registry
    from dockd.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for. `not_seen` seconds; `must_be_seen`: whether a camera that was not is a failure."""

    camera: str | None
    span: Span
    shifts: Shifts
    not_seen: float
    must_be_seen: bool
    now: float

    @classmethod
    def parse(
        cls, *, camera: str | None, since: str | None, until: str | None, shifts: str, zone: str, not_seen: str, must_be_seen: bool,
        now: float,
    ) -> Asked:  # fmt: skip
        """From the words of a command line. Raises ValueError with what is wrong."""
        place = zone_named(zone)
        span = Span(
            since=moment_named(since, zone=place) if since else -math.inf,
            until=moment_named(until, zone=place, end=True) if until else math.inf,
        )
        try:
            absence = parse_duration(not_seen)
        except WrongValue as error:
            raise ValueError(f"--not-seen: {error}") from error
        return cls(
            camera=camera,
            span=span,
            shifts=parse_shifts(shifts, zone=zone),
            not_seen=absence,
            must_be_seen=must_be_seen,
            now=now,
        )


@dataclass(kw_only=True)
class ShiftBalance:
    """The dockings of one shift; `shift` None: they are in no docking, or at no time that a calendar has."""

    shift: Shift | None
    dockings: int = 0
    cameras: set[str] = field(default_factory=set)
    segments: Count = field(default_factory=Count)
    bytes: Count = field(default_factory=Count)
    complete: bool = True

    def add(self, one: DockingBalance) -> None:
        """One docking more."""
        self.dockings += bool(one.docking)
        self.cameras.add(one.camera)
        self.segments.take(one.segments)
        self.bytes.take(one.bytes)
        self.complete = self.complete and one.complete


@dataclass(frozen=True, kw_only=True)
class Books:
    """Everything found. `absent`: cameras not seen for as long as was asked, those that the registry names and nobody ever saw among them."""

    asked: Asked
    station: str | None
    rack: str | None
    accounts: Accounts
    shifts: list[ShiftBalance]
    gaps: Gaps
    absent: list[Seen]
    known: frozenset[str]
    registry_trouble: str

    @property
    def well(self) -> bool:
        """Whether nothing that was asked for is wanting."""
        return (
            self.accounts.complete and not self.gaps.missing and not self.registry_trouble
            and not (self.asked.must_be_seen and self.absent)
        )  # fmt: skip


def books(ledger: Path, asked: Asked, *, settings: Settings | None) -> Books:
    """Read everything in one moment of the ledger. Raises LedgerUnusable, OSError."""
    from dockd.page.registry import read_registry

    registry = read_registry(settings.registry.file if settings is not None else None)
    with moment(ledger) as reader:
        found = accounts(reader, camera=asked.camera, span=asked.span)
        missing = gaps(reader, camera=asked.camera, since=asked.span.since, until=asked.span.until)
        seen = last_seen(reader, camera=asked.camera)
    return Books(
        asked=asked,
        station=settings.station.name if settings is not None else None,
        rack=settings.station.rack if settings is not None else None,
        accounts=found,
        shifts=_by_shift(found, asked.shifts),
        gaps=missing,
        absent=_absent(seen, registry, asked),
        known=frozenset(one.camera for one in seen) | frozenset(found.cameras),
        registry_trouble=registry.trouble,
    )


def _by_shift(found: Accounts, shifts: Shifts) -> list[ShiftBalance]:
    """In the order of time; what belongs to no shift comes last."""
    sums: dict[Shift | None, ShiftBalance] = {}
    for one in found.dockings.values():
        shift = None if one.docked_at is None else shifts.of(one.docked_at)
        sums.setdefault(shift, ShiftBalance(shift=shift)).add(one)
    return sorted(sums.values(), key=lambda one: (one.shift is None, one.shift or Shift(start=0, end=0, name="")))


def _absent(seen: list[Seen], registry: Registry, asked: Asked) -> list[Seen]:
    """A camera whose card was changed has several entries in the ledger: with a registry, the one seen last speaks for its serial."""
    never = [
        Seen(camera=name, serial=name, at=None, bay=None, docked=False)
        for name in registry.assigned
        if asked.camera is None and not any(name in (one.camera, one.serial) for one in seen)
    ]
    last: dict[str, Seen] = {}
    for one in seen:
        name = one.serial if one.serial in registry.assigned else one.camera
        before = last.get(name)
        if before is None or (one.docked, one.at or 0.0) > (before.docked, before.at or 0.0):
            last[name] = replace(one)
    late = [
        one for one in last.values() if is_missed(one.at, docked=one.docked, now=asked.now, not_seen=asked.not_seen)
    ]
    return sorted([*never, *late], key=lambda one: (one.at or 0.0, one.camera))
