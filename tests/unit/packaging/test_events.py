"""docs/events.md and the journal's catalogue say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

import dockd.ops.happenings  # noqa: F401 - its events are in the registry once it is imported
from dockd.ops.journald import message_id
from ingest.events import REGISTRY
from tests.program import REPOSITORY

CATALOGUE = REPOSITORY / "packaging/dockd.catalog"


def test_both_are_what_the_code_says() -> None:
    found = subprocess.run([sys.executable, str(REPOSITORY / "packaging/events.py"), "--check"], capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")


def test_each_event_is_explained_once_under_its_own_id() -> None:
    entries = re.findall(
        r"^-- ([0-9a-f]{32})\nSubject: ([a-z._]+): .+\nDefined-By: dockd\n", CATALOGUE.read_text(), re.M
    )
    own = {action: event for action, event in REGISTRY.items() if event.__module__.startswith(("ingest.", "dockd."))}
    assert dict(entries) == {message_id(action): action for action in own}
    assert len(entries) == len(own)
