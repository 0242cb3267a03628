"""Every check in a process of its own, all at once, none for longer than its time (`apart`): one that hangs is told of, and holds up nobody.

Where root asks, a check that speaks for the agent runs as the agent's user: what that user may not read it finds out by not being able to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from dockd.doctor.apart import Job, User, apart
from dockd.doctor.findings import Finding, failed
from dockd.doctor.machine import NotSeen

_MOST = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look: what it is called, how long it may take (seconds), and whether it speaks for the agent."""

    group: str
    name: str
    look: Callable[[], Iterable[Finding]]
    within: float = 10.0
    as_agent: bool = False

    def job(self, agent: User | None) -> Job:
        """To be done apart. `agent`: whom a check that speaks for it runs as; None: as whoever asks."""
        return Job(
            look=lambda: _found(self), within=self.within, most=_MOST, user=agent if self.as_agent else None
        )  # fmt: skip

    def findings(self, said: bytes | None) -> list[Finding]:
        """What it found, by what its process said."""
        if said is None:
            says = f"it did not end within {self.within:g} s: a disk, a share or a device hangs"
            return [failed(self.name, says, "Look at the kernel's messages: journalctl -k -b").clean(group=self.group)]
        return [Finding(**each).clean(group=self.group) for each in json.loads(said)]


def run(checks: Sequence[Check], *, agent: User | None = None) -> list[Finding]:
    """What all of them found, in their order. `agent`: whom checks that speak for it run as; None: as whoever asks. Raises OSError (no process)."""
    said = apart([check.job(agent) for check in checks])
    return [finding for check, one in zip(checks, said, strict=True) for finding in check.findings(one)]


def _found(check: Check) -> bytes:
    try:
        found = list(check.look())
    except NotSeen as error:
        do = "Ask as root: dockd doctor" if os.geteuid() else ""
        found = [Finding(check=check.name, outcome="skipped", says=str(error), do=do)]
    except Exception as error:  # noqa: BLE001 (a check that fails is told of as that, beside what the others found)
        says = f"this check itself went wrong: {type(error).__name__}: {error}"
        found = [failed(check.name, says, "Tell those who maintain dockd.")]
    return json.dumps([asdict(one) for one in found]).encode("ascii", "backslashreplace")
