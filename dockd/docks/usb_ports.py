"""What is believed of each USB port, from hints that something happened and from looks at what is there. Pure: the time is told.

Rules kept here:
* a hint tells where to look, never what is there: hints may come in any order, twice, or not at all, and the next look puts it right;
* what left is gone at once, and a look that began before it left does not bring it back;
* a port is looked at when it has been quiet for `settle` seconds, and after `patience` seconds even if it is not: a storm of hints hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dockd.docks.usb_facts import Fact, Hint, place_of, port_of

Look = Mapping[str, tuple[Fact, ...]]
"""What a look found: for each port (a USB device's sysfs path) the device itself and the disks and partitions below it."""


@dataclass(kw_only=True)
class _Port:
    """`since`: when its facts last changed; `left`: the number of the last hint that took something away."""

    facts: tuple[Fact, ...] = ()
    since: float = 0.0
    left: int = 0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A place and what is in it. `since` when that last changed (monotonic)."""

    place: str
    facts: tuple[Fact, ...]
    since: float


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A look under way. `ports` None: at everything; `number`: hints up to this one came before it."""

    ports: frozenset[str] | None
    number: int


@dataclass(kw_only=True)
class Ports:
    """All ports of all controllers. Times are monotonic seconds."""

    settle: float = 0.3
    patience: float = 2.0
    _ports: dict[str, _Port] = field(default_factory=dict)
    _quiet_from: dict[str, tuple[float, float]] = field(default_factory=dict)
    _hints: int = 0

    def hint(self, hint: Hint, *, now: float) -> bool:
        """Take a hint; whether something that was known left.

        Where a partition alone left, the disk's table is being read again: only a look tells what that came to.
        """
        port = port_of(hint.path)
        if port is None:
            return False
        self._hints += 1
        first, _last = self._quiet_from.get(port, (now, now))
        self._quiet_from[port] = (first, now)
        if not hint.gone or hint.kind == "partition":
            return False
        self._ports.setdefault(port, _Port(since=now))
        lost = False
        for name, known in self._ports.items():
            if name != port and not name.startswith(port + "/"):
                continue
            kept = tuple(fact for fact in known.facts if not _below(fact.path, hint.path))
            if kept != known.facts or name == port:
                known.left = self._hints
            if kept != known.facts:
                known.facts, known.since, lost = kept, now, True
        return lost

    def due(self, *, now: float) -> frozenset[str]:
        """The ports that are to be looked at now."""
        return frozenset(port for port in self._quiet_from if self._due_at(port) <= now)

    def next_due(self) -> float | None:
        """When a port is to be looked at next; None: no hint is open."""
        return min((self._due_at(port) for port in self._quiet_from), default=None)

    def _due_at(self, port: str) -> float:
        first, last = self._quiet_from[port]
        return min(last + self.settle, first + self.patience)

    def ask(self, ports: Collection[str] | None) -> Asked:
        """Begin a look at these ports (None: at all that there are); what is hinted from now on wants another."""
        for port in list(self._quiet_from) if ports is None else ports:
            self._quiet_from.pop(port, None)
        return Asked(ports=None if ports is None else frozenset(ports), number=self._hints)

    def learn(self, asked: Asked, found: Look, *, now: float) -> None:
        """Take what that look found."""
        gone = self._ports.keys() - found.keys() if asked.ports is None else asked.ports - found.keys()
        for name in gone:
            self._take(name, (), asked, now)
        for name, facts in found.items():
            self._take(name, facts, asked, now)
        for name in [name for name, port in self._ports.items() if not port.facts and name not in self._quiet_from]:
            del self._ports[name]

    def _take(self, name: str, facts: tuple[Fact, ...], asked: Asked, now: float) -> None:
        port = self._ports.setdefault(name, _Port(since=now))
        if port.left > asked.number:  # it, or a part of it, left while we looked: the next look tells
            return
        ordered = tuple(sorted(facts, key=lambda fact: fact.path))
        if ordered != port.facts:
            port.facts, port.since = ordered, now

    def forget(self) -> None:
        """Nothing is known any more."""
        self._ports.clear()
        self._quiet_from.clear()

    def seen(self, *, exact: Collection[str] = ()) -> dict[str, Seen]:
        """What is in each place that holds something but hubs. `exact`: places that a bay map names with the bus's revision.

        A USB 3 port is on two buses. Where both have a device, the faster one's place is named with the revision.
        """
        found: dict[str, Seen] = {}
        for port in sorted(self._ports.values(), key=lambda port: _revision(port.facts)):
            usb = _device(port.facts)
            if usb is None or usb.hub:
                continue
            place, by_revision = place_of(usb), place_of(usb, exact=True)
            if by_revision in exact or place in found:
                place = by_revision
            found[place] = Seen(place=place, facts=port.facts, since=port.since)
        return found


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")


def _device(facts: Sequence[Fact]) -> Fact | None:
    return next((fact for fact in facts if fact.kind == "usb"), None)


def _revision(facts: Sequence[Fact]) -> tuple[int, str]:
    usb = _device(facts)
    return (usb.revision, usb.path) if usb is not None else (0, "")
