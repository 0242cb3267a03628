"""What `dockd status` says of figures that nobody could read."""

from __future__ import annotations

from typing import Any

from dockd.cli.status import figures


def found(**changes: Any) -> dict[str, Any]:
    status: dict[str, Any] = {
        "station": "S", "rack": "1", "ready": 0, "needs_action": 0, "oldest_unconfirmed": None, "wipe_enabled": True, "lost_segments": 0,
        "trouble": None, "backlog": {"segments": 0, "bytes": 0, "eta_seconds": None}, "held": {"segments": 0, "bytes": 0},
        "away": {"segments": 0, "bytes": 0, "cameras": 0}, "store": {"state": "connected", "message": ""},
        "spool": {"free_bytes": 1, "size_bytes": 2},
    }  # fmt: skip
    return {"status": {**status, **changes}, "problems": [], "bays": []}


def test_figures_that_cannot_be_read_are_not_told_as_none() -> None:
    lines = figures(found(trouble="the ledger is damaged"))
    assert "NOT KNOWN: the ledger is damaged" in lines
    assert not [line for line in lines if "none" in line or "nothing" in line or "0 segments" in line]
    assert "oldest not confirmed: none" in figures(found())


def test_what_is_away_and_held_is_told() -> None:
    lines = figures(
        found(away={"segments": 2, "bytes": 5, "cameras": 1}, held={"segments": 1, "bytes": 5}, lost_segments=0)
    )
    assert "not in the store, and not on its way: 2 segments on 1 camera that is not here, 1 segment held here" in lines
