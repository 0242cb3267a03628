"""The rules: what cameras and people do, what happens to dock and store, and runs in the middle of which anything happens.

Which rules there are to choose from depends on what was drawn alone, never on what a run has done: runs race, and hypothesis holds two that
were drawn alike against each other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.recovery.any_order import dock
from tests.recovery.any_order.far_ends import LIES, Simulated
from tests.recovery.any_order.scene import Meddling, Scene
from tests.recovery.any_order.world import CARDS, NAMES

names = st.sampled_from(NAMES)
cards = st.integers(0, len(CARDS) - 1)
CONTENTS = {"empty": b"", "equal": b"equal" * 20, "other": b"other" * 20, "large": b"large" * 20_000}
contents = st.sampled_from(sorted(CONTENTS))
numbers = st.integers(0, 1000)
_FULL = 1 << 60
_TO_1970 = -1e12
_TIGHT = 150_000


class AnyOrder(RuleBasedStateMachine):
    """One dock, four cameras with five cards, one store."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.begun = False

    @initialize(
        simulated=st.sampled_from((None, None, "receipts", "receipts", "digests", "plain")),
        site_pins=st.booleans(),
        keep_confirmed=st.sampled_from((0.0, 3600.0)),
        full=st.booleans(),
    )
    def begin(self, simulated: str | None, site_pins: bool, keep_confirmed: float, full: bool) -> None:
        self.scene.begin(simulated=simulated, site_pins=site_pins, keep_confirmed=keep_confirmed)
        self.begun = True
        for card in range(len(CARDS) if full else 0):
            self.a_shift(card, "equal")

    # -- what cameras and people do --------------------------------------------------------------------------------------------

    @rule(card=cards, name=names, content=contents)
    def a_recording(self, card: int, name: str, content: str) -> None:
        self.scene.cards.records(card, name, CONTENTS[content])

    @rule(card=cards, content=contents)
    def a_shift(self, card: int, content: str) -> None:
        """Several recordings."""
        for name in NAMES[:4]:
            self.scene.cards.records(card, name, CONTENTS[content] + name.encode())

    @rule(
        card=cards,
        name=names,
        to=names,
        what=st.sampled_from(("grows", "like", "deleted", "renamed", "folder renamed")),
    )
    def by_hand(self, card: int, name: str, to: str, what: str) -> None:
        """A file grows, is replaced by other bytes of its size and time, deleted, renamed; or a folder is renamed."""
        world = self.scene.cards
        acts: dict[str, Callable[[], None]] = {
            "grows": lambda: world.grows(card, name), "like": lambda: world.replaces_by_its_like(card, name),
            "deleted": lambda: world.deletes(card, name), "renamed": lambda: world.renames(card, name, to),
            "folder renamed": lambda: world.renames_folder(card),
        }  # fmt: skip
        acts[what]()

    @rule(card=cards, other=cards, what=st.sampled_from(("another bay", "another card", "copied", "exchanged")))
    def carried(self, card: int, other: int, what: str) -> None:
        """It lies in another place; its files lie on another card in its place; or also on a second one; or two cards change places."""
        world = self.scene.cards
        acts: dict[str, Callable[[], None]] = {
            "another bay": lambda: world.moves_away(card), "another card": lambda: world.moves_by_copying(card),
            "copied": lambda: world.copies(card, other), "exchanged": lambda: world.change_places(card, other),
        }  # fmt: skip
        if card != other:
            acts[what]()

    @rule(seconds=st.sampled_from((-400_000.0, -3600.0, -1.0, 86_400.0, 40_000_000.0, -315_360_000.0, _TO_1970)))
    def the_clock_jumps(self, seconds: float) -> None:
        self.scene.the_clock_jumps(seconds)

    # -- what happens to the dock ----------------------------------------------------------------------------------------------

    @rule(
        what=st.sampled_from(
            ("ledger lost", "ledger cut", "ledger garbled", "ledger copied", "ledger put back", "key lost")
        ),
        which=numbers,
    )
    def the_dock_suffers(self, what: str, which: int) -> None:
        """Its ledger or its key is lost, or the ledger is damaged; or a copy is taken of it, and put back later."""
        scene = self.scene
        if what == "key lost":
            shutil.rmtree(scene.state / "keys", ignore_errors=True)
        elif what == "ledger put back" and scene.copies:
            scene.put_ledger_back(which)
        elif what == "ledger copied" and scene.ledger_files():
            scene.copy_ledger()
        elif what == "ledger lost" and scene.ledger_files():
            scene.put_ledger_aside()
        elif what in ("ledger cut", "ledger garbled") and scene.ledger_files():
            scene.damage_ledger(cut=what == "ledger cut")

    @rule(which=numbers, remove=st.booleans())
    def the_spool_rots(self, which: int, remove: bool) -> None:
        self.scene.damage_spool(which, remove=remove)

    # -- what happens to the store ---------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(("backed up", "put back", "put back", "loses", "loses", "new key")), which=numbers)
    def the_store_suffers(self, what: str, which: int) -> None:
        """It is put back from a backup (of the time when it was empty, too), loses an object, or has another key."""
        far = self.scene.far
        if what == "loses":
            far.lose(which)
        else:
            self.scene.do(far.stop())
            if what == "backed up":
                far.back_up()
            elif what == "put back":
                far.restore(which)
            elif far.pin:
                far.rotate_key()
            self.scene.do(far.start())
        self.scene.the_store_has_lost()

    # -- what dockd does -------------------------------------------------------------------------------------------------------

    def _together(self, card: int, other: int) -> list[int]:
        """One card, or two in two bays at once."""
        return [card, other] if self.scene.cards.beside(card, other) else [card]

    @rule(card=cards, other=cards, wipe=st.booleans())
    def docked(self, card: int, other: int, wipe: bool) -> None:
        self.scene.honest_again()
        self.scene.whole_run(self._together(card, other), wipe=wipe)

    @rule(card=cards, other=cards, content=contents, losses=st.lists(numbers, min_size=1, max_size=4))
    def emptied_another_day(self, card: int, other: int, content: str, losses: list[int]) -> None:
        """Proven and left on the camera; the store loses some of it; then it is to be deleted, on proofs that were true once."""
        scene = self.scene
        for name in NAMES[:4]:  # never seen before: what a store loses three times is held
            scene.cards.records(card, name, CONTENTS[content] + b"%d" % scene.cards.writes)
        scene.honest_again()
        scene.whole_run(self._together(card, other), wipe=False)
        for which in losses:
            scene.far.lose(which)
        scene.the_store_has_lost()
        scene.whole_run(self._together(card, other), wipe=True)

    @rule(card=cards, other=cards, after=st.integers(2, 60))
    def stopped(self, card: int, other: int, after: int) -> None:
        work = self.scene.work(self._together(card, other), wait=2.0)
        self.scene.run(work, Meddling(after=after, act=lambda: "cut"))

    @rule(
        card=cards, other=cards,
        moment=st.one_of(
            st.tuples(st.just("event"), st.integers(1, 60)), st.tuples(st.just("commit"), st.integers(1, 40)),
            st.tuples(st.just("millisecond"), st.integers(1, 400)),
        ),
    )  # fmt: skip
    def killed(self, card: int, other: int, moment: tuple[dock.Moment, int]) -> None:
        at, count = moment
        self.scene.do(dock.killed(self.scene.work(self._together(card, other), wait=2.0), at=at, count=count))

    @rule(card=cards, other=cards, commits=st.sampled_from((0, 0, 5, 20)))
    def docked_after_a_boot_without_the_time(self, card: int, other: int, commits: int) -> None:
        """It is 1970, and another boot: what was proven in this one is worth nothing in that, and the other way round. Perhaps it is killed."""
        scene = self.scene
        work = scene.work(self._together(card, other), **({"wait": 0.3} | scene.boot_without_the_time()))
        before = sorted(path for card in range(len(CARDS)) for path in scene.cards.files(card))
        if commits:
            scene.do(dock.killed(work, at="commit", count=commits))
        else:
            scene.run(work)
        assert sorted(path for card in range(len(CARDS)) for path in scene.cards.files(card)) == before

    @rule(card=cards, other=cards)
    def docked_while_the_store_is_away(self, card: int, other: int) -> None:
        outcome = self.scene.run(self.scene.work(self._together(card, other), url="http://127.0.0.1:9", wait=0.2))
        assert outcome is not None
        assert outcome.unreachable is not None or not self.scene.cards.files(card)

    @rule(card=cards, other=cards, tight=st.booleans())
    def docked_while_the_spool_is_full(self, card: int, other: int, tight: bool) -> None:
        self.scene.folder.joinpath("state").mkdir(exist_ok=True)
        keep_free = max(0, shutil.disk_usage(self.scene.state).free - _TIGHT) if tight else _FULL
        self.scene.run(self.scene.work(self._together(card, other), keep_free=keep_free, wait=0.2))

    @rule(
        card=cards, other=cards, name=names, to=names, content=contents, after=st.lists(st.integers(2, 50), min_size=1, max_size=3),
        what=st.sampled_from(("appears", "grows", "deleted", "renamed", "clock", "pulled out", "exchanged", "store down")),
        wipe=st.booleans(),
    )  # fmt: skip
    def meddled_with(
        self, card: int, other: int, name: str, to: str, content: str, after: list[int], what: str, wipe: bool
    ) -> None:
        """Docked, and something happens meanwhile: to its files, to the bay, to the clock, to the store."""
        world, scene = self.scene.cards, self.scene
        acts: dict[str, Callable[[], Any]] = {
            "appears": lambda: world.appears(card, name, CONTENTS[content]),
            "grows": lambda: world.grows(card, name),
            "deleted": lambda: world.deletes(card, name),
            "renamed": lambda: world.renames(card, name, to),
            "clock": lambda: self.the_clock_jumps(-4000.0),
            "pulled out": lambda: world.moves_away(card),
            "exchanged": lambda: world.change_places(card, (card + 1) % len(CARDS)),
            "store down": scene.far.stop,
        }
        work = scene.work(self._together(card, other), wipe=wipe, wait=0.2 if what == "store down" else 5.0)
        scene.run(work, *(Meddling(after=moment, act=acts[what]) for moment in after))
        scene.do(scene.far.start())

    @precondition(lambda self: isinstance(self.scene.far, Simulated))
    @rule(card=cards, other=cards, lie=st.sampled_from(sorted(LIES)), after=st.sampled_from((0, 0, 10, 25)))
    def docked_while_the_store_lies(self, card: int, other: int, lie: str, after: int) -> None:
        """From the beginning, or from the middle of it. It is honest again afterwards, which a person may have to see first."""
        far, work = self.scene.far, self.scene.work(self._together(card, other), wait=0.3)
        assert isinstance(far, Simulated)
        self.scene.lied = True
        if after == 0:
            far.tell(lie)
            self.scene.run(work)
        else:
            self.scene.run(work, Meddling(after=after, act=lambda: far.tell(lie)))
        if lie.startswith("Forgets"):
            self.scene.the_store_has_lost()  # it loses things right after it has proven that it has them
        self.nothing_is_lost()
        assert far.elsewhere.things == {}, "nothing is ever sent to where a store redirects to"
        self.scene.do(far.start())

    @rule(card=cards, other=cards)
    def docked_at_another_store(self, card: int, other: int) -> None:
        """Nothing is sent to one with another key, and nothing is deleted on its word."""
        scene = self.scene
        if not (scene.known or scene.pin):
            return
        scene.do(scene.other.start())
        before = sorted(scene.cards.files(card))
        outcome = scene.run(scene.work(self._together(card, other), url=scene.other.url, wait=0.2))
        assert outcome is not None
        assert sorted(scene.cards.files(card)) == before
        assert not scene.other.touched()

    # -- what has to be so -----------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        faults = self.scene.watching.faults()
        assert faults == [], "\n".join(faults)

    def teardown(self) -> None:
        """With an honest store, all that still is anywhere is in it in the end, every card is empty, and what was lost was told."""
        scene = self.scene
        try:
            if self.begun:
                scene.honest_again()
                scene.hours_pass()  # what is kept is asked for once more then, before it is given up
                spooled = scene.watching.footage_in_spool()
                for together in ([0, 2, 4], [1, 3]):
                    scene.whole_run(together, wipe=True)
                    self.nothing_is_lost()
                undone = scene.watching.emptied() + scene.watching.delivered(past=False)
                assert undone == [], "\n".join(undone)
                left = spooled - scene.watching.in_store()
                assert left == set(), left
                assert scene.untold() == []
        finally:
            scene.close()
