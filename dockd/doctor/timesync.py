"""Whether this machine knows what time it is: captures, receipts and certificates are held against its clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from dockd.doctor.findings import Finding, failed, passed, skipped, warned
from dockd.settings import Settings

_BUILT = 1_767_225_600.0  # 2026-01-01: no dock runs this version before it
_FAR, _DAY = 300.0, 86400.0
SET = "timedatectl; timedatectl set-ntp true, or set-time."
_DO = "timedatectl set-ntp true, and see that its time servers can be reached: timedatectl timesync-status, or chronyc sources."


def doubt(
    kernel: bool | None,  # noqa: FBT001 (what the kernel says)
    *,
    now: float,
    seen: float | None = None,
    newest: float | None = None,
) -> str:
    """What speaks against this machine's clock, "" where nothing does. `seen`: what another's says; `newest`: of when the newest of the dock's files is."""
    if seen is not None and abs(seen - now) > _FAR:
        return f"this machine's says {_said(now)}, and the store's {_said(seen)}"
    if newest is not None and newest > now + _DAY:
        return f"this machine's says {_said(now)}, and the dock has files of {_said(newest)}"
    if kernel is False:
        return f"this machine's says {_said(now)}, and is not synchronised"
    return ""


def newest(settings: Settings) -> float | None:
    """Of when the newest of the files is that the agent writes all the time. Blocks."""
    found: list[float] = []
    ledger = settings.ledger.path
    for path in (ledger, ledger.with_name(f"{ledger.name}-wal"), ledger.with_name("log.mark")):
        with contextlib.suppress(OSError):
            found.append(path.stat().st_mtime)
    return max(found, default=None)


def _said(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(max(0.0, min(at, 253e9))))


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
