"""Whether the ledger opens and is whole, as far as that can be seen in the time of a look, while an agent may be at work with it."""

from __future__ import annotations

from collections.abc import Iterable

from dockd.doctor import agent
from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.doctor.machine import Machine, NotSeen
from dockd.settings import Settings
from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.ledger.bounded_look import Looked, look

_WITHIN = 15.0
_ANEW = (
    "Leave the cameras in, delete nothing. Look at its disk first (journalctl -k -b), then systemctl restart dockd: the damaged one is kept, and a new one made of "
    "the spool and the store. docs/runbooks/DockdLedgerReplaced.md"
)


def whole(machine: Machine, settings: Settings, *, within: float = _WITHIN) -> Iterable[Finding]:
    """Changes nothing, and locks nothing that the agent wants. Blocks. Raises NotSeen."""
    path = settings.ledger.path
    try:
        found = _looked(machine, settings, within=within)
    except FileNotFoundError:
        yield skipped("ledger", f"there is no ledger at {path} yet: the first start makes it")
    except LedgerDamaged as error:
        yield failed("ledger", error.message, _ANEW)
    except LedgerUnusable as error:
        yield failed("ledger", error.message, "systemctl status dockd; journalctl -u dockd -e")
    except OSError as error:
        raise NotSeen(f"{path} cannot be read ({error.strerror})") from error
    else:
        if found.whole:
            yield passed("ledger", f"{path} opens, and all of it is whole")
        else:
            yield warned(
                "ledger",
                f"{path} opens, and nothing wrong was seen; not all of it was looked at: {found.left}",
                "dockd custody verify looks at all of its record.",
            )


def _looked(machine: Machine, settings: Settings, *, within: float) -> Looked:
    written = agent.process(machine, settings) is not None
    try:
        return look(settings.ledger.path, written=written, within=within)
    except LedgerUnusable:
        if written or agent.process(machine, settings) is None:
            raise
        return look(settings.ledger.path, written=True, within=within)  # an agent was started meanwhile
