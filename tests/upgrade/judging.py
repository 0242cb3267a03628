"""What has to be so at the end of every upgrade."""

from __future__ import annotations

from tests.upgrade.scene import Rack


def all_is_well(rack: Rack, before: list[str]) -> None:
    """Raises AssertionError where anything was lost, sent twice or forgotten. `before`: the record's hashes as the older version left them."""
    found = rack.nothing_lost() + rack.sent_twice()
    assert found == [], f"{found}\n{rack.said}"
    verified = rack.command("custody", "verify")
    assert verified.code == 0, verified.said
    balanced = rack.command("reconcile")
    assert balanced.code == 0, balanced.said
    assert rack.entries()[: len(before)] == before
