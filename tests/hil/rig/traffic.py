"""What has gone to and from a plugged device, counted by QEMU: the moment for a fault is chosen by it.

A fault "in the middle of the pull" must come there on any machine, fast or slow; bytes tell where that is, time does not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.hil.rig.qmp import Qmp


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bytes since the device was plugged, as the guest sees them."""

    read: int
    written: int

    def since(self, before: Traffic) -> Traffic:
        return Traffic(read=self.read - before.read, written=self.written - before.written)


def traffic(qmp: Qmp, device: str) -> Traffic:
    """The counters of the device with this id. Raises LookupError where it is not plugged."""
    for entry in qmp.execute("query-blockstats"):
        if device in entry.get("qdev", "").split("/"):
            stats = entry["stats"]
            return Traffic(read=int(stats["rd_bytes"]), written=int(stats["wr_bytes"]))
    raise LookupError(f"{device} is not plugged")


def await_traffic(qmp: Qmp, device: str, *, more: Traffic, timeout: float = 120) -> None:
    """Wait until the device has read and written at least this much more than now. Raises TimeoutError."""
    before = traffic(qmp, device)
    deadline = time.monotonic() + timeout
    while (so_far := traffic(qmp, device).since(before)).read < more.read or so_far.written < more.written:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{device}: {so_far} after {timeout:.0f} s, and {more} was awaited")
        time.sleep(0.002)
