"""Whether this machine knows what time it is: captures, receipts and certificates are held against its clock."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dockd.doctor.findings import Finding, failed, passed, skipped, warned

_BUILT = 1_767_225_600.0  # 2026-01-01: no dock runs this version before it
_DO = "timedatectl set-ntp true, and see that its time servers can be reached: timedatectl timesync-status, or chronyc sources."


def synchronised(kernel: bool | None, *, now: float) -> Iterable[Finding]:  # noqa: FBT001 (what the kernel says)
    """`kernel`: whether it holds its time to be synchronised; None: it does not say."""
    if now < _BUILT:
        said = time.strftime("%Y-%m-%d", time.gmtime(now))
        yield failed(
            "time",
            f"the clock says {said}, which cannot be",
            f"Set it (timedatectl set-time), and its battery may be flat. {_DO}",
        )
    elif kernel is None:
        yield skipped("time", "the kernel does not say whether its time is synchronised")
    elif kernel:
        yield passed("time", "the clock is synchronised")
    else:
        yield warned(
            "time", "the clock is not synchronised: cameras' clocks cannot be judged, and receipts may be refused", _DO
        )
