"""What the dock says of itself while it is in doubt: its disk, a store that was caught, a camera that does not tell any more."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_SOUND = ("tests/unit/dockd/page/test_sound.py",)
_STATE = ("tests/unit/dockd/page/test_state.py",)
_STANDING = ("tests/unit/ingest/test_standing.py",)
_OUT = ("tests/unit/ingest/ledger/test_went_out.py",)
_DOCKING = ("tests/unit/dockd/test_docking.py",)
_WATCH = ("tests/unit/ingest/test_spool_watch.py",)
_SAFE = "P5: footage is called safe on a dock whose disk is gone"

SOUNDNESS = (
    Mutant(
        name="sound: a disk that is not mounted", promise=_SAFE,
        file="dockd/page/moment.py", old="return self.in_place and not (", new="return not (", tests=_SOUND,
    ),
    Mutant(
        name="sound: copies that cannot be read", promise=_SAFE,
        file="dockd/page/moment.py", old="not (unsound or self.sources.activity.spool_failed or spoilt", new="not (unsound or spoilt", tests=_SOUND,
    ),
    Mutant(
        name="caught: the line's word stands for it", promise="P5: a store that was caught is good again when its line dies",
        file="dockd/page/moment.py", old='if self.sums.caught is None or state.word == "dishonest":', new='if self.sums.caught is None or state.word == "down":', tests=_SOUND,
    ),
    Mutant(
        name="caught: a failure of the line replaces it", promise="a store that was caught is good again when its line dies",
        file="ingest/standing.py", old='if self._caught and word != "dishonest":', new='if self._caught and word == "slow":', tests=_STANDING,
    ),
    Mutant(
        name="caught: a new start has forgotten it", promise="a store that was caught is good again after a restart without a line",
        file="ingest/link.py", old="            self.standing.recall(known)\n", new="            self.standing.recognised(known.id)\n", tests=_STANDING,
    ),
    Mutant(
        name="charge: what is not told any more", promise="P5: an empty battery goes on a shift",
        file="dockd/docking.py", old="charge_lost=battery is None and (", new="charge_lost=battery is not None and (", tests=_DOCKING,
    ),
    Mutant(
        name="usable: its charge is not told any more", promise="P5: an empty battery goes on a shift",
        file="dockd/page/state.py", old="        facts.ours\n        and not (facts.charge_lost or facts.clock_lost)\n", new="        facts.ours\n", tests=_STATE, short=True,
    ),
    Mutant(
        name="went out: what is on another card counts not", promise="P5: a camera with the only copy is not missed",
        file="ingest/ledger/cameras.py", old="    unsafe = unsafe or views.only_elsewhere(tx.execute, camera, docking=docking)\n", new="", tests=_OUT,
    ),
    Mutant(
        name="went out: of a dock that is in doubt", promise="P5: nobody is told that a camera may have the only copy",
        file="ingest/ledger/cameras.py", old=" and soundness.sound(tx.execute):", new=":", tests=_OUT,
    ),
    Mutant(
        name="went out: of a dock whose disk is gone", promise="P5: nobody is told that a camera may have the only copy",
        file="ingest/intake.py", old="if self._activity.spool_failed or not self._spool.in_place():", new="if self._activity.spool_failed:", tests=_DOCKING,
    ),
    Mutant(
        name="spool: not mounted is not seen", promise=_SAFE,
        file="ingest/spool_watch.py", old="    if not spool.in_place():\n", new="    if not spool.folder.name:\n", tests=_WATCH, short=True,
    ),
    Mutant(
        name="spool: a copy that could not be read counts", promise=_SAFE,
        file="ingest/reread.py", old="            self.doubt(segment, error.message)\n", new="", tests=_WATCH,
    ),
    Mutant(
        name="spool: what was held for its disk stays held", promise="footage goes on by itself when the disk is back",
        file="ingest/spool_watch.py", old="        if row.held == SpoolUnread.reason:\n", new="        if row.held == row.id:\n", tests=_WATCH,
    ),
    Mutant(
        name="spool: a start forgets what could not be read", promise=_SAFE,
        file="ingest/spool_watch.py", old="            self._rereading.doubt(segment, why)\n", new="            self._rereading.forget(why)\n", tests=_WATCH,
    ),
    Mutant(
        name="spool: segments are blamed for a disk that is away", promise="footage goes on by itself when the disk is back",
        file="ingest/delivery.py", old="        elif not self._spool.in_place():", new="        elif self._spool.in_place() is None:", tests=_WATCH,
    ),
)  # fmt: skip
