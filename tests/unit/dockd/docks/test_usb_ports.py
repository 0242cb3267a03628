"""What is believed of ports: whatever was heard, in any order, or not, in the end it is what is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.docks.usb_facts import Fact, Hint, controller_name, controller_of, lasting, place_of, port_of
from dockd.docks.usb_ports import Asked, Look, Ports
from tests.unit.dockd.docks.usb_rack import disk_fact, part_fact, place, usb_fact, usb_path

CHAINS = ("1", "2", "3.1", "3.2")


def camera(chain: str, number: int) -> tuple[Fact, ...]:
    usb = usb_fact(chain, number=number)
    disk = disk_fact(usb, diskseq=number, ID_PART_TABLE_TYPE="dos")
    return usb, disk, part_fact(disk)


def hint(fact: Fact, *, gone: bool = False) -> Hint:
    return Hint(path=fact.path, kind=fact.kind, gone=gone)


@dataclass
class World:
    """Ports with cameras, those who hear of them (or not), and looks that take their time."""

    ports: Ports = field(default_factory=Ports)
    there: dict[str, tuple[Fact, ...]] = field(default_factory=dict)
    unheard: list[Hint] = field(default_factory=list)
    looks: list[tuple[Asked, Look]] = field(default_factory=list)
    now: float = 0.0
    count: int = 1

    def plug(self, chain: str) -> None:
        self.unplug(chain)
        self.count += 1
        self.there[usb_path(chain)] = camera(chain, self.count)
        self.unheard += [hint(fact) for fact in self.there[usb_path(chain)]]

    def unplug(self, chain: str) -> None:
        self.unheard += [hint(fact, gone=True) for fact in reversed(self.there.pop(usb_path(chain), ()))]

    def hear(self, number: int) -> None:
        """One of the hints that are on their way, in whatever order."""
        if self.unheard:
            self.ports.hint(self.unheard.pop(number % len(self.unheard)), now=self.now)

    def look(self, *, whole: bool) -> None:
        """Begin a look: it sees what is there now, and is learned of later."""
        ports = None if whole else self.ports.due(now=self.now)
        asked = self.ports.ask(ports)
        seen = {port: facts for port, facts in self.there.items() if ports is None or port in ports}
        self.looks.append((asked, seen))

    def learn(self) -> None:
        if self.looks:
            asked, seen = self.looks.pop(0)
            self.ports.learn(asked, seen, now=self.now)

    def calm(self) -> None:
        """All is heard and looked at."""
        while self.unheard:
            self.hear(0)
        while self.looks:
            self.learn()
        for _ in range(3):
            self.now += 10.0
            self.look(whole=False)
            self.learn()

    def believed(self) -> dict[str, tuple[Fact, ...]]:
        return {name: seen.facts for name, seen in self.ports.seen().items()}

    def true(self) -> dict[str, tuple[Fact, ...]]:
        return {place_of(facts[0]): tuple(sorted(facts, key=lambda fact: fact.path)) for facts in self.there.values()}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["plug", "unplug"]), st.sampled_from(CHAINS)),
        st.tuples(st.just("hear"), st.integers(0, 30)),
        st.tuples(st.just("look"), st.booleans()),
        st.tuples(st.just("learn"), st.just(0)),
        st.tuples(st.just("wait"), st.floats(0.0, 1.0)),
    ),
    max_size=60,
)


@given(steps=STEPS)
@settings(max_examples=300, deadline=None)
def test_any_order_of_events_ends_in_what_is_there(steps: list[tuple[str, object]]) -> None:
    world = World()
    for what, argument in steps:
        match what, argument:
            case "plug", str(chain):
                world.plug(chain)
            case "unplug", str(chain):
                world.unplug(chain)
            case "hear", int(number):
                world.hear(number)
            case "look", bool(whole):
                world.look(whole=whole)
            case "learn", _:
                world.learn()
            case _, float(seconds):
                world.now += seconds
    world.calm()
    assert world.believed() == world.true()
    assert world.ports.next_due() is None


@given(steps=STEPS, lost=st.sets(st.integers(0, 40)))
@settings(max_examples=100, deadline=None)
def test_lost_events_are_made_good_by_one_whole_look(steps: list[tuple[str, object]], lost: set[int]) -> None:
    world = World()
    for number, (what, argument) in enumerate(steps):
        if what == "plug" and isinstance(argument, str):
            world.plug(argument)
        elif what == "unplug" and isinstance(argument, str):
            world.unplug(argument)
        if number in lost:
            world.unheard.clear()
        world.hear(number)
    world.unheard.clear()
    world.look(whole=True)
    world.learn()
    assert world.believed() == world.true()


def test_what_left_is_gone_at_once_and_a_look_from_before_does_not_bring_it_back() -> None:
    world = World()
    world.plug("1")
    world.calm()
    world.look(whole=True)  # sees it
    world.unplug("1")
    assert True in [world.ports.hint(one, now=world.now) for one in world.unheard]
    assert place("1") not in world.believed()
    world.learn()
    assert place("1") not in world.believed()


def test_a_hub_takes_what_is_below_it() -> None:
    world = World()
    for chain in ("3.1", "3.2", "1"):
        world.plug(chain)
    world.calm()
    assert world.ports.hint(Hint(path=usb_path("3"), kind="usb", gone=True), now=world.now)
    assert world.believed().keys() == {place("1")}


def test_a_partition_that_leaves_is_looked_at_first() -> None:
    world = World()
    world.plug("1")
    world.calm()
    assert not world.ports.hint(hint(world.there[usb_path("1")][2], gone=True), now=world.now)
    assert world.believed() == world.true()


def test_quiet_is_waited_for_but_not_for_ever() -> None:
    ports = Ports(settle=0.3, patience=2.0)
    usb = usb_fact("1")
    now = 0.0
    while now < 1.95:
        ports.hint(hint(usb), now=now)
        assert ports.due(now=now) == frozenset()
        now += 0.1
    assert ports.due(now=2.0) == {usb.path}
    ports.ask({usb.path})
    assert ports.next_due() is None
    ports.hint(hint(usb), now=5.0)
    assert ports.next_due() == pytest.approx(5.3)


def test_nothing_new_keeps_its_age() -> None:
    world = World()
    world.plug("1")
    world.calm()
    since = world.ports.seen()[place("1")].since
    world.now += 100
    world.look(whole=True)
    world.learn()
    assert world.ports.seen()[place("1")].since == since


def test_both_buses_of_one_port() -> None:
    world = World()
    slow, fast = usb_fact("1"), usb_fact("1", bus=2)
    for usb in (fast, slow):
        world.there[usb.path] = (usb,)
    world.look(whole=True)
    world.learn()
    assert {name: seen.facts for name, seen in world.ports.seen().items()} == {
        place("1"): (slow,), "pci-0000:00:10.0-usbv3-0:1": (fast,),
    }  # fmt: skip
    del world.there[slow.path]
    world.look(whole=True)
    world.learn()
    assert world.ports.seen().keys() == {place("1")}
    assert world.ports.seen(exact=["pci-0000:00:10.0-usbv3-0:1"]).keys() == {"pci-0000:00:10.0-usbv3-0:1"}


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("/devices/pci0000:00/0000:00:10.0/usb1", None),
        ("/devices/pci0000:00/0000:00:10.0/usb1/1-1", "/devices/pci0000:00/0000:00:10.0/usb1/1-1"),
        (
            "/devices/platform/dummy_hcd.0/usb3/3-1/3-1:1.0/host2/target2:0:0/2:0:0:0/block/sda",
            "/devices/platform/dummy_hcd.0/usb3/3-1",
        ),
        ("/devices/virtual/block/loop0", None),
        ("/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1", None),
    ],
)
def test_which_port_a_device_is_in(path: str, port: str | None) -> None:
    assert port_of(path) == port


def test_names_of_controllers() -> None:
    assert controller_name([("platform", "dummy_hcd.0"), (None, "platform")]) == "platform-dummy_hcd.0"
    assert controller_name([]) == "unknown"
    assert (
        controller_of("pci-0000:00:10.0-usb-0:1.2") == controller_of("pci-0000:00:10.0-usbv3-0:1") == "pci-0000:00:10.0"
    )


def test_what_passes_is_no_part_of_a_fact() -> None:
    assert lasting(
        {"ACTION": "change", "SEQNUM": "9", "ID_MODEL": "x", "SYNTH_ARG_A": "1", "DISK_MEDIA_CHANGE": "1"}
    ) == {"ID_MODEL": "x"}
    fact = disk_fact(usb_fact("1"))
    assert replace(fact, properties=dict(fact.properties)) == fact
