"""What people are told of a store that does not take footage, and how long is waited for it."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_WAIT = ("tests/unit/dockd/test_oneshot_wait.py",)

SAYING = (
    Mutant(
        name="wait: a wipe that waits for its proof is work", promise="a run by hand ends when the store does not answer",
        file="dockd/oneshot.py", old='    if "wiping" in phases and word in ("connected", "slow", "unknown"):', new='    if "wiping" in phases:', tests=_WAIT,
    ),
    Mutant(
        name="wipe: read again at each try while the store is away", promise="cards are not worn out for a store that cannot be asked",
        file="ingest/emptying.py", old="        await self._wiping.provable()\n", new="", tests=("tests/unit/ingest/test_wipe.py",),
    ),
    Mutant(
        name="store: what a person must mend goes on by itself", promise="a key that is refused is not waited for in silence",
        file="dockd/page/advice.py", old="if pattern.search(message)", new="if not pattern", tests=("tests/unit/dockd/page/test_advice.py",),
    ),
    Mutant(
        name="room: what keeps the dock full is not said", promise="a rack that stands still for a day says why, and until when",
        file="dockd/page/moment.py", old="kept=self.kept_words(), ", new='kept="", ', tests=("tests/unit/dockd/page/test_view.py",),
    ),
    Mutant(
        name="log: an outage is not worth a warning", promise="an outage of days leaves a line in a log of warnings",
        file="dockd/ops/logs.py", old="self._put(event.severity(), ", new="self._put(event.level, ", tests=("tests/unit/dockd/ops/test_logs.py",),
    ),
    Mutant(
        name="log: an end of dockd makes room", promise="the log says nothing that is not so",
        file="ingest/pull.py", old="        if not stays:\n", new="        if camera:\n", tests=("tests/unit/ingest/test_pull.py",),
    ),
)  # fmt: skip
