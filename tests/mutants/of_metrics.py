"""What Prometheus is told: no figure looks like good news that is not known to be."""

from __future__ import annotations

from tests.mutants.planting import Mutant

_METRICS = ("tests/unit/dockd/ops/test_metrics.py",)

METRICS = (
    Mutant(
        name="metrics: a ledger that cannot be read has nothing to send", promise="no alert of a dock that is blind",
        file="dockd/ops/metrics.py", old="            return value if now.known else None\n", new="            return value\n", tests=_METRICS, short=True,
    ),
    Mutant(
        name="metrics: a ledger that cannot be read has no problems", promise="footage that is lost is over while the ledger cannot be read",
        file="dockd/ops/metrics.py", old="count if count or now.known else None", new="count", tests=_METRICS,
    ),
    Mutant(
        name="metrics: a store that was caught is up", promise="nobody is called",
        file="dockd/ops/metrics.py", old='now.store_state in ("connected", "slow")', new='now.store_state != "down"', tests=_METRICS,
    ),
)  # fmt: skip
