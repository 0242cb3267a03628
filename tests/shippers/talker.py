"""A dock that has much to say: the real log writer, into the journal or a file, with lines as they come and some that are hard to carry.

python -m tests.shippers.talker --to journal|FILE --lines N --rate LINES_A_SECOND --mark FILE
"""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path

from dockd.ops.happenings import Heartbeat
from dockd.ops.logs import Logs
from dockd.ops.mark import Mark
from dockd.ops.sinks import open_sink
from ingest.events import CameraFailed, CameraListed, Event, PermitIssued, SegmentConfirmed, SegmentListed

_HARD = (
    'quotes " and \\ and {"json": [1]}', "two\nlines\r\n\tand a tab", "Gwyliwch: ŵ ŷ 日本語 \U0001f4f7", "%s %d %n $!all-json ${MESSAGE}", "\udcff\x00\x1b[31m", "x" * 12_000,
    '{"@timestamp":"1970-01-01T00:00:00Z","service.name":"dockd"}', "<13>Nov 21 00:00:00 dock sshd[1]: not this one",
)  # fmt: skip


def event(number: int) -> Event:
    """The `number`th."""
    camera, segment = f"vendor-tree:X{number % 64:05}~6A41-11CF", f"{number:032x}"
    match number % 8:
        case 0:
            hard = _HARD[number // 8 % len(_HARD)]
            return CameraFailed(camera=camera, bay=number % 64, error=hard)
        case 1:
            return CameraListed(camera=camera, bay=number % 64, docking=number, listing=number, files=9, bytes=10**9, skipped=0)  # fmt: skip
        case 2:
            return PermitIssued(camera=camera, permit=number, count=20, segments=[segment] * 20)
        case 3:
            return Heartbeat(docked=1, ready=2, needs_action=3, waiting=4, waiting_bytes=5, store="connected", log_lines_lost=0, boot="b")  # fmt: skip
        case 4 | 5:
            return SegmentListed(camera=camera, segment=segment, path=f"DCIM/{number}.MP4", bytes=number, mtime_ns=number)  # fmt: skip
        case _:
            return SegmentConfirmed(
                camera=camera, segment=segment, path=f"DCIM/{number}.MP4", bytes=number, sha256="a" * 64, store="s", object=segment, method="receipt",
                stored_at="2026-11-21T00:00:00Z", receipt_sha256="b" * 64,
            )  # fmt: skip


def main() -> None:
    """Talk, evenly over time, until all is said or SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--mark", type=Path, required=True)
    asked = parser.parse_args()
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    sink, warning = open_sink(form="journald", file=None) if asked.to == "journal" else open_sink(form="json", file=Path(asked.to))  # fmt: skip
    assert not warning, warning
    logs = Logs(sink=sink, version="shippers", mark=Mark(asked.mark)).start()
    began = time.monotonic()
    for number in range(asked.lines):
        if ended:
            break
        logs.hear(event(number), number)
        if number % 50 == 0:
            time.sleep(max(0.0, began + number / asked.rate - time.monotonic()))
    logs.close(patience=60)
    print(f"{logs.run} {logs.lost}")


if __name__ == "__main__":
    main()
