"""What a scrape is told: one look of the view, and what the parts of the agent say of themselves, as the gauges of `dockd.ops.metrics`.

Rule kept here: metrics say what the page says. The store's state is the one of the look (a store that was caught is caught), and what is wrong is what
/problems shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from dockd.app import Agent
from dockd.ops.logs import Logs
from dockd.ops.metrics import Gauges
from dockd.page.looks import BayState
from dockd.page.problems import PROBLEMS
from dockd.page.snapshot import Snapshot
from ingest.clock import from_rfc3339


def gauges(snapshot: Snapshot, agent: Agent, *, logs: Logs, certificates: Mapping[str, float]) -> Gauges:
    """Everything that is so at this moment."""
    states: list[str] = [doc["state"] for doc in snapshot.bays.values()]
    status = snapshot.status
    since: dict[str, float] = {}
    for problem in snapshot.problems:
        began = from_rfc3339(problem["since"])
        since[problem["problem"]] = min(began, since.get(problem["problem"], began))
    kinds = [problem["problem"] for problem in snapshot.problems]
    return Gauges(
        known=status["trouble"] is None, bays={state: states.count(state) for state in get_args(BayState)},
        oldest_unconfirmed=snapshot.oldest_at, unconfirmed_bytes=snapshot.unconfirmed_bytes, unconfirmed_segments=snapshot.unconfirmed_segments,
        backlog_bytes=status["backlog"]["bytes"], backlog_segments=status["backlog"]["segments"], held=snapshot.held,
        lost_segments=status["lost_segments"], in_doubt_segments=status["in_doubt_segments"], cameras_away=status["away"]["cameras"],
        needs_action=status["needs_action"], store_state=status["store"]["state"], store_last_success=agent.delivery.state.last_success,
        spool_free=snapshot.room.free, spool_size=snapshot.room.size, spool_days_left=status["spool"]["days_left"],
        problems={kind: kinds.count(kind) for kind in PROBLEMS}, problems_since={kind: at for kind, at in since.items() if kind in PROBLEMS},
        uploaded_bytes=agent.activity.uploaded_bytes, bandwidth_limit=agent.bandwidth.now.rate, clock_synchronised=agent.clock.synchronised(),
        custody_sequence=agent.ledger.head.seq, log_lines_lost=logs.lost, ended_before=logs.ended_before, certificates=certificates,
    )  # fmt: skip
