"""The watchdog: its word stops when a part is stuck, and only then; and what the agent's own namespace sees of a camera."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_WATCHING = ("tests/unit/dockd/ops/test_watching.py",)
_NOTIFY = ("tests/unit/dockd/ops/test_notify.py",)

WATCHDOG = (
    Mutant(
        name="watchdog: fed by a timer", promise="an agent that is stuck is ended and started anew",
        file="dockd/ops/watching.py", old="        if not stuck:\n            notify.alive()\n", new="        notify.alive()\n        if not stuck:\n",
        tests=_WATCHING, short=True,
    ),
    Mutant(
        name="watchdog: one part that gets on is enough", promise="a stuck delivery is noticed while the ledger works",
        file="dockd/ops/watching.py", old="            if part.done != done:\n", new="            if any(each.done != done for each in self._parts):\n",
        tests=_WATCHING,
    ),
    Mutant(
        name="watchdog: what waits for a named moment counts as stuck", promise="a store that is down for days ends nobody",
        file="ingest/steps.py", old="self._now() > self._rests_until)", new="self._now() > 0)",
        tests=_WATCHING,
    ),
    Mutant(
        name="watchdog: the moment that was named is not looked at", promise="a queue that does not come back is noticed",
        file="ingest/steps.py", old="        return self._under_way > 0 or (", new="        return self._under_way > 0 and (",
        tests=_WATCHING,
    ),
    Mutant(
        name="watchdog: a commit that hangs is not looked at", promise="a ledger that hangs is noticed",
        file="ingest/ledger/core.py", old="        with self.committing.one():\n            return", new="        if True:\n            return",
        tests=_WATCHING,
    ),
    Mutant(
        name="watchdog: a start gets time whatever it does", promise="a start that hangs is ended",
        file="dockd/ops/watching.py", old="            if now - before > _IDLE_CPU:\n", new="            if now >= before:\n",
        tests=_WATCHING,
    ),
    Mutant(
        name="watchdog: another process's patience", promise="who is not watched says nothing",
        file="dockd/ops/notify.py", old='environ.get("WATCHDOG_PID", os.getpid())) == os.getpid()', new='environ.get("WATCHDOG_PID", os.getpid())) > 0',
        tests=_NOTIFY,
    ),
    Mutant(
        name="mounting: the mount itself is read-only, too", promise="a camera is emptied under the shipped unit, whose namespace has a copy of the mount",
        file="dockd/mounting/kernel.py", old="_CLOEXEC, _ALWAYS)", new="_CLOEXEC, _ALWAYS | 1)",
        tests=("tests/unit/dockd/mounting/test_namespaces.py",),
    ),
    Mutant(
        name="clock: an old word is passed on", promise="P5: a dock whose clock nobody has looked at for a minute does not call it right",
        file="ingest/clock.py", old="if 0 <= age <= _FRESH else None", new="if 0 <= age else None",
        tests=("tests/unit/ingest/test_clock.py",),
    ),
)  # fmt: skip
