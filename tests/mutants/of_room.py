"""Days without a link: who may go out, the dock's room, and who comes back when."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_ROOM = ("tests/unit/ingest/test_room.py",)
_STATE = ("tests/unit/dockd/page/test_state.py",)
_SOUND = ("tests/unit/dockd/page/test_sound.py",)
_WAITS = ("tests/unit/ingest/ledger/test_waits.py",)
_OUT = ("tests/unit/ingest/ledger/test_went_out.py",)
_CARDS = ("tests/contract/camera/test_mass_storage.py",)
_HERD = ("tests/unit/ingest/test_herd.py",)

ROOM = (
    Mutant(
        name="usable: footage that is on the camera alone", promise="P1, P5: a camera goes out with the only copy",
        file="dockd/page/state.py", old="        and facts.alone == 0\n", new="", tests=_STATE, short=True,
    ),
    Mutant(
        name="usable: room that nobody knows", promise="P5: a full camera goes on a shift",
        file="dockd/page/state.py", old="facts.min_room == 0 or (facts.room is not None and facts.room >= facts.min_room)",
        new="facts.min_room == 0 or facts.room is None or facts.room >= facts.min_room", tests=_STATE,
    ),
    Mutant(
        name="usable: the dock itself is in doubt", promise="P5: copies count on a disk that spoils them",
        file="dockd/page/state.py", old="        and facts.sound\n", new="", tests=_STATE,
    ),
    Mutant(
        name="usable: a store that was caught", promise="P5: what a dishonest store confirmed counts as safe",
        file="dockd/page/state.py", old='        and facts.store != "dishonest"', new='        and facts.store != ""', tests=_STATE,
    ),
    Mutant(
        name="left: a copy that rotted still counts", promise="P5: a camera with the only copy is not missed",
        file="ingest/ledger/views.py", old="        return self.alone > 0 or not self.out\n", new="        return not self.out\n", tests=_OUT, short=True,
    ),
    Mutant(
        name="left: not all was copied, and it went out", promise="P5: nobody is told that footage is on it alone",
        file="ingest/ledger/cameras.py", old="may_go and not unsafe and soundness", new="may_go and soundness", tests=_OUT,
    ),
    Mutant(
        name="room: of the machine's disk", promise="P5: a folder's camera has the room of the whole machine",
        file="ingest/camera/mass_storage.py", old="        if not self._is_whole_volume():\n", new="        if self._fd < 0:\n", tests=_CARDS,
    ),
    Mutant(
        name="spool: what is promised does not count", promise="the floor: copies at once go below spool.keep_free together",
        file="ingest/spool.py", old="        self._promised += wanted\n", new="        self._promised += 0\n", tests=_ROOM, short=True,
    ),
    Mutant(
        name="spool: a description takes no room", promise="the floor: thousands of small files go below spool.keep_free",
        file="ingest/spool.py", old="        wanted = with_its_description(size)\n", new="        wanted = size\n", tests=_ROOM,
    ),
    Mutant(
        name="room: kept for nobody", promise="a large file starves for ever while small ones take each bit of room",
        file="ingest/room.py", old="beside=self._kept_before(claim)", new="beside=0 * self._kept_before(claim)", tests=_ROOM,
    ),
    Mutant(
        name="room: kept for ever", promise="one large file keeps all others on their cameras while no room comes",
        file="ingest/room.py", old="if self._grew_at is None or self._now() - self._grew_at > _KEPT_FOR:", new="if self._grew_at is None:", tests=_ROOM,
    ),
    Mutant(
        name="retry: a Retry-After kept to the second", promise="the herd: 60 racks come back in one second",
        file="ingest/setbacks.py", old="max(floor + chance * min(floor / 2, longest), ", new="max(floor, ", tests=_HERD,
    ),
    Mutant(
        name="may go out: a restart takes it back", promise="a camera waits since it waits, and not since the agent was started",
        file="dockd/page/moment.py", old="wanted, since = self.sources.settings.ready.usable_after, self.sums.waits.get(camera)",
        new="wanted, since = self.sources.settings.ready.usable_after, None", tests=_SOUND,
    ),
    Mutant(
        name="may go out: what was copied just now has waited as long as the rest", promise="P5: never earlier than true",
        file="dockd/page/facts.py", old="if event.action not in waits.GOES_ON:", new="if event.action in waits.GOES_ON:", tests=_SOUND,
    ),
    Mutant(
        name="may go out: one that was taken out has waited all the same", promise="P5: never earlier than true",
        file="ingest/ledger/waits.py", old="        if action in _TAKEN:\n            return docked\n", new="        if action in _TAKEN:\n            continue\n", tests=_WAITS,
    ),
    Mutant(
        name="may go out: over a boot a clock that nobody vouches for is believed", promise="P5: never earlier than true",
        file="ingest/ledger/waits.py", old="if clock.synchronised() is True and said.synchronised:", new="if said.synchronised:", tests=_WAITS,
    ),
    Mutant(
        name="may go out: a camera waits on whatever happens to it", promise="P5: never earlier than true",
        file="ingest/ledger/waits.py", old="if action not in GOES_ON:", new='if action == "segment.listed":', tests=_WAITS,
    ),
)  # fmt: skip
