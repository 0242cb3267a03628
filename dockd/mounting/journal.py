"""What the mount helper tells: one JSON object a line on standard error, with the field names of dockd's own log."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def say(action: str, message: str, *, failed: bool = False, **facts: str | int | float) -> None:
    """One line. `facts` become dockd.NAME."""
    line: dict[str, str | int | float] = {
        "@timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "log.level": "warning" if failed else "info",
        "message": message,
        "event.action": f"mount.{action}",
        "event.outcome": "failure" if failed else "success",
        "service.name": "dockd-mount",
    }
    line.update({f"dockd.{name}": value for name, value in facts.items()})
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()
