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
)  # fmt: skip
