"""A million segments in the queue: what it takes to find the next one, and what memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from tests.bench import machine
from tests.bench.harness import Options
from tests.bench.report import Goal, Report, Table
from tests.bench.watch import told_by

TEXT = """
The ledger is the queue. Each row is a segment that was copied and not confirmed, as an outage of days leaves them, of 64 and of 3,000 cameras, and a
tenth of them wait for another try. Claimed is as the delivery does it: the highest rank, of the cameras in it the one that was given least,
of that camera the oldest, with eight in their places; *SQL alone* is the same without the way to the ledger's reading thread and back. The
process has the ledger, its reader and the queue; memory is its peak, the filling of the table included.
"""
_CASES = ((1_000_000, 64, 0), (1_000_000, 64, 100_000), (1_000_000, 3000, 100_000))


def run(options: Options) -> Report:
    """Fill, open, claim: once each, for what is reported are percentiles of thousands of claims."""
    scale = 50 if options.quick else 1
    found = {}
    for count, cameras, later in _CASES:
        folder = options.scratch / f"{cameras}-{later}"
        found[count // scale, cameras, later // scale] = told_by(
            "tests.bench.claims", folder, count // scale, cameras, 5, later // scale
        )
        shutil.rmtree(folder)
    first, second, many = found.values()
    return Report(
        name="queue", title="A million segments in the queue", machine=machine.description(options.scratch), text=TEXT,
        tables=[_table(found)],
        goals=[
            Goal(name="claim at 64 cameras, p50, ms", wanted=1, reached=first["claim_p50"], at_least=False),
            Goal(name="the same with 100,000 that wait, p50, ms", wanted=1, reached=second["claim_p50"], at_least=False),
            Goal(name="claim at 3,000 cameras, p50, ms", wanted=20, reached=many["claim_p50"], at_least=False),
        ],
    )  # fmt: skip


def _table(found: Mapping[tuple[int, int, int], Mapping[str, float]]) -> Table:
    rows = [
        [
            f"{count:,} of {cameras:,} cameras, {later:,} of them wait",
            f"{told['claim_p50']:.2f}; {told['claim_p99']:.2f}",
            f"{told['sql_p50']:.2f}; {told['sql_p99']:.2f}",
            f"{told['due']:.1f}" if later else "",
            f"{told['open']:.1f}",
            f"{told['peak'] / 1e6:.0f} ({told['empty'] / 1e6:.0f})",
            f"{told['file'] / 1e6:,.0f}",
        ]
        for (count, cameras, later), told in found.items()
    ]
    columns = [
        "queued", "claim, ms: p50; p99", "SQL alone, ms: p50; p99", "until all that came due at once are back, s", "to open the ledger, s",
        "memory, MB (empty ledger)", "ledger's file, MB",
    ]  # fmt: skip
    return Table(title="Claims", columns=columns, rows=rows)
